import { describe, expect, test } from 'vitest';

import type { State } from '../../src/mirror/committing/state.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { firstHoldingKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { recordBytes } from '../../src/store/records.ts';
import { chartArchive } from '../support/charts.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, watchedStore } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { inspect, pruneGone } from './prune-world.ts';

/** As `fsck --prune` does it on another machine. */
async function changeState(
  store: ObjectStore & { text(key: string): Promise<string | undefined> },
  change: (upstreams: State['upstreams']) => State['upstreams'],
): Promise<void> {
  const state = JSON.parse((await store.text('state.json')) ?? '') as State;
  await store.write('state.json', recordBytes({ ...state, upstreams: change(state.upstreams) }));
}

/** A store that two upstreams were fetched into two days ago, one of which is not configured any more. */
async function openWorld() {
  const [kept, gone] = [new FakeUpstream(), new FakeUpstream()];
  const archive = await chartArchive({ name: 'demo', version: '1.0.0' });
  await kept.publish('steady', '1.0.0');
  await gone.publish('demo', '1.0.0', { archive });
  const clock = new ManualClock();
  const store = watchedStore(memoryStore({ clock }));
  const open = (upstreams: Readonly<Record<string, FakeUpstream>>) =>
    openEngine({ upstreams, store, clock, maxHotBytes: 1 });
  const server = await open({ kept, gone });
  for (const name of ['kept', 'gone']) await server.operator.sync(name);
  await server.archive('demo', '1.0.0');
  const steady = await server.archive('steady', '1.0.0');
  await server.operator.settled();
  await clock.advance(48 * 60 * 60_000);
  return { kept, gone, archive, steady, clock, store, open, server };
}

describe('a server that works while an upstream is pruned', () => {
  test('which it was told to forget: it goes on, and the store is whole', async () => {
    const { kept, steady, clock, store, server } = await openWorld();
    await server.reconfigure({ upstreams: { kept } });
    server.engine.start();
    await pass(clock, 30_000);
    const { index } = server;

    expect(await pruneGone({ store, clock })).toMatchObject({ left: [] });
    await pass(clock, 30_000);

    expect(server.index).toBe(index);
    expect(await server.archive('steady', '1.0.0')).toEqual(steady);
    await kept.publish('steady', '1.1.0');
    await server.operator.sync('kept');
    expect(server.versions('steady')).toEqual(['1.1.0', '1.0.0']);
    await server.operator.settled();
    expect(await inspect({ store, clock })).toMatchObject({ found: [], unconfigured: [] });
    await server.engine.stop();
  });

  test('which is to have it again a moment later: it begins anew, and the store says so', async () => {
    const { kept, gone, clock, store, server } = await openWorld();
    await server.reconfigure({ upstreams: { kept } });
    await pruneGone({ store, clock });

    await server.reconfigure({ upstreams: { kept, gone } });

    expect(server.versions('demo')).toEqual([]);
    expect(server.status('gone')).toMatchObject({ state: 'never', counts: { versions: 0, held: 0 } });
    await server.operator.sync('gone');
    expect(server.versions('demo')).toEqual(['1.0.0']);
    const { index } = server;
    const other = await openEngine({ upstreams: { kept, gone }, store, clock });
    expect(other.index).toBe(index);
  });

  test('and never heard that it should not: what was removed is listed and fetched anew, and nothing is said to be held', async () => {
    const { archive, clock, store, server } = await openWorld();
    server.engine.start();
    await pass(clock, 5_000);
    const before = server.status('gone').counts;
    expect(before).toMatchObject({ versions: 1, held: 1 });

    await changeState(store, (all) => Object.fromEntries(Object.entries(all).filter(([name]) => name !== 'gone')));
    await pass(clock, 5_000);

    expect(server.status('gone')).toMatchObject({ counts: { held: 0 } });
    await server.operator.sync('gone');
    expect(server.versions('demo')).toEqual(['1.0.0']);
    expect(await server.archive('demo', '1.0.0')).toEqual(archive);
    const { upstreams } = JSON.parse((await store.text('state.json')) ?? '') as State;
    expect(upstreams['gone']).toMatchObject({ since: expect.stringMatching(/^2/), catalog: expect.any(String) });
    await server.engine.stop();
  });

  test('and fetches the very bytes from another one: they stay', async () => {
    const { kept, archive, clock, store, server, open } = await openWorld();
    await server.reconfigure({ upstreams: { kept } });
    await kept.publish('demo', '1.0.0', { archive });
    await server.operator.sync('kept');
    // between the blob and the record that names it
    store.beforeWrite = async (key) => {
      if (key !== firstHoldingKey('kept', 'demo', '1.0.0')) return;
      store.beforeWrite = undefined;
      await pruneGone({ store, clock });
    };

    expect(await server.archive('demo', '1.0.0')).toEqual(archive);
    await server.operator.settled();

    expect((await inspect({ store, clock })).found).toEqual([]);
    expect(await (await open({ kept })).archive('demo', '1.0.0')).toEqual(archive);
  });

  test('which it still names: with its next news it has that back, and fetches the bytes again when they are asked for', async () => {
    const { kept, gone, archive, clock, store, server, open } = await openWorld();

    await pruneGone({ store, clock });
    await gone.publish('demo', '1.1.0');
    await server.operator.sync('gone');

    expect((await inspect({ store, clock })).unconfigured).toMatchObject([{ upstream: 'gone', versions: 2 }]);
    const another = await open({ kept, gone });
    expect(another.versions('demo')).toEqual(['1.1.0', '1.0.0']);
    const opened = gone.count('open archive demo-1.0.0');
    expect(await another.archive('demo', '1.0.0')).toEqual(archive);
    expect(gone.count('open archive demo-1.0.0')).toBe(opened + 1);
  });

  test('which one that starts later names again: it is as new', async () => {
    const { kept, gone, archive, clock, store, open } = await openWorld();
    await pruneGone({ store, clock });

    const later = await open({ kept, gone });
    expect(later.versions('demo')).toEqual([]);
    await later.operator.sync('gone');

    expect(later.versions('demo')).toEqual(['1.0.0']);
    expect(await later.archive('demo', '1.0.0')).toEqual(archive);
    expect(later.known('gone').record.since).toBe('2026-01-03T00:00:00Z');
  });
});
