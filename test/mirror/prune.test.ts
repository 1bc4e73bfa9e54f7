import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { blobKey, firstHoldingKey, leaseKey, snapshotKey, stateKey } from '../../src/store/layout.ts';
import { recordBytes } from '../../src/store/records.ts';
import { ManualClock } from '../support/clock.ts';
import { pass } from '../support/engine.ts';
import { faultOf } from '../support/http.ts';
import { keysOf, putBlob, stateOf } from '../support/kept-store.ts';
import { contentsOf, inspect, inspectorOf, openWorld, own, ownArtifact, pruneGone, shared } from './prune-world.ts';

const nonsense = Buffer.from('{');
const hour = 60 * 60_000;

/** The lease of a server that tells of an upstream. */
function working(upstream: string, until: string, holder: unknown = { id: 'x', host: 'there', pid: 7 }): Buffer {
  return recordBytes({ holder, until, upstreams: { [upstream]: { failures: 0, failed: [] } } });
}

describe('fsck', () => {
  test('counts what is kept of an upstream that is not configured, and finds nothing wrong with it', async () => {
    const { found, unconfigured } = await inspect(await openWorld());

    expect(found.filter(({ harmless }) => !harmless)).toEqual([]);
    const alone = ['own', 'accepted', 'not committed', 'own signature', 'manifest', 'config'].join('').length;
    const document = recordBytes({ tooLarge: [] }).length;
    const beside = Buffer.concat([ownArtifact.manifest, ...ownArtifact.blobs]).length;
    expect(unconfigured).toEqual([
      { upstream: 'gone', charts: 2, versions: 3, archives: 4, documents: 1, bytes: alone + document + beside },
    ]);
  });

  test('goes by what is held when nobody knows what was listed', async () => {
    const world = await openWorld();
    const state = await stateOf(world.store);
    await world.store.write(stateKey, recordBytes({ ...state, upstreams: { kept: state?.upstreams['kept'] } }));

    expect((await inspect(world)).unconfigured).toMatchObject([{ upstream: 'gone', charts: 3, versions: 3 }]);
  });

  test('names no upstream that is configured', async () => {
    expect((await inspect(await openWorld({ withGone: false }))).unconfigured).toEqual([]);
  });
});

describe('pruning an upstream that is not configured', () => {
  test('leaves the store as if it had never been, to the byte', async () => {
    const world = await openWorld();

    const pruned = await pruneGone(world);

    expect(await contentsOf(world.store)).toEqual(await contentsOf((await openWorld({ withGone: false })).store));
    expect(pruned).toMatchObject({ young: 0, left: [] });
    expect(pruned.bytes).toBeGreaterThan(0);
    expect(await inspect(world)).toMatchObject({ found: [], unconfigured: [], counts: { unnamed: 0 } });
  });

  test('counts every object that it removed', async () => {
    const world = await openWorld();
    const before = (await keysOf(world.store, '')).length;
    const { objects } = await pruneGone(world);
    expect(objects).toBe(before - (await keysOf(world.store, '')).length);
  });

  test('leaves what was written within a day to the sweep, and says so', async () => {
    const world = await openWorld();
    await putBlob(world.store, own);

    expect(await pruneGone(world)).toMatchObject({ young: 1, left: [] });
    expect(await world.store.head(blobKey(digestOf(own)))).toBeDefined();
    await world.clock.advance(25 * hour);
    expect(await pruneGone(world)).toMatchObject({ objects: 1, young: 0 });
  });

  test('takes nothing that is young by the time of the store, however far our clock is ahead', async () => {
    const { store, clock } = await openWorld();
    await store.write(leaseKey, working('kept', '1', null));
    await putBlob(store, own);

    expect(await pruneGone({ store, clock: new ManualClock(clock.now() + 48 * hour) })).toMatchObject({ young: 1 });
    expect(await store.head(blobKey(digestOf(own)))).toBeDefined();
  });

  test('takes what is old although no server has run for long', async () => {
    const world = await openWorld();
    await world.store.write(leaseKey, working('gone', '1', null));
    await world.clock.advance(12 * hour);
    await putBlob(world.store, own);
    await world.clock.advance(30 * hour);

    expect(await pruneGone(world)).toMatchObject({ young: 0 });
  });

  test('removes nothing of one that is configured, whatever is asked for', async () => {
    const world = await openWorld();
    const before = await contentsOf(world.store);

    await inspectorOf(world).prune(['kept'], new AbortController().signal);

    expect(await contentsOf(world.store)).toEqual(before);
  });

  test('is not kept from it by damage in what goes', async () => {
    const world = await openWorld();
    const { snapshot } = (await stateOf(world.store))?.upstreams['gone'] ?? {};
    if (snapshot) await world.store.write(snapshotKey(snapshot), nonsense);
    await world.store.write(firstHoldingKey('gone', 'twin', '1.0.0'), nonsense);
    await world.clock.advance(48 * hour);

    await pruneGone(world);

    expect(await contentsOf(world.store)).toEqual(await contentsOf((await openWorld({ withGone: false })).store));
  });

  test('is refused, and nothing is removed, while the state is lost or anything of another cannot be read', async () => {
    const { snapshot } = (await stateOf((await openWorld()).store))?.upstreams['kept'] ?? {};
    const damages = {
      [stateKey]: /^Nothing was pruned: state\.json is damaged\. Run chartroom fsck --repair first\.$/,
      [snapshot ? snapshotKey(snapshot) : '']: /^Nothing was pruned: The snapshot .* is damaged\. .* fsck --repair/,
      [firstHoldingKey('kept', 'fresh', '1.0.0')]: /^Nothing was pruned: the record holdings\/kept\/fresh/,
    };
    for (const [key, message] of Object.entries(damages)) {
      const world = await openWorld();
      await world.store.write(key, nonsense);
      const before = await keysOf(world.store, '');

      const fault = await faultOf(pruneGone(world));

      expect([fault.code, `${fault.message} ${fault.advice}`]).toEqual([
        'store-failed',
        expect.stringMatching(message),
      ]);
      expect(await keysOf(world.store, '')).toEqual(before);
    }
  });

  test('that ended half way is nothing lost: the rest is there to be pruned', async () => {
    const world = await openWorld();
    const state = await stateOf(world.store);
    await world.store.write(stateKey, recordBytes({ ...state, upstreams: { kept: state?.upstreams['kept'] } }));
    for (const key of await keysOf(world.store, 'holdings/gone/')) await world.store.remove(key);

    const { found, unconfigured } = await inspect(world);

    expect(found).toEqual([]);
    expect(unconfigured).toMatchObject([{ upstream: 'gone', archives: 0 }]);
  });
});

describe('pruning beside a running server', () => {
  test('is refused when the server works for what is to go', async () => {
    const world = await openWorld();
    await world.store.write(leaseKey, working('gone', '1'));
    const before = await contentsOf(world.store);
    const refused = faultOf(pruneGone(world));
    await pass(world.clock, 9_000);
    await world.store.write(leaseKey, working('gone', '2'));
    await pass(world.clock, 3_000);

    expect(await refused).toMatchObject({
      code: 'unavailable',
      message: 'Nothing was pruned: a server is running that works for gone.',
    });
    expect({ ...(await contentsOf(world.store)), [leaseKey]: before[leaseKey] }).toEqual(before);
  });

  test.each([
    ['was silent for half a minute', 31_000, async () => undefined],
    [
      'takes up that it is not configured any more',
      5_000,
      async ({ store }: Awaited<ReturnType<typeof openWorld>>) =>
        void (await store.write(leaseKey, working('kept', '2'))),
    ],
    [
      'gives the lease back',
      5_000,
      async ({ store }: Awaited<ReturnType<typeof openWorld>>) =>
        void (await store.write(leaseKey, working('gone', '2', null))),
    ],
  ])('goes on when the server %s', async (_, ms, meanwhile) => {
    const world = await openWorld();
    await world.store.write(leaseKey, working('gone', '1'));
    const pruned = pruneGone(world);
    await pass(world.clock, 1_000);
    expect(await world.store.head(firstHoldingKey('gone', 'own', '1.0.0'))).toBeDefined();
    await meanwhile(world);
    await pass(world.clock, ms);

    expect(await pruned).toMatchObject({ left: [] });
    expect(await keysOf(world.store, 'holdings/gone/')).toEqual([]);
  });

  test('does not wait for one that works for others', async () => {
    const world = await openWorld();
    await world.store.write(leaseKey, working('kept', '1'));

    expect(await pruneGone(world)).toMatchObject({ left: [] });
    expect(await world.store.head(blobKey(digestOf(shared)))).toBeDefined();
  });
});
