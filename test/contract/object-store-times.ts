import { expect } from 'vitest';

import type { ObjectStore } from '../../src/store/contract.ts';
import { bytesOf, written, type StoreCheck } from './object-store-conditions.ts';

const hello = Buffer.from('hello');

/** When the object was written, as `head` and `list` say. */
async function timesOf(store: ObjectStore, key: string): Promise<readonly number[]> {
  const times = [(await store.head(key))?.modifiedMs ?? 0];
  for await (const info of store.list(key)) times.push(info.modifiedMs);
  return times;
}

async function renewed(store: ObjectStore, key: string, before: readonly number[]): Promise<readonly boolean[]> {
  const halfAnHour = 30 * 60_000;
  return (await timesOf(store, key)).map((ms, at) => ms > (before[at] ?? ms) + halfAnHour);
}

/** What a store promises of the time of an object: the sweep takes nothing that was written lately. */
export const timeChecks: readonly StoreCheck[] = [
  {
    name: 'renews the time of an object that is overwritten with the bytes it has',
    run: async (store, makeOld) => {
      const etag = await written(store, 'a', hello);
      await makeOld('a');
      const before = await timesOf(store, 'a');
      expect(await written(store, 'a', hello)).toBe(etag);
      expect(await renewed(store, 'a', before)).toEqual([true, true]);
      expect(String(await bytesOf(store, 'a'))).toBe('hello');
    },
  },
  {
    name: 'renews the time of a large object that is overwritten with the bytes it has',
    run: async (store, makeOld) => {
      const large = Buffer.alloc(2 * 1024 * 1024, 'x');
      await store.write('a', large);
      await makeOld('a');
      const before = await timesOf(store, 'a');
      await store.write('a', large);
      expect(await renewed(store, 'a', before)).toEqual([true, true]);
    },
  },
  {
    name: 'renews the time of an object that is replaced by the same bytes under a condition',
    run: async (store, makeOld) => {
      const etag = await written(store, 'a', hello);
      await makeOld('a');
      const before = await timesOf(store, 'a');
      expect(await store.write('a', hello, { etag })).toEqual({ etag });
      expect(await renewed(store, 'a', before)).toEqual([true, true]);
    },
  },
  {
    name: 'leaves the time of an object alone when a condition fails',
    run: async (store, makeOld) => {
      await store.write('a', hello);
      await makeOld('a');
      const before = await timesOf(store, 'a');
      expect(await store.write('a', hello, 'absent')).toBe('conflict');
      expect(await store.write('a', hello, { etag: 'another' })).toBe('conflict');
      expect(await timesOf(store, 'a')).toEqual(before);
    },
  },
];
