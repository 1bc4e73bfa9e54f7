import { mkdtemp, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

import { supportsConditionalWrites } from '../../src/store/conditional.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { formatKey } from '../../src/store/layout.ts';
import type { StorePlace } from '../contract/object-store-conditions.ts';
import { describeObjectStore } from '../contract/object-store.ts';
import { ManualClock } from '../support/clock.ts';
import { faultOf } from '../support/http.ts';
import { openS3Store } from '../support/s3-store.ts';
import { needsTools } from '../support/tools.ts';
import { startVersitygw, type Versitygw } from '../support/versitygw.ts';

/** This server shows its own temporary files in lists while it replaces an object, which no client can help. */
function withoutServersOwn(store: ObjectStore): ObjectStore {
  return {
    ...store,
    async *list(prefix) {
      for await (const info of store.list(prefix)) if (!/\.sgwtmp\.\d+$/.test(info.key)) yield info;
    },
  };
}

describe.skipIf(needsTools('versitygw'))('against a real S3 server', () => {
  let server: Versitygw;
  let folder: string;
  let buckets = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chartroom-s3-'));
    server = await startVersitygw(folder);
  });

  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function emptyPlace(prefix: string): Promise<StorePlace> {
    const store = withoutServersOwn(await emptyBucket(prefix));
    const bucket = join(folder, `bucket-${buckets}`);
    const makeOld = async (key: string): Promise<void> => {
      const file = join(bucket, prefix + key);
      const hourAgo = (await stat(file)).mtimeMs / 1000 - 3600;
      await utimes(file, hourAgo, hourAgo);
    };
    return { store, makeOld };
  }

  async function emptyBucket(prefix: string): Promise<ObjectStore> {
    buckets += 1;
    const { store, close } = await openS3Store(server.options(`bucket-${buckets}`, { prefix }));
    onTestFinished(close);
    await store.remove(formatKey);
    return store;
  }

  describeObjectStore('in a bucket', () => emptyPlace(''));
  describeObjectStore('in a bucket below a prefix', () => emptyPlace('chart+room/V1/'));

  it('says that this server has conditional writes, and leaves only its format behind', async () => {
    const store = await emptyBucket('');
    expect(await supportsConditionalWrites(store)).toBe(true);
    for await (const { key } of store.list('')) expect(key).toBe(formatKey);
  });

  it('says which bucket is missing and what to do, unless it may create it', async () => {
    const fault = await faultOf(openS3Store(server.options('not-there', { createBucket: false })));
    expect(fault.code).toBe('store-failed');
    expect(fault.message).toContain('not-there');
    expect(fault.advice).toContain('createBucket');
  });

  it('finds a bucket that is there already', async () => {
    const options = server.options('made-before');
    (await openS3Store(options)).close();
    const { store, close } = await openS3Store({ ...options, createBucket: false });
    onTestFinished(close);
    expect(await store.head('a')).toBeUndefined();
  });

  it('says that keys are wrong without saying the keys', async () => {
    const fault = await faultOf(openS3Store(server.options('bucket-x', { accessKeyId: 'nobody' })));
    expect(fault.code).toBe('store-failed');
    expect(JSON.stringify([fault.message, fault.advice])).not.toContain(server.secretAccessKey);
  });

  it('signs with the identity of the environment when no keys are configured', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', server.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.secretAccessKey);
    onTestFinished(() => void vi.unstubAllEnvs());
    const options = server.options('ambient', { accessKeyId: undefined, secretAccessKey: undefined });
    const { store, close } = await openS3Store(options);
    onTestFinished(close);
    await store.write('a', Buffer.from('hello'));
    expect((await store.head('a'))?.size).toBe(5);
  });

  it('gives up uploads in parts that were begun long ago, and leaves objects alone', async () => {
    const clock = new ManualClock(Date.now() + 23 * 3_600_000);
    const { store, tidy, close } = await openS3Store(server.options('uploads', { prefix: 'p/' }), clock);
    onTestFinished(close);
    await store.write('blobs/a', Buffer.from('a'));
    const { port, accessKeyId: accessKey, secretAccessKey: secretKey, region } = server;
    const other = new Client({ endPoint: '127.0.0.1', port, useSSL: false, accessKey, secretKey, region });
    for (const key of ['p/blobs/a', 'p/blobs/b+c', 'q/x']) await other.initiateNewMultipartUpload('uploads', key, {});
    expect(await tidy(24 * 3_600_000)).toBe(0);
    await clock.advance(2 * 3_600_000);
    expect(await tidy(24 * 3_600_000)).toBe(2);
    expect(await tidy(24 * 3_600_000)).toBe(0);
    expect((await store.head('blobs/a'))?.size).toBe(1);
    expect(await other.findUploadId('uploads', 'q/x')).toBeDefined();
  });

  it('lists more objects than one answer holds', async () => {
    const store = await emptyBucket('p/');
    const keys = Array.from({ length: 1005 }, (_, at) => `many/${at}+x`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => store.write(key, Buffer.from('x'))));
    }
    const found: string[] = [];
    for await (const { key } of store.list('many/')) found.push(key);
    expect(found.sort()).toEqual(keys.sort());
  });
});
