import { describe, expect, it } from 'vitest';

import { digestOf, type Descriptor } from '../../src/chart/digest.ts';
import type { ByteRange } from '../../src/lib/bytes.ts';
import { Blobs, DamagedBlob } from '../../src/store/blobs.ts';
import { blobKey } from '../../src/store/layout.ts';
import { patternBytes } from '../contract/object-store.ts';
import { faultOf } from '../support/http.ts';
import { bytesOf, descriptorOf, spoiled, streamingStore } from './streaming-store.ts';

const mebibyte = 1024 * 1024;
const chunkBytes = 64 * 1024;
const hello = Buffer.from('hello');
const type = 'application/octet-stream';
const big = patternBytes(9 * mebibyte + 11);

describe('blobs', () => {
  it('come back by their digest, whole and in parts', async () => {
    for (const bytes of [Buffer.alloc(0), hello, patternBytes(3 * mebibyte), big]) {
      const store = streamingStore();
      const descriptor = await new Blobs(store).put(bytes, type);
      expect(descriptor).toEqual(descriptorOf(bytes));
      const blobs = new Blobs(store);
      const whole = await blobs.open(descriptor);
      expect([whole?.size, whole?.total]).toEqual([bytes.length, bytes.length]);
      expect((await bytesOf(whole)).equals(bytes)).toBe(true);
      if (bytes.length === 0) continue;
      const range: ByteRange = { start: 1, end: bytes.length - 2 };
      const part = await blobs.open(descriptor, range);
      expect([part?.size, part?.total]).toEqual([bytes.length - 2, bytes.length]);
      expect((await bytesOf(part)).equals(bytes.subarray(1, -1))).toBe(true);
    }
  });

  it('that nobody put are undefined', async () => {
    const blobs = new Blobs(streamingStore());
    expect(await blobs.open(descriptorOf(hello))).toBeUndefined();
    expect(await blobs.open(descriptorOf(big))).toBeUndefined();
    expect(await blobs.open(descriptorOf(big), { start: 0, end: 1 })).toBeUndefined();
    expect(blobs.hot(digestOf(hello))).toBeUndefined();
  });

  it('are written also when they are there, since who put them before may not have named them', async () => {
    const store = streamingStore();
    const blobs = new Blobs(store);
    await blobs.put(hello, type);
    await blobs.put(hello, type);
    expect(store.calls).toEqual(['write', 'write']);
  });

  it('are known to be there or not, and gone from memory too once they are removed', async () => {
    const store = streamingStore();
    const blobs = new Blobs(store);
    const descriptor = await blobs.put(hello, type);
    expect(await blobs.check(descriptor.digest)).toBe(true);
    await blobs.remove(descriptor.digest);
    await blobs.remove(descriptor.digest);
    expect(await blobs.check(descriptor.digest)).toBe(false);
    expect(await blobs.open(descriptor)).toBeUndefined();
  });

  it('are read once for all who ask at the same time, and from memory after that, at once', async () => {
    const store = streamingStore();
    await store.write(blobKey(digestOf(hello)), hello);
    const blobs = new Blobs(store);
    const answers = await Promise.all(Array.from({ length: 50 }, async () => blobs.open(descriptorOf(hello))));
    expect(answers.every((answer) => String(answer?.body) === 'hello')).toBe(true);
    expect(store.calls.filter((call) => call === 'read')).toHaveLength(1);
    expect(blobs.open(descriptorOf(hello))).not.toBeInstanceOf(Promise);
    expect(String(blobs.hot(digestOf(hello)))).toBe('hello');
  });

  it('in memory go on while the store fails, and the others are faults of the store', async () => {
    const store = streamingStore();
    const blobs = new Blobs(store);
    const descriptor = await blobs.put(hello, type);
    store.failing = true;
    blobs.remember(digestOf(big), big);
    expect(String(await bytesOf(await blobs.open(descriptor)))).toBe('hello');
    expect((await bytesOf(await blobs.open(descriptorOf(big), { start: 0, end: 9 }))).length).toBe(10);
    await expect(blobs.open(descriptorOf(Buffer.from('cold')))).rejects.toThrow('the store is gone');
    store.failing = false;
    expect(await blobs.open(descriptorOf(Buffer.from('cold')))).toBeUndefined();
  });

  it('stay in memory within the bound, and filling ahead does not push out what was asked for', async () => {
    const store = streamingStore();
    const blobs = new Blobs(store, { maxHotBytes: 10 * chunkBytes });
    const wanted = await blobs.put(patternBytes(4 * chunkBytes, 0), type);
    await blobs.open(wanted);
    const others: Descriptor[] = [];
    for (let seed = 1; seed < 6; seed += 1) others.push(await blobs.put(patternBytes(4 * chunkBytes, seed), type));
    expect(blobs.hot(wanted.digest)).toBeDefined();
    for (const other of others) await blobs.open(other);
    const hot = [wanted, ...others].filter(({ digest }) => blobs.hot(digest));
    expect(hot).toHaveLength(2);
  });

  it('do not keep a larger memory alive than they are counted for', () => {
    const blobs = new Blobs(streamingStore());
    const view = patternBytes(mebibyte).subarray(5, 10);
    blobs.remember(digestOf(view), view);
    expect(blobs.hot(digestOf(view))?.buffer.byteLength).toBeLessThan(mebibyte / 2);
  });
});

describe('a large blob', () => {
  it('that was verified once is verified again each time all of it leaves', async () => {
    const store = streamingStore();
    await store.write(blobKey(digestOf(big)), big);
    const { etag } = (await store.head(blobKey(digestOf(big)))) ?? { etag: '' };
    const blobs = new Blobs({
      ...store,
      // the disk rots unseen: the object seems to be the same
      read: async (key, range) => {
        const object = await store.read(key, range);
        return object && { ...object, etag };
      },
    });
    await bytesOf(await blobs.open(descriptorOf(big)));
    await store.write(blobKey(digestOf(big)), spoiled(big));
    const open = await blobs.open(descriptorOf(big));
    expect((await faultOf(bytesOf(open))).cause).toBeInstanceOf(DamagedBlob);
  });

  it('is hashed once for all parts that are asked for, and read directly after that', async () => {
    const store = streamingStore();
    await store.write(blobKey(digestOf(big)), big);
    const blobs = new Blobs(store);
    const parts = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => blobs.open(descriptorOf(big), { start: at, end: at + 99 })),
    );
    const bytes = await Promise.all(parts.map(bytesOf));
    expect(bytes.every((part, at) => part.equals(big.subarray(at, at + 100)))).toBe(true);
    expect(store.calls.filter((call) => call === 'read')).toHaveLength(1);
  });

  it('is hashed again when the object became another one', async () => {
    const store = streamingStore();
    await store.write(blobKey(digestOf(big)), big);
    const blobs = new Blobs(store);
    await bytesOf(await blobs.open(descriptorOf(big)));
    await store.write(blobKey(digestOf(big)), spoiled(big));
    const fault = await faultOf(Promise.resolve(blobs.open(descriptorOf(big), { start: 0, end: 9 })));
    expect(fault.cause).toBeInstanceOf(DamagedBlob);
    await blobs.put(big, type);
    expect((await bytesOf(await blobs.open(descriptorOf(big), { start: 0, end: 9 }))).length).toBe(10);
  });

  it('lets go of the store when its reader leaves', async () => {
    const store = streamingStore();
    await store.write(blobKey(digestOf(big)), big);
    const open = await new Blobs(store).open(descriptorOf(big));
    if (!open || Buffer.isBuffer(open.body)) throw new Error('not streamed');
    for await (const chunk of open.body) if (chunk) break;
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.bodies.every((body) => body.destroyed)).toBe(true);
  });
});
