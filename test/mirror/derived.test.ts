import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Tables } from '../../src/mirror/committing/tables.ts';
import { sweep } from '../../src/mirror/retention/sweep.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { documentsKey, leaseKey } from '../../src/store/layout.ts';
import type { ManualClock } from '../support/clock.ts';
import type { WatchedStore } from '../support/engine.ts';
import { hold, jobsHere } from '../support/kept-store.ts';
import { inspect, openWorld } from './fsck-world.ts';

const documents = Buffer.from('{"readme":"# demo","tooLarge":[]}\n');
const gone = documentsKey(digestOf(Buffer.from('nobody holds this')));
const dayMs = 24 * 60 * 60_000;

/** A store with what was made of an archive that is held, and of one that is not. */
async function open() {
  const world = await openWorld();
  const kept = documentsKey(world.demo.archive.digest);
  await world.store.write(kept, documents);
  await world.store.write(gone, documents);
  return { ...world, kept };
}

async function sweepOf(store: ObjectStore, clock: ManualClock) {
  // whoever sweeps holds the lease
  await store.write(leaseKey, Buffer.from('{}'));
  const load = (kind: 'catalog' | 'snapshot', digest: `sha256:${string}`) =>
    new Tables(store, jobsHere).load(kind, digest);
  return sweep({ store, tidy: async () => 0, load, clock, signal: new AbortController().signal });
}

const has = async (store: WatchedStore, key: string): Promise<boolean> => (await store.head(key)) !== undefined;

describe('what was made of an archive', () => {
  test('is swept when nothing has held the archive for a day', async () => {
    const { clock, store, kept } = await open();
    await clock.advance(dayMs - 1_000);
    expect(await sweepOf(store, clock)).toMatchObject({ derived: 0 });
    await clock.advance(2_000);

    expect(await sweepOf(store, clock)).toMatchObject({ blobs: 0, tables: 0, derived: 1, bytes: documents.length });
    expect(await has(store, gone)).toBe(false);
    expect(await has(store, kept)).toBe(true);
  });

  test('is put back when the archive is held again while it is swept', async () => {
    const { clock, store } = await open();
    await clock.advance(2 * dayMs);
    const remove = store.remove.bind(store);
    store.remove = async (key) => {
      await remove(key);
      await hold(store, 'nexus', { chart: 'again', version: '1.0.0', archive: Buffer.from('nobody holds this') });
    };

    expect(await sweepOf(store, clock)).toMatchObject({ derived: 0, bytes: 0 });
    expect(await has(store, gone)).toBe(true);
  });

  test('is left alone under keys that nobody knows', async () => {
    const { clock, store } = await open();
    const unknown = ['derived/x/documents.json', `${gone}.bak`, gone.replace('documents', 'x/documents')];
    for (const key of unknown) await store.write(key, documents);
    await clock.advance(2 * dayMs);
    await sweepOf(store, clock);

    for (const key of unknown) expect(await has(store, key)).toBe(true);
  });
});

describe('a check of the store', () => {
  test('reads what was made of archives, and counts what the sweep will take', async () => {
    const world = await open();
    const { counts: without } = await inspect(await openWorld());
    const { found, counts } = await inspect(world);

    expect(found).toEqual([]);
    expect(counts.records).toBe(without.records + 2);
    expect(counts.unnamed).toBe(without.unnamed + 1);
  });

  test.each(['{', '{"tooLarge":1}', ''])('finds that one is damaged (%j), and removes it', async (text) => {
    const world = await open();
    await world.store.write(world.kept, Buffer.from(text));
    const { found } = await inspect(world);

    expect(found).toMatchObject([{ kind: 'damaged-record', harmless: false }]);
    expect(found[0]?.what).toContain(world.kept);
    expect(await has(world.store, world.kept)).toBe(true);

    expect((await inspect(world, { repair: true })).found[0]?.repaired).toMatch(/^It was removed/);
    expect((await inspect(world)).found).toEqual([]);
  });

  test('leaves one that was written anew meanwhile', async () => {
    const world = await open();
    await world.store.write(world.kept, Buffer.from('{'));
    let reads = 0;
    world.store.beforeRead = async (key) => {
      if (key !== world.kept || (reads += 1) !== 2) return;
      await world.store.write(world.kept, documents);
    };
    await inspect(world, { repair: true });

    expect(await world.store.text(world.kept)).toBe(documents.toString());
  });
});
