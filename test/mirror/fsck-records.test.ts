import { describe, expect, test } from 'vitest';

import { attachmentKey, blobKey, firstHoldingKey, formatKey, leaseKey } from '../../src/store/layout.ts';
import { recordBytes } from '../../src/store/records.ts';
import { bytesAt } from '../support/engine.ts';
import { claimOf, commit, hold, keysOf } from '../support/kept-store.ts';
import { catalogOf, inspect, openWorld, served, snapshotOf } from './fsck-world.ts';

const nonsense = Buffer.from('{');

describe('whatever object of a store is lost or damaged', () => {
  test('fsck finds it, puts it right, and all that was served is served again', async () => {
    const keys = await keysOf((await openWorld()).store, '');
    expect(keys.length).toBeGreaterThan(14);
    for (const key of keys) {
      for (const how of ['lost', 'damaged']) {
        const world = await openWorld();
        if (how === 'lost') await world.store.remove(key);
        else await world.store.write(key, nonsense);
        const isGoneForGood = key === blobKey(world.old.archive.digest);

        const { found } = await inspect(world, { repair: true });
        const left = found.filter(({ repaired }) => repaired === undefined);
        expect([key, how, found.length > 0, left.length > 0]).toEqual([key, how, true, isGoneForGood]);
        if (isGoneForGood) continue;
        expect([key, how, (await inspect(world)).found]).toEqual([key, how, []]);
        const chartroom = await served(world);
        expect(await chartroom.archive('demo', '1.0.0')).toEqual(world.archives.demo);
        expect(await chartroom.archive('old', '0.9.0')).toEqual(world.archives.old);
        expect(await chartroom.archive('tagged', '0.1.0')).toEqual(world.archives.tagged);
      }
    }
  });
});

describe('a record that is lost or damaged', () => {
  test('is written anew from the snapshot, to the byte', async () => {
    const world = await openWorld();
    const keys = [firstHoldingKey('nexus', 'demo', '1.0.0'), attachmentKey('nexus', world.demo.archive.digest)];
    for (const key of keys) {
      const before = await bytesAt(world.store, key);
      await world.store.write(key, nonsense);
      expect((await inspect(world)).kinds).toEqual(['damaged-record']);
      expect((await inspect(world, { repair: true })).found).toMatchObject([
        { kind: 'damaged-record', repaired: 'It was written anew from the snapshot.' },
      ]);
      expect(await bytesAt(world.store, key)).toEqual(before);
      await world.store.remove(key);
      expect((await inspect(world, { repair: true })).kinds).toEqual(['missing-record']);
      expect(await bytesAt(world.store, key)).toEqual(before);
    }
  });

  test('is left when its bytes are not there to prove it', async () => {
    const world = await openWorld();
    const key = firstHoldingKey('nexus', 'old', '0.9.0');
    await world.store.write(key, nonsense);
    await world.store.remove(blobKey(world.old.archive.digest));

    const { found } = await inspect(world, { repair: true });
    expect(found.map(({ kind, repaired }) => [kind, repaired])).toEqual([
      ['missing-blob', undefined],
      ['damaged-record', undefined],
    ]);
    expect(await bytesAt(world.store, key)).toEqual(nonsense);
  });

  test('is left to an operator when no snapshot knows what it said: first bytes must not change', async () => {
    const world = await openWorld();
    const key = firstHoldingKey('nexus', 'fresh', '1.0.0');
    await world.store.write(key, nonsense);

    const { found } = await inspect(world, { repair: true });
    expect(found.map(({ kind, repaired }) => [kind, repaired])).toEqual([['damaged-record', undefined]]);
    expect(found[0]?.what).toContain(key);
    expect(await bytesAt(world.store, key)).toEqual(nonsense);
  });

  test('is one also when it says something of another version', async () => {
    const world = await openWorld();
    const { chart, version, archive, heldAt } = world.old;
    await world.store.write(
      firstHoldingKey('nexus', 'demo', '1.0.0'),
      recordBytes({ chart, version, archive, heldAt }),
    );

    expect((await inspect(world)).kinds).toEqual(['damaged-record']);
  });

  test('and says what came beside an archive is removed when no snapshot knows it', async () => {
    const world = await openWorld();
    const key = attachmentKey('nexus', world.old.archive.digest);
    await world.store.write(key, nonsense);

    expect((await inspect(world, { repair: true })).found).toMatchObject([
      { kind: 'damaged-record', repaired: expect.stringContaining('removed') as string },
    ]);
    expect(await world.store.head(key)).toBeUndefined();
  });

  test('and says who works is removed', async () => {
    const world = await openWorld();
    await world.store.write(leaseKey, nonsense);

    expect((await inspect(world)).kinds).toEqual(['damaged-record']);
    expect((await inspect(world, { repair: true })).kinds).toEqual(['damaged-record']);
    expect(await world.store.head(leaseKey)).toBeUndefined();
  });

  test('that contradicts the snapshot is reported with both digests, and left', async () => {
    const world = await openWorld();
    await world.store.remove(firstHoldingKey('nexus', 'demo', '1.0.0'));
    await hold(world.store, 'nexus', { chart: 'demo', version: '1.0.0', archive: world.archives.old });

    const { found } = await inspect(world, { repair: true });
    expect(found.map(({ kind, repaired }) => [kind, repaired])).toEqual([['conflicting-record', undefined]]);
    expect(found[0]?.what).toContain(world.demo.archive.digest);
    expect(found[0]?.what).toContain(world.old.archive.digest);
  });

  test('of another layout ends the check with a fault', async () => {
    const world = await openWorld();
    await world.store.write(formatKey, Buffer.from('{"format":2}'));
    await expect(inspect(world, { repair: true })).rejects.toThrow('the store has format 2');
  });
});

describe('what is held but not committed', () => {
  test('is reported as harmless, and committed when asked for', async () => {
    const world = await openWorld();
    const archive = Buffer.from('fresh');
    await hold(world.store, 'nexus', { chart: 'fresh', version: '1.0.0', archive, provenance: signature() });
    const acceptedAt = '2025-06-01T00:00:00.000Z';
    const next = Buffer.from('replaced');
    const accepted = await hold(world.store, 'nexus', { chart: 'old', version: '0.9.0', archive: next, acceptedAt });

    const seen = await inspect(world);
    expect(seen.found.map(({ kind, harmless }) => [kind, harmless])).toEqual([
      ['uncommitted-holding', true],
      ['uncommitted-holding', true],
    ]);
    await inspect(world, { repair: true });
    const snapshot = await snapshotOf(world, 'nexus');
    expect(snapshot.find('fresh', '1.0.0')).toMatchObject({ provenance: { size: signature().length } });
    expect(snapshot.find('old', '0.9.0')).toEqual(accepted);
    expect(snapshot.find('demo', '1.0.0')).toEqual(world.demo);
    expect((await inspect(world)).found).toEqual([]);
  });

  test('is committed beside what a server commits at the same time', async () => {
    const world = await openWorld();
    await hold(world.store, 'nexus', { chart: 'fresh', version: '1.0.0', archive: Buffer.from('fresh') });
    const other = await hold(world.store, 'nexus', { chart: 'other', version: '1.0.0', archive: Buffer.from('other') });
    let raced = false;
    world.store.beforeWrite = async (key) => {
      if (key !== 'state.json' || raced) return;
      raced = true;
      await commit(world.store, 'nexus', { kept: [world.demo, world.old, other], claims: [claimOf(world.demo)] });
    };

    await inspect(world, { repair: true });
    expect(raced).toBe(true);
    const rows = [...(await snapshotOf(world, 'nexus')).all()].map(({ chart }) => chart);
    expect(rows).toEqual(['demo', 'fresh', 'old', 'other']);
    expect((await catalogOf(world, 'nexus')).has('old')).toBe(false);
  });
});

function signature(): Buffer {
  return Buffer.from('a signature');
}
