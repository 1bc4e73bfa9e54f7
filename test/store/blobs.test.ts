import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { digestOf, type Descriptor } from '../../src/chart/digest.ts';
import { readAll, type ByteRange, type OpenBytes } from '../../src/lib/bytes.ts';
import { Blobs, DamagedBlob } from '../../src/store/blobs.ts';
import type { ObjectStore, OpenObject } from '../../src/store/contract.ts';
import { blobKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { patternBytes } from '../contract/object-store.ts';
import { faultOf } from '../support/http.ts';

const mebibyte = 1024 * 1024;
const chunkBytes = 64 * 1024;
const hello = Buffer.from('hello');
const type = 'application/octet-stream';
const big = patternBytes(9 * mebibyte + 11);

const descriptorOf = (bytes: Uint8Array): Descriptor => ({
  mediaType: type,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});

interface Watched extends ObjectStore {
  readonly calls: string[];
  readonly bodies: Readable[];
  failing: boolean;
}

/** A store in memory that streams as the others do, counts what is asked of it, and fails when told to. */
function watchedStore(): Watched {
  const store = memoryStore();
  const asked = <T>(call: string, work: () => Promise<T>): Promise<T> => {
    watched.calls.push(call);
    return watched.failing ? Promise.reject(new Error('the store is gone')) : work();
  };
  const streamed = (object: OpenObject | undefined): OpenObject | undefined => {
    if (!object || object.total <= mebibyte || !Buffer.isBuffer(object.body)) return object;
    const bytes = object.body;
    const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, at) =>
      bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes),
    );
    const body = Readable.from(chunks, { objectMode: false });
    watched.bodies.push(body);
    return { ...object, body };
  };
  const watched: Watched = {
    calls: [],
    bodies: [],
    failing: false,
    head: (key) => asked('head', () => store.head(key)),
    read: (key, range) => asked(range ? 'range' : 'read', async () => streamed(await store.read(key, range))),
    write: (key, bytes, onlyIf) => asked('write', () => store.write(key, bytes, onlyIf)),
    remove: (key) => asked('remove', () => store.remove(key)),
    list: (prefix) => store.list(prefix),
  };
  return watched;
}

/** Everything that came out, also when it ended in an error. */
async function received(open: OpenBytes | undefined): Promise<{ size: number; error?: unknown }> {
  if (!open || Buffer.isBuffer(open.body)) return { size: open?.size ?? -1 };
  let size = 0;
  try {
    for await (const chunk of open.body) size += (chunk as Buffer).length;
    return { size };
  } catch (error) {
    return { size, error };
  }
}

async function bytesOf(open: OpenBytes | undefined): Promise<Buffer> {
  if (!open) throw new Error('nothing there');
  return Buffer.isBuffer(open.body) ? open.body : readAll(open.body, open.size);
}

const spoiled = (bytes: Uint8Array): Buffer => {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
  return copy;
};

describe('blobs', () => {
  it('come back by their digest, whole and in parts', async () => {
    for (const bytes of [Buffer.alloc(0), hello, patternBytes(3 * mebibyte), big]) {
      const store = watchedStore();
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
    const blobs = new Blobs(watchedStore());
    expect(await blobs.open(descriptorOf(hello))).toBeUndefined();
    expect(await blobs.open(descriptorOf(big))).toBeUndefined();
    expect(await blobs.open(descriptorOf(big), { start: 0, end: 1 })).toBeUndefined();
    expect(blobs.hot(digestOf(hello))).toBeUndefined();
  });

  it('are not written again when they are there', async () => {
    const store = watchedStore();
    const blobs = new Blobs(store);
    await blobs.put(hello, type);
    await blobs.put(hello, type);
    expect(store.calls).toEqual(['head', 'write', 'head']);
  });

  it('are written again when what is there has another size', async () => {
    const store = watchedStore();
    await store.write(blobKey(digestOf(hello)), Buffer.from('hell'));
    await new Blobs(store).put(hello, type);
    expect(String(await bytesOf(await new Blobs(store).open(descriptorOf(hello))))).toBe('hello');
  });

  it('are read once for all who ask at the same time, and from memory after that, at once', async () => {
    const store = watchedStore();
    await store.write(blobKey(digestOf(hello)), hello);
    const blobs = new Blobs(store);
    const answers = await Promise.all(Array.from({ length: 50 }, async () => blobs.open(descriptorOf(hello))));
    expect(answers.every((answer) => String(answer?.body) === 'hello')).toBe(true);
    expect(store.calls.filter((call) => call === 'read')).toHaveLength(1);
    expect(blobs.open(descriptorOf(hello))).not.toBeInstanceOf(Promise);
    expect(String(blobs.hot(digestOf(hello)))).toBe('hello');
  });

  it('in memory go on while the store fails, and the others are faults of the store', async () => {
    const store = watchedStore();
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
    const store = watchedStore();
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
    const blobs = new Blobs(watchedStore());
    const view = patternBytes(mebibyte).subarray(5, 10);
    blobs.remember(digestOf(view), view);
    expect(blobs.hot(digestOf(view))?.buffer.byteLength).toBeLessThan(mebibyte / 2);
  });
});

describe('a damaged blob', () => {
  for (const [what, damaged] of [
    ['changed', spoiled(hello)],
    ['shorter', hello.subarray(0, 4)],
    ['longer', Buffer.from('hello!')],
    ['empty', Buffer.alloc(0)],
    ['very much longer', patternBytes(2 * mebibyte)],
  ] as const) {
    it(`that is ${what} never leaves, and the fault says which it is`, async () => {
      const store = watchedStore();
      await store.write(blobKey(digestOf(hello)), damaged);
      const blobs = new Blobs(store);
      for (const range of [undefined, { start: 0, end: 1 }]) {
        const fault = await faultOf(Promise.resolve(blobs.open(descriptorOf(hello), range)));
        expect([fault.code, fault.message.includes(digestOf(hello))]).toEqual(['store-failed', true]);
        expect(fault.cause).toBeInstanceOf(DamagedBlob);
      }
      expect(blobs.hot(digestOf(hello))).toBeUndefined();
      expect(store.bodies.every((body) => body.destroyed)).toBe(true);
    });
  }

  it('is written anew by the next put, although its size is right', async () => {
    const store = watchedStore();
    await store.write(blobKey(digestOf(hello)), spoiled(hello));
    const blobs = new Blobs(store);
    await faultOf(Promise.resolve(blobs.open(descriptorOf(hello))));
    await blobs.put(hello, type);
    expect(String(await bytesOf(await new Blobs(store).open(descriptorOf(hello))))).toBe('hello');
  });

  it('that is large ends short of its end, with a fault', async () => {
    const store = watchedStore();
    await store.write(blobKey(digestOf(big)), spoiled(big));
    const { size, error } = await received(await new Blobs(store).open(descriptorOf(big)));
    expect(size).toBeLessThan(big.length);
    expect(error).toMatchObject({ code: 'store-failed' });
  });

  it('that is large gives no part of itself', async () => {
    const store = watchedStore();
    await store.write(blobKey(digestOf(big)), spoiled(big));
    const open = new Blobs(store).open(descriptorOf(big), { start: 0, end: 9 });
    expect((await faultOf(Promise.resolve(open))).cause).toBeInstanceOf(DamagedBlob);
  });

  it('that is large and of another size is refused before its first byte', async () => {
    const store = watchedStore();
    await store.write(blobKey(digestOf(big)), big.subarray(1));
    await faultOf(Promise.resolve(new Blobs(store).open(descriptorOf(big))));
    expect(store.bodies.every((body) => body.destroyed)).toBe(true);
  });
});

describe('a large blob', () => {
  it('is hashed once for all parts that are asked for, and read directly after that', async () => {
    const store = watchedStore();
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
    const store = watchedStore();
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
    const store = watchedStore();
    await store.write(blobKey(digestOf(big)), big);
    const open = await new Blobs(store).open(descriptorOf(big));
    if (!open || Buffer.isBuffer(open.body)) throw new Error('not streamed');
    for await (const chunk of open.body) if (chunk) break;
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.bodies.every((body) => body.destroyed)).toBe(true);
  });
});
