import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { watchStore } from '../../src/store/watched.ts';

describe('a store that is watched', () => {
  test('is known to be full although it can be read, until a write succeeds', async () => {
    let full = true;
    const memory = memoryStore();
    const { store, fault } = watchStore({
      head: (key) => memory.head(key),
      read: (key) => memory.read(key),
      remove: (key) => memory.remove(key),
      list: (prefix) => memory.list(prefix),
      write: (key, bytes, onlyIf) =>
        full ? Promise.reject(new Fault('store-failed', 'full', '')) : memory.write(key, bytes, onlyIf),
    });
    expect(fault()).toBeUndefined();

    await store.write('a', Buffer.from('a')).catch(() => undefined);
    await store.read('a');
    expect(fault()?.message).toBe('full');

    full = false;
    await store.write('a', Buffer.from('a'));
    expect(fault()).toBeUndefined();
  });
});
