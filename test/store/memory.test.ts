import { expect, test } from 'vitest';

import { memoryStore, openMemory } from '../../src/store/memory.ts';
import { describeObjectStore } from '../contract/object-store.ts';
import { ManualClock } from '../support/clock.ts';

describeObjectStore('in memory', async () => {
  const clock = new ManualClock();
  return { store: memoryStore({ clock }), makeOld: () => clock.advance(3_600_000) };
});

test('a store in memory has nothing to tidy, and keeps what it has', async () => {
  const { store, prepare, tidy, conditional } = openMemory();
  await prepare();
  await store.write('a', Buffer.from('a'));
  expect([await tidy(0), conditional()]).toEqual([0, true]);
  expect(await store.head('a')).toBeDefined();
  expect(await store.head('format.json')).toBeDefined();
});
