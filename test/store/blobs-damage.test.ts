import { describe, expect, it } from 'vitest';

import { digestOf, type Digest } from '../../src/chart/digest.ts';
import type { OpenBytes } from '../../src/lib/bytes.ts';
import { Blobs, DamagedBlob } from '../../src/store/blobs.ts';
import { blobKey } from '../../src/store/layout.ts';
import { patternBytes } from '../contract/object-store.ts';
import { ManualClock } from '../support/clock.ts';
import { faultOf } from '../support/http.ts';
import { bytesOf, descriptorOf, spoiled, streamingStore } from './streaming-store.ts';

const mebibyte = 1024 * 1024;
const hello = Buffer.from('hello');
const type = 'application/octet-stream';
const big = patternBytes(9 * mebibyte + 11);

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

describe('a damaged blob', () => {
  for (const [what, damaged] of [
    ['changed', spoiled(hello)],
    ['shorter', hello.subarray(0, 4)],
    ['longer', Buffer.from('hello!')],
    ['empty', Buffer.alloc(0)],
    ['very much longer', patternBytes(2 * mebibyte)],
  ] as const) {
    it(`that is ${what} never leaves, and the fault says which it is`, async () => {
      const store = streamingStore();
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
    const store = streamingStore();
    await store.write(blobKey(digestOf(hello)), spoiled(hello));
    const blobs = new Blobs(store);
    await faultOf(Promise.resolve(blobs.open(descriptorOf(hello))));
    await blobs.put(hello, type);
    expect(String(await bytesOf(await new Blobs(store).open(descriptorOf(hello))))).toBe('hello');
  });

  it('that is large ends short of its end, with a fault', async () => {
    const store = streamingStore();
    await store.write(blobKey(digestOf(big)), spoiled(big));
    const { size, error } = await received(await new Blobs(store).open(descriptorOf(big)));
    expect(size).toBeLessThan(big.length);
    expect(error).toMatchObject({ code: 'store-failed' });
  });

  it('that is large gives no part of itself', async () => {
    const store = streamingStore();
    await store.write(blobKey(digestOf(big)), spoiled(big));
    const open = new Blobs(store).open(descriptorOf(big), { start: 0, end: 9 });
    expect((await faultOf(Promise.resolve(open))).cause).toBeInstanceOf(DamagedBlob);
  });

  it('that is large and of another size is refused before its first byte', async () => {
    const store = streamingStore();
    await store.write(blobKey(digestOf(big)), big.subarray(1));
    await faultOf(Promise.resolve(new Blobs(store).open(descriptorOf(big))));
    expect(store.bodies.every((body) => body.destroyed)).toBe(true);
  });

  it('is not read again until it was put anew, and is reported once until then', async () => {
    const store = streamingStore();
    const damage: Digest[] = [];
    const blobs = new Blobs(store, { onDamage: (digest) => void damage.push(digest) });
    for (const bytes of [hello, big]) await store.write(blobKey(digestOf(bytes)), spoiled(bytes));
    await received(await blobs.open(descriptorOf(big)));
    await faultOf(Promise.resolve(blobs.open(descriptorOf(hello))));
    expect(damage).toEqual([digestOf(big), digestOf(hello)]);
    store.calls.length = 0;
    for (const bytes of [hello, big, hello, big]) {
      const fault = await faultOf(Promise.resolve(blobs.open(descriptorOf(bytes))));
      expect(fault.cause).toBeInstanceOf(DamagedBlob);
    }
    expect([store.calls, damage.length]).toEqual([[], 2]);
    await blobs.put(hello, type);
    expect(String(await bytesOf(await blobs.open(descriptorOf(hello))))).toBe('hello');
  });

  it('is reported again when it is damaged again', async () => {
    const store = streamingStore();
    const damage: Digest[] = [];
    const blobs = new Blobs(store, { maxHotBytes: 1, onDamage: (digest) => void damage.push(digest) });
    for (let round = 1; round <= 3; round += 1) {
      await store.write(blobKey(digestOf(hello)), spoiled(hello));
      await faultOf(Promise.resolve(blobs.open(descriptorOf(hello))));
      expect(damage).toHaveLength(round);
      await blobs.put(hello, type);
    }
  });

  it.each([
    ['small', hello],
    ['large', big],
  ])('that is %s and was put anew by another process is found sound after a minute', async (_, bytes) => {
    const clock = new ManualClock();
    const store = streamingStore();
    const damage: Digest[] = [];
    const blobs = new Blobs(store, { clock, onDamage: (digest) => void damage.push(digest) });
    const descriptor = descriptorOf(bytes);
    const read = async () => bytesOf(await blobs.open(descriptor));
    await store.write(blobKey(descriptor.digest), spoiled(bytes));
    await faultOf(read());
    await clock.advance(60_000);
    await faultOf(read());
    expect(damage).toHaveLength(2);
    await store.write(blobKey(descriptor.digest), bytes);
    await clock.advance(59_999);
    await faultOf(read());
    await clock.advance(1);
    expect((await read()).equals(bytes)).toBe(true);
  });

  it('that is in memory goes on being answered', async () => {
    const store = streamingStore();
    const blobs = new Blobs(store);
    await store.write(blobKey(digestOf(hello)), spoiled(hello));
    await faultOf(Promise.resolve(blobs.open(descriptorOf(hello))));
    blobs.remember(digestOf(hello), hello);
    expect(String(await bytesOf(await blobs.open(descriptorOf(hello))))).toBe('hello');
  });
});

describe('verifying what is in the store', () => {
  it.each([
    ['small', hello],
    ['large', big],
    ['empty', Buffer.alloc(0)],
  ])(
    'tells sound, damaged and missing %s blobs apart, keeps nothing in memory and counts nothing',
    async (_, bytes) => {
      const store = streamingStore();
      const damage: Digest[] = [];
      const blobs = new Blobs(store, { onDamage: (digest) => void damage.push(digest) });
      const descriptor = descriptorOf(bytes);
      const key = blobKey(descriptor.digest);
      expect(await blobs.verify(descriptor)).toBe('missing');
      await store.write(key, bytes);
      expect(await blobs.verify(descriptor)).toBe('sound');
      for (const other of [
        Buffer.concat([bytes, hello]),
        Buffer.alloc(bytes.length + 1),
        spoiled(Buffer.from('hell0')),
      ]) {
        await store.write(key, other);
        expect(await blobs.verify(descriptor)).toBe('damaged');
      }
      expect([blobs.hot(descriptor.digest), damage]).toEqual([undefined, []]);
      expect(store.bodies.every((body) => body.destroyed)).toBe(true);
    },
  );

  it('is the fault of the store when that does not answer', async () => {
    const store = streamingStore();
    store.failing = true;
    await expect(new Blobs(store).verify(descriptorOf(hello))).rejects.toThrow('the store is gone');
  });
});
