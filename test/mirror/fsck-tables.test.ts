import { describe, expect, test } from 'vitest';

import { blobKey, catalogKey, replacementKey, snapshotKey } from '../../src/store/layout.ts';
import { claimOf, commit, hold } from '../support/kept-store.ts';
import { catalogOf, inspect, openWorld, recordOfUpstream, served, snapshotOf, type World } from './fsck-world.ts';

const nonsense = Buffer.from('{');

describe('a lost snapshot', () => {
  test('is rebuilt from the records, replacements and provenance with them', async () => {
    const world = await openWorld();
    const acceptedAt = '2025-06-01T00:00:00.000Z';
    const next = { chart: 'old', version: '0.9.0', archive: Buffer.from('replaced'), acceptedAt };
    const accepted = await hold(world.store, 'nexus', next);
    const { snapshot } = await recordOfUpstream(world, 'nexus');
    if (snapshot) await world.store.remove(snapshotKey(snapshot));

    const seen = await inspect(world);
    expect(seen.found).toMatchObject([
      { kind: 'lost-snapshot', what: `nexus: The snapshot ${snapshot} in the store is missing.` },
    ]);
    const { found } = await inspect(world, { repair: true });
    expect(found).toMatchObject([{ repaired: 'It was rebuilt from the records of 2 held versions.' }]);
    expect([...(await snapshotOf(world, 'nexus')).all()]).toEqual([world.demo, accepted]);
    expect(await world.store.head(replacementKey('nexus', 'old', '0.9.0', accepted.archive.digest))).toBeDefined();
  });

  test('that a server replaced meanwhile is no finding', async () => {
    const world = await openWorld();
    const { snapshot } = await recordOfUpstream(world, 'nexus');
    if (snapshot) await world.store.remove(snapshotKey(snapshot));
    let isReplaced = false;
    world.store.beforeRead = async (key) => {
      if (!key.startsWith('blobs/') || isReplaced) return;
      isReplaced = true;
      const claims = [claimOf(world.demo), claimOf(world.old)];
      await commit(world.store, 'nexus', { kept: [world.demo, world.old, extra(world)], claims });
    };

    expect((await inspect(world, { repair: true })).found).toEqual([]);
  });
});

describe('a lost catalog', () => {
  test('is rebuilt from the archives held, and the next listing merges into it', async () => {
    const world = await openWorld();
    await world.nexus.publish('never-fetched', '1.0.0');
    const { catalog } = await recordOfUpstream(world, 'nexus');
    if (catalog) await world.store.write(catalogKey(catalog), nonsense);

    const { found } = await inspect(world, { repair: true });
    expect(found).toMatchObject([
      {
        kind: 'lost-catalog',
        repaired: expect.stringMatching(/^It was rebuilt from 2 held archives; versions never fetched come back/),
      },
    ]);
    const claims = (await catalogOf(world, 'nexus')).find('old', '0.9.0')?.claims;
    expect(claims).toMatchObject([{ digest: world.old.archive.digest, since: world.old.heldAt }]);
    expect(await recordOfUpstream(world, 'nexus')).not.toHaveProperty('validator');

    const chartroom = await served(world);
    expect([...chartroom.versions('demo'), ...chartroom.versions('old')]).toEqual(['1.0.0', '0.9.0']);
    expect(await chartroom.operator.sync('nexus')).toMatchObject({ unchanged: false, added: 1, rewritten: 0 });
    expect(chartroom.versions('never-fetched')).toEqual(['1.0.0']);
    expect(await chartroom.archive('old', '0.9.0')).toEqual(world.archives.old);
  });

  test('is left to the next listing when nothing is held', async () => {
    const world = await openWorld();
    const { catalog } = await commit(world.store, 'empty', { claims: [claimOf(world.demo)] });
    if (catalog) await world.store.remove(catalogKey(catalog));

    expect((await inspect(world, { repair: true })).kinds).toEqual(['lost-catalog']);
    expect(await recordOfUpstream(world, 'empty')).not.toHaveProperty('catalog');
    expect((await inspect(world)).found).toEqual([]);
  });

  test('says how many held archives could not be read', async () => {
    const world = await openWorld();
    const { catalog } = await recordOfUpstream(world, 'nexus');
    if (catalog) await world.store.remove(catalogKey(catalog));
    await world.store.remove(blobKey(world.old.archive.digest));

    const { found } = await inspect(world, { repair: true });
    expect(found.at(-1)?.repaired).toContain('rebuilt from 1 held archives');
    expect(found.at(-1)?.repaired).toContain('1 held archives could not be read.');
  });
});

describe('a lost state', () => {
  test.each(['missing', 'damaged'])('that is %s is begun anew with everything held', async (how) => {
    const world = await openWorld();
    if (how === 'missing') await world.store.remove('state.json');
    else await world.store.write('state.json', nonsense);

    expect((await inspect(world)).found[0]).toMatchObject({
      kind: 'lost-state',
      what: `state.json, which says what is in use, is ${how}.`,
    });
    const { found } = await inspect(world, { repair: true });
    expect(found.map(({ kind }) => kind)).toEqual([
      'lost-state',
      'lost-snapshot',
      'lost-catalog',
      'lost-snapshot',
      'lost-catalog',
    ]);
    expect(found.every(({ repaired }) => repaired !== undefined)).toBe(true);
    expect((await recordOfUpstream(world, 'ghcr')).since).toBe(world.tagged.heldAt);
    expect((await inspect(world)).found).toEqual([]);
  });
});

function extra(world: World) {
  return { ...world.demo, chart: 'extra' };
}
