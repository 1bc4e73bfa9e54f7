import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { Client } from 'minio';

import type { ObjectStore } from '../../../src/store/contract.ts';
import { filesystemStore } from '../../../src/store/filesystem.ts';
import { hexDigest } from '../../support/charts.ts';
import { openS3Store } from '../../support/s3-store.ts';
import { startVersitygw } from '../../support/versitygw.ts';

/** A store whose servers are killed. */
export interface KilledStore {
  readonly kind: 'disk' | 'bucket';
  /** The `store` of the servers' configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The same store from here. */
  readonly store: ObjectStore;
  /** Leaves behind what an interrupted write leaves that is no object. */
  interruptWrite(): Promise<void>;
}

/** One in a folder. */
export function openDisk(folder: string): KilledStore {
  return {
    kind: 'disk',
    config: { filesystem: { path: folder } },
    store: filesystemStore({ path: folder }),
    interruptWrite: async () => {
      await mkdir(join(folder, 'tmp'), { recursive: true });
      await writeFile(join(folder, 'tmp', randomUUID()), randomBytes(100));
    },
  };
}

/** One in a bucket of a real S3 server on a folder; `cleanUp` gets what ends it. */
export async function openBucket(folder: string, cleanUp: (end: () => unknown) => void): Promise<KilledStore> {
  const gateway = await startVersitygw(folder);
  cleanUp(() => gateway.stop());
  const { endpoint, port, region, accessKeyId, secretAccessKey } = gateway;
  const bucket = 'charts';
  const { store, close } = await openS3Store(gateway.options(bucket));
  cleanUp(close);
  const keys = { accessKey: accessKeyId, secretKey: secretAccessKey };
  const client = new Client({ endPoint: '127.0.0.1', port, useSSL: false, region, pathStyle: true, ...keys });
  return {
    kind: 'bucket',
    config: { s3: { endpoint, region, accessKeyId, secretAccessKey, bucket, pathStyle: true } },
    store,
    interruptWrite: async () => {
      await client.initiateNewMultipartUpload(bucket, `blobs/left-behind-${randomUUID()}`, {});
    },
  };
}

/** Where a blob with this digest is. */
export function blobKey(hex: string): string {
  return `blobs/sha256/${hex.slice(0, 2)}/${hex}`;
}

/** Puts what nothing names: two blobs, a table, and what is no object. */
export async function litter(kept: KilledStore): Promise<void> {
  const { store } = kept;
  await kept.interruptWrite();
  for (const bytes of [randomBytes(1_000), randomBytes(1_000)]) await store.write(blobKey(hexDigest(bytes)), bytes);
  const table = Buffer.from(`${randomUUID()}\t1.0.0\n`);
  await store.write(`catalogs/sha256/${hexDigest(table)}.gz`, gzipSync(table));
}
