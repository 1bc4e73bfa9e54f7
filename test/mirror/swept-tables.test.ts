import { describe, expect, test } from 'vitest';

import type { Digest } from '../../src/chart/digest.ts';
import { Tables } from '../../src/mirror/committing/tables.ts';
import { sweep, type SweepParts } from '../../src/mirror/retention/sweep.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { blobKey, catalogKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, watchedStore, type EngineOptions } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { jobsHere, putBlob, stateOf } from '../support/kept-store.ts';

const minute = 60_000;
const hour = 60 * minute;

/** A store with a catalog of one upstream, and a way to sweep it as its lease holder does. */
async function listed() {
  const clock = new ManualClock();
  const inner = memoryStore({ clock });
  const store = watchedStore(inner);
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const options: EngineOptions = { upstreams: { nexus: upstream }, store, clock };
  const chartroom = await openEngine(options);
  await chartroom.timedSync('nexus');
  const sweepNow = (more: Partial<SweepParts> = {}) => {
    const load: SweepParts['load'] = (kind, digest) => new Tables(store, jobsHere).load(kind, digest);
    return sweep({ store, tidy: async () => 0, load, clock, signal: new AbortController().signal, ...more });
  };
  return { clock, inner, store, upstream, options, chartroom, sweepNow };
}

/** The key of the catalog that the state names. */
async function catalogOf(store: ObjectStore): Promise<string> {
  const digest = (await stateOf(store))?.upstreams.nexus?.catalog as Digest;
  return catalogKey(digest);
}

describe('a catalog that a sweep takes right before the state names it', () => {
  test('is written again when it was an old one that came back', async () => {
    const { clock, inner, store, upstream, options, chartroom, sweepNow } = await listed();
    const row = await upstream.publish('demo', '2.0.0');
    await chartroom.timedSync('nexus');
    const both = await catalogOf(store);
    await clock.advance(30 * hour);
    upstream.withdraw('demo', '2.0.0');
    await chartroom.timedSync('nexus');
    expect(await catalogOf(store)).not.toBe(both);
    upstream.rows.push(row);

    const [written, swept] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    store.afterWrite = async (key) => {
      if (key !== both) return;
      written.resolve();
      await swept.promise;
    };
    let syncing: Promise<unknown> | undefined;
    const remove = async (key: string) => {
      if (key === both) {
        syncing = chartroom.timedSync('nexus');
        await written.promise;
      }
      await inner.remove(key);
    };
    await sweepNow({ store: { ...store, remove } });
    expect(await inner.head(both)).toBeUndefined();
    swept.resolve();
    await syncing;

    expect(await catalogOf(store)).toBe(both);
    expect((await openEngine(options)).versions('demo')).toEqual(['2.0.0', '1.0.0']);
  });

  test('is written again when the clock of the one that sweeps is a year ahead', async () => {
    const { inner, store, upstream, options, chartroom, sweepNow } = await listed();
    await upstream.publish('demo', '2.0.0');
    const ahead = new ManualClock(chartroom.clock.now() + 365 * 24 * hour);
    const swept: string[] = [];
    store.afterWrite = async (key) => {
      if (!key.startsWith('catalogs/') || swept.length > 0) return;
      await sweepNow({ store: inner, clock: ahead });
      if (!(await inner.head(key))) swept.push(key);
    };

    await chartroom.timedSync('nexus');

    expect(swept).toEqual([await catalogOf(store)]);
    expect((await openEngine(options)).versions('demo')).toEqual(['2.0.0', '1.0.0']);
  });
});

describe('a server whose clock is a year ahead of the store', () => {
  test('sweeps nothing that is younger than a day by the clock of the store', async () => {
    const stores = new ManualClock(undefined, minute);
    const store = memoryStore({ clock: stores });
    const clock = new ManualClock(stores.now() + 365 * 24 * hour, minute);
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    const retention = { firstMs: 10 * minute, everyMs: hour, graceMs: 24 * hour };
    const upstreams = { nexus: { upstream, intervalMs: hour } };
    const chartroom = await openEngine({ upstreams, store, clock, retention });
    chartroom.engine.start();
    await turn();
    const { digest } = await putBlob(store, Buffer.from('not named yet'));
    const sweeps = () => chartroom.logged.filter(({ msg }) => msg === 'what nothing names any more was swept');

    await pass(clock, 2 * hour, 10 * minute);
    expect(sweeps()).toHaveLength(2);
    expect(await store.head(blobKey(digest))).toBeDefined();

    await stores.advance(25 * hour);
    await pass(clock, 2 * hour, 10 * minute);
    expect(await store.head(blobKey(digest))).toBeUndefined();
    await chartroom.engine.stop();
  });
});

describe('a catalog that was named until a moment ago', () => {
  test('is not taken from under a server that is about to read it', async () => {
    const { clock, inner, store, upstream, options, chartroom, sweepNow } = await listed();
    const first = await catalogOf(store);
    await clock.advance(30 * hour);
    const slow = watchedStore(inner);
    let isReplaced = false;
    slow.beforeRead = async (key) => {
      if (key !== first || isReplaced) return;
      isReplaced = true;
      await upstream.publish('demo', '2.0.0');
      await chartroom.timedSync('nexus');
      await sweepNow({ memory: { unnamed: new Set() } });
    };

    const follower = await openEngine({ ...options, store: slow });

    expect(isReplaced).toBe(true);
    expect(follower.known('nexus').damage).toBeUndefined();
    expect(follower.versions('demo')).toEqual(['1.0.0']);
  });

  test('is left by the next sweep of a server, and removed by the one after it', async () => {
    const clock = new ManualClock(undefined, minute);
    const store = memoryStore({ clock });
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    const retention = { firstMs: hour, everyMs: hour, graceMs: 24 * hour };
    const upstreams = { nexus: { upstream, intervalMs: hour } };
    const chartroom = await openEngine({ upstreams, store, clock, retention });
    chartroom.engine.start();
    await pass(clock, 30.5 * hour, 30 * minute);
    const first = await catalogOf(store);
    await upstream.publish('demo', '2.0.0');
    await chartroom.timedSync('nexus');
    expect(await catalogOf(store)).not.toBe(first);

    await pass(clock, hour, 30 * minute);
    expect(await store.head(first)).toBeDefined();
    await pass(clock, hour, 30 * minute);
    expect(await store.head(first)).toBeUndefined();
    await chartroom.engine.stop();
  });
});
