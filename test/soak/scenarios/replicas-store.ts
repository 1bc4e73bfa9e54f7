import { readAll } from '../../../src/lib/bytes.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { openLog } from '../../../src/lib/log.ts';
import type { ObjectStore, OpenObject } from '../../../src/store/contract.ts';
import { filesystemStore } from '../../../src/store/filesystem.ts';
import { openS3Bucket } from '../../../src/store/s3.ts';
import { hexDigest } from '../../support/charts.ts';
import type { Versitygw } from '../../support/versitygw.ts';
import { Broken } from '../observer.ts';
import type { Published } from './replicas-repository.ts';

/** Where replicas meet: what their configuration says of it, and the same store from here. */
export interface Meeting {
  readonly config: Readonly<Record<string, unknown>>;
  readonly store: ObjectStore;
  readonly close: () => void;
}

/** What the configuration says of a bucket at an S3 server, or at what stands before it. */
export function bucketConfig(gateway: Versitygw, prefix: string, endpoint = gateway.endpoint): Meeting['config'] {
  const { region, accessKeyId, secretAccessKey } = gateway;
  return { s3: { endpoint, region, accessKeyId, secretAccessKey, bucket: 'charts', prefix, pathStyle: true } };
}

/** A prefix of a bucket, which is made where it is missing. */
export async function meetInBucket(gateway: Versitygw, prefix: string): Promise<Meeting> {
  const log = openLog({ level: 'error', format: 'json' });
  const bucket = openS3Bucket(gateway.options('charts', { prefix }), { clock: systemClock, log });
  await bucket.prepare();
  return { config: bucketConfig(gateway, prefix), store: bucket.store, close: bucket.close };
}

/** A folder. */
export function meetInFolder(path: string): Meeting {
  return { config: { filesystem: { path } }, store: filesystemStore({ path }), close: () => undefined };
}

/** An object as a whole. */
export async function bytesOf({ body, size }: OpenObject): Promise<Buffer> {
  return Buffer.isBuffer(body) ? body : readAll(body, size);
}

/**
 * Rejects unless a store holds what was published and nothing else: one first record for each version, and its archive
 * under its digest, whole.
 */
export async function expectStored(store: ObjectStore, published: readonly Published[]): Promise<void> {
  const places = published.map(({ upstream, chart, version }) => `holdings/${upstream}/${chart}/${version}/first.json`);
  const records = await Array.fromAsync(store.list('holdings/'), ({ key }) => key);
  expectSame('holding', records, places);
  const blobs = await Array.fromAsync(store.list('blobs/'), ({ key }) => key);
  const names = published.map(({ digest }) => `blobs/sha256/${digest.slice(0, 2)}/${digest}`);
  expectSame('blob', blobs, names);
  for (const key of blobs) {
    const object = await store.read(key);
    if (!object || !key.endsWith(`/${hexDigest(await bytesOf(object))}`)) throw new Broken(`${key} is damaged`);
  }
}

/** Rejects when one is missing, there twice, or not expected. */
export function expectSame(what: string, found: readonly string[], expected: readonly string[]): void {
  const [seen, wanted] = [new Set(found), new Set(expected)];
  const missing = [...wanted.difference(seen)];
  const surplus = [...seen.difference(wanted)];
  if (seen.size < found.length) throw new Broken(`a ${what} is there twice`);
  if (missing.length > 0) throw new Broken(`${missing.length} of ${wanted.size} are missing: ${what} ${missing[0]}`);
  if (surplus.length > 0) throw new Broken(`${surplus.length} are too many: ${what} ${surplus[0]}`);
}
