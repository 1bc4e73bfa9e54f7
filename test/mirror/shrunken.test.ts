import { describe, expect, test } from 'vitest';

import { memoryStore } from '../../src/store/memory.ts';
import { openEngine, pass, turn, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, type Row } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

/** Ten versions, listed once. */
async function ten(settings: Settings = { withdrawn: 'drop' }) {
  const upstream = new FakeUpstream();
  for (let at = 0; at < 10; at += 1) await upstream.publish('demo', `1.${at}.0`);
  const store = memoryStore();
  const upstreams = { nexus: { upstream, ...settings } };
  const chartroom = await openEngine({ upstreams, store });
  const sync = (options = {}) => chartroom.operator.sync('nexus', options);
  await sync();
  return { upstream, upstreams, store, chartroom, sync, all: upstream.rows };
}

describe('a listing that lacks more than maxShrink, under drop', () => {
  test('is refused with the numbers and what to do, again and again; the last good one stays', async () => {
    const { upstream, chartroom, sync, all } = await ten();
    for (const { version } of all) await chartroom.archive('demo', version);
    const before = chartroom.index;
    upstream.rows = all.slice(6);

    for (let times = 0; times < 5; times += 1) {
      const fault = await faultOf(sync());
      expect(fault).toMatchObject({ code: 'listing-refused' });
      expect(fault.message).toContain('lists 4 versions, it listed 10');
      expect(fault.advice).toContain('/api/v1/upstreams/nexus/sync?accept=shrink');
    }

    expect(chartroom.index).toBe(before);
    expect(chartroom.status('nexus')).toMatchObject({
      state: 'refused',
      fault: { code: 'listing-refused', message: expect.stringContaining('lists 4 versions') },
      counts: { versions: 10, withdrawn: 0 },
    });
    for (const { version, archive } of all) expect(await chartroom.archive('demo', version)).toEqual(archive);
  });

  test('is refused with all that it adds', async () => {
    const { upstream, chartroom, sync, all } = await ten();
    upstream.rows = all.slice(6);
    await upstream.publish('demo', '2.0.0');
    await upstream.publish('fresh', '1.0.0');
    await faultOf(sync());

    expect(chartroom.versions('demo')).toHaveLength(10);
    expect(chartroom.versions('fresh')).toEqual([]);
  });

  test('is refused after a restart too, and is forgotten when upstream is whole again', async () => {
    const { upstream, upstreams, store, chartroom, sync, all } = await ten();
    upstream.rows = all.slice(6);
    await faultOf(sync());
    await chartroom.engine.stop();
    const again = await openEngine({ upstreams, store });
    expect((await faultOf(again.operator.sync('nexus'))).code).toBe('listing-refused');

    upstream.rows = all;
    await again.operator.sync('nexus');

    expect(again.status('nexus').state).toBe('ok');
    expect(again.status('nexus').fault).toBeUndefined();
    expect(again.index).toBe(chartroom.index);
  });

  test('is let through by an operator once, and what it lacks is unlisted at once', async () => {
    const { upstream, chartroom, sync, all } = await ten();
    upstream.rows = all.slice(6);
    await faultOf(sync());

    expect(await sync({ acceptShrink: true })).toMatchObject({ withdrawn: 6 });

    expect(chartroom.versions('demo')).toEqual(['1.9.0', '1.8.0', '1.7.0', '1.6.0']);
    expect(chartroom.status('nexus')).toMatchObject({ state: 'ok', counts: { withdrawn: 6 } });
    expect(await sync()).toMatchObject({ unchanged: true });
    upstream.rows = all.slice(9);
    expect((await faultOf(sync())).message).toContain('lists 1 versions, it listed 4');
  });

  test('that an operator lets through is not the one that was under way before', async () => {
    const { upstream, chartroom, sync, all } = await ten();
    upstream.rows = all.slice(6);
    const gate = Promise.withResolvers<void>();
    upstream.before.list = () => gate.promise;
    const timed = faultOf(chartroom.timedSync('nexus'));
    await turn();

    const accepted = sync({ acceptShrink: true });
    gate.resolve();

    expect((await timed).code).toBe('listing-refused');
    expect(await accepted).toMatchObject({ withdrawn: 6 });
  });

  test('is none when it lacks just as much, with the three answers that an absence takes', async () => {
    const { upstream, chartroom, sync, all } = await ten();
    upstream.rows = all.slice(5);
    await sync();
    expect(chartroom.versions('demo')).toHaveLength(10);
    await sync();
    expect(await sync()).toMatchObject({ withdrawn: 5 });
    expect(chartroom.versions('demo')).toHaveLength(5);
  });

  test('is nothing to maxShrink 100%, and nothing under keep', async () => {
    const whole = await ten({ withdrawn: 'drop', maxShrink: 1 });
    whole.upstream.rows = [];
    for (let times = 0; times < 3; times += 1) await whole.sync();
    expect(whole.chartroom.versions('demo')).toEqual([]);

    const keeping = await ten({ withdrawn: 'keep' });
    keeping.upstream.rows = [];
    for (let times = 0; times < 3; times += 1) await keeping.sync();
    expect(keeping.chartroom.versions('demo')).toHaveLength(10);
    expect(keeping.chartroom.status('nexus').state).toBe('ok');
  });
});

describe('an index that flips between two edges of a CDN', () => {
  const swap = async (upstream: FakeUpstream, edges: readonly (readonly Row[])[], at: number) => {
    upstream.rows = [...(edges[at % edges.length] ?? [])];
  };

  test.each(['keep', 'drop'] as const)('never makes what is served oscillate, with %s', async (withdrawn) => {
    const { upstream, chartroom, sync, all } = await ten({ withdrawn });
    await upstream.publish('demo', '2.0.0');
    const edges = [all.slice(0, 10), [...all.slice(3, 10), ...upstream.rows.slice(10)]];
    await swap(upstream, edges, 1);
    await sync();
    const before = chartroom.index;
    expect(chartroom.versions('demo')).toHaveLength(11);

    for (let at = 0; at < 100; at += 1) {
      await swap(upstream, edges, at);
      await sync();
      expect(chartroom.index).toBe(before);
    }
    expect(chartroom.status('nexus').counts.withdrawn).toBe(0);
  });

  test('nor does one that flips between digests of what is held', async () => {
    const { upstream, chartroom, sync, all } = await ten({ withdrawn: 'keep' });
    await chartroom.archive('demo', '1.0.0');
    await pass(chartroom.clock, 10_000, 10_000);
    const other = { ...all[0], archive: Buffer.from('other'), digest: all[1]?.digest } as Row;
    const edges = [all, [other, ...all.slice(1)]];
    await swap(upstream, edges, 1);
    await sync();
    const before = chartroom.index;

    for (let at = 0; at < 100; at += 1) {
      await swap(upstream, edges, at);
      await sync();
      expect(chartroom.index).toBe(before);
    }
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(all[0]?.archive);
  });
});
