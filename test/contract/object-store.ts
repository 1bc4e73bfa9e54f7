import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { readAll } from '../../src/lib/bytes.ts';
import type { ObjectInfo, ObjectStore } from '../../src/store/contract.ts';
import { bytesOf, conditionChecks, written, type StoreCheck, type StorePlace } from './object-store-conditions.ts';
import { timeChecks } from './object-store-times.ts';

const mebibyte = 1024 * 1024;
const hello = Buffer.from('hello');

/** Bytes that look like nothing else, the same for the same seed. */
export function patternBytes(size: number, seed = 1): Buffer {
  const block = createHash('sha512').update(`seed ${seed}`).digest();
  return Buffer.alloc(size, block);
}

async function listed(store: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  const all: ObjectInfo[] = [];
  for await (const info of store.list(prefix)) all.push(info);
  return all.sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  return (await listed(store, prefix)).map(({ key }) => key);
}

/** Keys of every shape that the layout or a chart's name and version can lead to. */
export const oddKeys: readonly string[] = [
  'a',
  '0',
  '1.10',
  'Chart.yaml',
  'chart.yaml',
  'CHART.YAML',
  'tmp/x',
  'tmp.json',
  'lost+found/x',
  'holdings/podinfo/MyChart/1.0.0+build.7/first.json',
  'holdings/podinfo/mychart/1.0.0+Build.7/first.json',
  'holdings/pod~info/nginx/1.0.0~rc.1_x/first.json',
  '.hidden/.x',
  'a..b/...',
  `long/${'x'.repeat(200)}/y`,
  `LONG/${'X'.repeat(200)}`,
  `deep/${'d/'.repeat(40)}end`,
];

const badKeys: readonly string[] = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  'a/../b',
  './a',
  'a/.',
  'a b',
  'a\\b',
  'a\0',
  'a\n',
  'a%2fb',
  'a!b',
  'ä',
  'a:b',
  'x'.repeat(241),
  `${'x/'.repeat(460)}y`,
];

/** What a store promises besides conditions. */
const plainChecks: readonly StoreCheck[] = [
  {
    name: 'answers undefined for what is not there',
    run: async (store) => {
      expect(await store.head('nothing/here')).toBeUndefined();
      expect(await store.read('nothing/here')).toBeUndefined();
      expect(await store.read('nothing/here', { start: 0, end: 3 })).toBeUndefined();
      expect(await keysOf(store, 'nothing/')).toEqual([]);
      await store.write('nothing/here/below', hello);
      expect(await store.head('nothing/here')).toBeUndefined();
      expect(await store.read('nothing/here')).toBeUndefined();
      expect(await store.read('nothing/here/below/that')).toBeUndefined();
    },
  },
  {
    name: 'gives back the bytes that were written, with size and etag',
    run: async (store) => {
      const etag = await written(store, 'a/b', hello);
      const object = await store.read('a/b');
      expect(object?.body).toEqual(hello);
      expect([object?.size, object?.total, object?.etag]).toEqual([5, 5, etag]);
      const info = await store.head('a/b');
      expect([info?.key, info?.size, info?.etag]).toEqual(['a/b', 5, etag]);
      expect(info?.modifiedMs).toBeGreaterThan(0);
    },
  },
  {
    name: 'keeps every odd key apart from every other and lists it as it was written',
    run: async (store) => {
      for (const key of oddKeys) await store.write(key, Buffer.from(key));
      for (const key of oddKeys) expect(String(await bytesOf(store, key))).toBe(key);
      expect(await keysOf(store, '')).toEqual([...oddKeys].sort());
    },
  },
  {
    name: 'lists what starts with a prefix, wherever the prefix ends',
    run: async (store) => {
      for (const key of ['a/b/c', 'a/bc', 'a/B/c', 'ab', 'b/a']) await store.write(key, hello);
      expect(await keysOf(store, 'a/b')).toEqual(['a/b/c', 'a/bc']);
      expect(await keysOf(store, 'a/b/')).toEqual(['a/b/c']);
      expect(await keysOf(store, 'a/B')).toEqual(['a/B/c']);
      expect(await keysOf(store, 'a')).toEqual(['a/B/c', 'a/b/c', 'a/bc', 'ab']);
      expect(await keysOf(store, 'a/b/c')).toEqual(['a/b/c']);
      expect(await keysOf(store, 'a/b/c/')).toEqual([]);
      expect((await listed(store, 'ab')).map(({ size }) => size)).toEqual([5]);
    },
  },
  {
    name: 'refuses a key that is none before touching anything',
    run: async (store) => {
      const fault = { code: 'store-failed' };
      for (const key of badKeys) {
        await expect(store.head(key)).rejects.toMatchObject(fault);
        await expect(store.read(key)).rejects.toMatchObject(fault);
        await expect(store.write(key, hello)).rejects.toMatchObject(fault);
        await expect(store.remove(key)).rejects.toMatchObject(fault);
      }
      await expect(keysOf(store, '../')).rejects.toMatchObject(fault);
      await expect(keysOf(store, 'a/../b')).rejects.toMatchObject(fault);
      expect(await keysOf(store, '')).toEqual([]);
    },
  },
  {
    name: 'reads the range that was asked for, and tells the whole size',
    run: async (store) => {
      await store.write('small', Buffer.from('0123456789'));
      const large = patternBytes(3 * mebibyte + 7);
      await store.write('large', large);
      const small = await store.read('small', { start: 2, end: 4 });
      expect([String(small?.body), small?.size, small?.total]).toEqual(['234', 3, 10]);
      for (const [start, end] of [
        [0, 0],
        [5, 2 * mebibyte],
        [large.length - 1, large.length - 1],
        [0, large.length - 1],
      ] as const) {
        const part = await store.read('large', { start, end });
        expect([part?.size, part?.total]).toEqual([end - start + 1, large.length]);
        const body = part?.body ?? Buffer.alloc(0);
        const bytes = Buffer.isBuffer(body) ? body : await readAll(body, large.length);
        expect(bytes.equals(large.subarray(start, end + 1))).toBe(true);
      }
    },
  },
  {
    name: 'faults on a range beyond the object',
    run: async (store) => {
      await store.write('small', Buffer.from('0123456789'));
      await expect(store.read('small', { start: 5, end: 10 })).rejects.toMatchObject({ code: 'store-failed' });
      await expect(store.read('small', { start: 10, end: 11 })).rejects.toMatchObject({ code: 'store-failed' });
    },
  },
  {
    name: 'keeps an empty object',
    run: async (store) => {
      await store.write('empty', Buffer.alloc(0));
      const object = await store.read('empty');
      expect([object?.size, object?.total]).toEqual([0, 0]);
      expect(await bytesOf(store, 'empty')).toEqual(Buffer.alloc(0));
      expect((await store.head('empty'))?.size).toBe(0);
      expect(await keysOf(store, '')).toEqual(['empty']);
    },
  },
  {
    name: 'keeps an object of 8 MiB and streams it',
    run: async (store) => {
      const large = patternBytes(8 * mebibyte);
      const etag = await written(store, 'large', large);
      const object = await store.read('large');
      expect([object?.size, object?.etag]).toEqual([large.length, etag]);
      expect((await bytesOf(store, 'large'))?.equals(large)).toBe(true);
      const body = object?.body ?? Buffer.alloc(0);
      if (!Buffer.isBuffer(body)) body.destroy();
      expect((await store.head('large'))?.etag).toBe(etag);
    },
  },
  {
    name: 'does not change what it keeps when a caller changes a buffer',
    run: async (store) => {
      const mine = Buffer.from('hello');
      await store.write('a', mine);
      mine.fill(0);
      const read = await store.read('a');
      if (Buffer.isBuffer(read?.body)) read.body.fill(0);
      expect(String(await bytesOf(store, 'a'))).toBe('hello');
    },
  },
  {
    name: 'replaces an object, and the etag says so',
    run: async (store) => {
      const first = await written(store, 'a', hello);
      const second = await written(store, 'a', Buffer.from('HELLO'));
      expect(second).not.toBe(first);
      expect((await store.read('a'))?.etag).toBe(second);
      expect(String(await bytesOf(store, 'a'))).toBe('HELLO');
    },
  },
  {
    name: 'never shows half an object or anything of its own while objects are written',
    run: async (store) => {
      const contents = [1, 2, 3].map((seed) => patternBytes(300_000 + seed, seed));
      let writing = true;
      const writes = (async () => {
        for (let round = 0; round < 8; round += 1) {
          await Promise.all(contents.map((bytes, at) => store.write(`a/${(round + at) % 4}`, bytes)));
        }
      })().finally(() => (writing = false));
      writes.catch(() => undefined);
      const seen = new Set<string>();
      do {
        await new Promise<void>((resolve) => setImmediate(resolve));
        for (const { key, size } of await listed(store, '')) {
          seen.add(key);
          expect(contents.map((bytes) => bytes.length)).toContain(size);
        }
        const bytes = await bytesOf(store, 'a/1');
        if (bytes) expect(contents.some((content) => content.equals(bytes))).toBe(true);
      } while (writing);
      await writes;
      expect([...seen, ...(await keysOf(store, ''))].filter((key) => !/^a\/[0-3]$/.test(key))).toEqual([]);
    },
  },
  {
    name: 'removes an object, and what is not there as well',
    run: async (store) => {
      await store.write('a/b', hello);
      await store.remove('a/b');
      await store.remove('a/b');
      await store.remove('a');
      await store.remove('never/was');
      expect(await store.head('a/b')).toBeUndefined();
      expect(await keysOf(store, '')).toEqual([]);
      expect(await store.write('a/b', hello, 'absent')).not.toBe('conflict');
    },
  },
  {
    name: 'goes on after bodies that nobody read',
    run: async (store) => {
      await store.write('large', patternBytes(2 * mebibyte));
      for (let round = 0; round < 80; round += 1) {
        const object = await store.read('large');
        const body = object?.body ?? Buffer.alloc(0);
        if (!Buffer.isBuffer(body)) body.destroy();
      }
      expect((await bytesOf(store, 'large'))?.length).toBe(2 * mebibyte);
    },
  },
];

/** Every promise of the contract. */
export const storeChecks: readonly StoreCheck[] = [...plainChecks, ...timeChecks, ...conditionChecks];

/** Runs every check, each on an empty store that `factory` makes. */
export function describeObjectStore(name: string, factory: () => Promise<StorePlace>): void {
  describe(`the object store ${name}`, () => {
    for (const check of storeChecks) {
      it(`${check.name}`, async () => {
        const { store, makeOld } = await factory();
        await check.run(store, makeOld);
      });
    }
  });
}
