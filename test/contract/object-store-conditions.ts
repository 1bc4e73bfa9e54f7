import { expect } from 'vitest';

import { readAll } from '../../src/lib/bytes.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { addTo } from './counter.ts';

/** An empty store, and power over its time. */
export interface StorePlace {
  readonly store: ObjectStore;
  /** Makes it an hour since the object was written. */
  readonly makeOld: (key: string) => Promise<void>;
}

/** One promise of the contract, checked on an empty store. Rejects where the store does not keep it. */
export interface StoreCheck {
  readonly name: string;
  run(store: ObjectStore, makeOld: StorePlace['makeOld']): Promise<void>;
}

/** The whole object, in memory. */
export async function bytesOf(store: ObjectStore, key: string): Promise<Buffer | undefined> {
  const object = await store.read(key);
  if (!object) return undefined;
  return Buffer.isBuffer(object.body) ? object.body : readAll(object.body, object.size);
}

/** Writes without a condition; answers with the etag. */
export async function written(store: ObjectStore, key: string, bytes: Uint8Array): Promise<string> {
  const result = await store.write(key, bytes);
  if (result === 'conflict') throw new Error('a write without a condition answered conflict');
  return result.etag;
}

const hello = Buffer.from('hello');

/** What writes under a condition promise, alone and against each other. */
export const conditionChecks: readonly StoreCheck[] = [
  {
    name: 'writes where nothing is only if nothing is there',
    run: async (store) => {
      expect(await store.write('a', hello, 'absent')).toMatchObject({ etag: expect.any(String) as string });
      expect(await store.write('a', Buffer.from('other'), 'absent')).toBe('conflict');
      expect(await store.write('a', hello, 'absent')).toBe('conflict');
      expect(String(await bytesOf(store, 'a'))).toBe('hello');
    },
  },
  {
    name: 'replaces only the object with the etag that was named',
    run: async (store) => {
      const first = await written(store, 'a', hello);
      const second = await store.write('a', Buffer.from('second'), { etag: first });
      expect(second).not.toBe('conflict');
      expect(await store.write('a', Buffer.from('third'), { etag: first })).toBe('conflict');
      expect(await store.write('b', Buffer.from('third'), { etag: first })).toBe('conflict');
      expect(String(await bytesOf(store, 'a'))).toBe('second');
      expect(await bytesOf(store, 'b')).toBeUndefined();
      const etag = (await store.head('a'))?.etag ?? '';
      expect(await store.write('a', Buffer.from('third'), { etag })).not.toBe('conflict');
      expect(String(await bytesOf(store, 'a'))).toBe('third');
    },
  },
  {
    name: 'lets exactly one of twenty writers create an object',
    run: async (store) => {
      const writers = Array.from({ length: 20 }, (_, at) => store.write('race', Buffer.from(`writer ${at}`), 'absent'));
      const winners = (await Promise.all(writers)).flatMap((result, at) => (result === 'conflict' ? [] : [at]));
      expect(winners).toHaveLength(1);
      expect(String(await bytesOf(store, 'race'))).toBe(`writer ${winners[0]}`);
    },
  },
  {
    name: 'lets exactly one of twenty writers replace an object',
    run: async (store) => {
      const etag = await written(store, 'race', hello);
      const writers = Array.from({ length: 20 }, (_, at) => store.write('race', Buffer.from(`writer ${at}`), { etag }));
      const winners = (await Promise.all(writers)).flatMap((result, at) => (result === 'conflict' ? [] : [at]));
      expect(winners).toHaveLength(1);
      expect(String(await bytesOf(store, 'race'))).toBe(`writer ${winners[0]}`);
    },
  },
  {
    name: 'loses no update of a counter that many add to',
    run: async (store) => {
      await store.write('counter', Buffer.from('0'));
      const conflicts = await Promise.all(Array.from({ length: 6 }, () => addTo(store, 'counter', 5)));
      expect(String(await bytesOf(store, 'counter'))).toBe('30');
      expect(conflicts.every((count) => count < 500)).toBe(true);
    },
  },
];
