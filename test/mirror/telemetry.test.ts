import { describe, expect, test } from 'vitest';

import { blobKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { openEngine, turn, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

async function serving(settings: Settings = {}) {
  const upstream = new FakeUpstream();
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await upstream.publish('demo', version);
  const store = memoryStore();
  const upstreams = { nexus: { upstream, concurrency: 1, ...settings } };
  const chartroom = await openEngine({ upstreams, store, maxHotBytes: 1 });
  const activity = () => {
    const [one] = chartroom.operator.activity();
    return {
      syncs: Object.fromEntries(one?.syncs ?? []),
      fills: Object.fromEntries(one?.fills ?? []),
      queued: one?.queued,
    };
  };
  return { upstream, store, chartroom, activity, sync: () => chartroom.operator.sync('nexus') };
}

describe('what happened at an upstream', () => {
  test('is counted by result: syncs, fills, and what waits to be fetched', async () => {
    const { upstream, chartroom, activity, sync } = await serving({ mirror: 'all' });
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;
    await sync();
    await turn();
    expect(activity()).toEqual({ syncs: { changed: 1 }, fills: {}, queued: 3 });

    gate.resolve();
    await chartroom.operator.settled();
    await sync();
    await sync();
    upstream.down = unreachable();
    await faultOf(sync());

    expect(activity()).toEqual({
      syncs: { changed: 1, unchanged: 2, 'upstream-unreachable': 1 },
      fills: { fetched: 3 },
      queued: 0,
    });
  });

  test('is not counted twice while what was begun under earlier settings comes to its end', async () => {
    const { upstream, chartroom, activity, sync } = await serving({ mirror: 'all' });
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    upstream.before.open = () => gates[0].promise;
    await sync();
    await turn();
    const another = new FakeUpstream();
    another.rows = upstream.rows;
    another.before.open = () => gates[1].promise;
    await chartroom.reconfigure({ upstreams: { nexus: { upstream: another, concurrency: 1, mirror: 'all' } } });
    await sync();
    await turn();

    gates[0].resolve();
    await turn();
    expect(activity().queued).toBe(3);
    gates[1].resolve();
    await chartroom.operator.settled();
    expect(activity().queued).toBe(0);
  });

  test('is counted too when it failed, and when lost bytes came back', async () => {
    const { upstream, store, chartroom, activity, sync } = await serving();
    await sync();
    await chartroom.archive('demo', '1.0.0');
    await store.remove(blobKey((await chartroom.reader.resolve(ref('1.0.0'))).archive.digest));
    await chartroom.archive('demo', '1.1.0');
    await chartroom.archive('demo', '1.0.0');
    upstream.before.open = () => Promise.reject(unreachable());
    await faultOf(chartroom.archive('demo', '1.2.0'));

    expect(activity().fills).toEqual({ fetched: 2, restored: 1, 'upstream-unreachable': 1 });
  });

  test('is one line of the log with its numbers for every sync', async () => {
    const { upstream, chartroom, sync } = await serving();
    await sync();
    upstream.withdraw('demo', '1.0.0');
    await upstream.publish('demo', '2.0.0');
    upstream.rejected = { 'no-urls': 2 };
    chartroom.logged.splice(0);
    await sync();

    expect(chartroom.logged.filter(({ msg }) => msg === 'synced')).toEqual([
      expect.objectContaining({
        level: 30,
        upstream: 'nexus',
        unchanged: false,
        charts: 1,
        versions: 4,
        added: 1,
        withdrawn: 0,
        rewritten: 0,
        changed: 0,
        rejected: { 'no-urls': 2 },
        durationMs: 0,
      }),
    ]);
  });
});

describe('blobs that were found damaged or lost while serving', () => {
  test('are counted', async () => {
    const { store, chartroom, sync } = await serving();
    await sync();
    await chartroom.archive('demo', '1.0.0');
    const { archive } = await chartroom.reader.resolve(ref('1.0.0'));
    await store.remove(blobKey(archive.digest));
    await chartroom.archive('demo', '1.1.0');
    await chartroom.archive('demo', '1.0.0');

    expect(chartroom.operator.damagedBlobs()).toBe(1);
  });
});

describe('the log of a server that stops', () => {
  test('does not say that another one does the work, when there is none', async () => {
    const { chartroom } = await serving();
    chartroom.engine.start();
    await turn();
    await chartroom.engine.stop();

    expect(chartroom.logged.map(({ msg }) => msg)).not.toContain('another replica does the upstream work now');
  });
});

function ref(version: string) {
  return { repository: 'all', chart: 'demo', version };
}
