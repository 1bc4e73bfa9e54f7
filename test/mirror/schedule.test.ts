import { describe, expect, test } from 'vitest';

import type { MirrorPolicy } from '../../src/chart/survey.ts';
import { openEngine, pass, storeGone, TestEngine, turn, watchedStore, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

async function started(settings: Settings = {}, prepare: (upstream: FakeUpstream) => void = () => undefined) {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  prepare(upstream);
  const upstreams = { nexus: { upstream, intervalMs: 120_000, ...settings } };
  const store = watchedStore();
  const chartroom = await openEngine({ upstreams, store });
  chartroom.engine.start();
  await turn();
  return { upstream, upstreams, store, chartroom, lists: () => upstream.count('list') };
}

describe('an upstream is listed', () => {
  test('at once, and then on its interval, never later', async () => {
    const { upstream, chartroom } = await started();
    const begun: number[] = [];
    upstream.before.list = () => void begun.push(chartroom.clock.elapsed());
    expect(chartroom.status('nexus').schedule).toBe('timed');

    await pass(chartroom.clock, 20 * 120_000, 1_000);

    const [first = Infinity, ...others] = begun;
    expect(first - Date.parse('2026-01-01')).toBeLessThanOrEqual(120_000);
    const gaps = others.map((atMs, at) => atMs - (begun[at] ?? 0));
    expect(gaps.length).toBeGreaterThanOrEqual(18);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(107_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(120_000);
    await chartroom.engine.stop();
  });

  test('sooner after a failure, then ever less often, but no later than its interval', async () => {
    const { upstream, chartroom, lists } = await started({}, (one) => (one.down = unreachable()));
    await pass(chartroom.clock, 6_500, 500);
    expect(lists()).toBeGreaterThanOrEqual(2);

    await pass(chartroom.clock, 20 * 60_000, 1_000);
    const before = lists();
    await pass(chartroom.clock, 122_000, 1_000);
    expect(lists()).toBeGreaterThan(before);

    upstream.down = undefined;
    await pass(chartroom.clock, 122_000, 1_000);
    expect(chartroom.status('nexus').state).toBe('ok');
    await chartroom.engine.stop();
  });

  test('no more than once a second while it fails', async () => {
    const { chartroom, lists } = await started({ intervalMs: 10_000 }, (one) => (one.down = unreachable()));
    await pass(chartroom.clock, 60_000, 250);
    expect(lists()).toBeLessThanOrEqual(61);
    await chartroom.engine.stop();
  });

  test('not before the time it asked for, and the status says when', async () => {
    const { chartroom, lists } = await started({}, (one) => (one.down = unreachable({ retryAfterMs: 300_000 })));
    expect(chartroom.status('nexus').nextAttempt).toBe('2026-01-01T00:05:00Z');

    await pass(chartroom.clock, 299_000, 1_000);
    expect(lists()).toBe(1);
    await pass(chartroom.clock, 2_000, 1_000);
    expect(lists()).toBe(2);
    await chartroom.engine.stop();
  });

  test('not before the time it asked for, also when that is hours and the interval seconds', async () => {
    const sixHoursMs = 6 * 3_600_000;
    const { chartroom, lists } = await started(
      { intervalMs: 10_000 },
      (one) => (one.down = unreachable({ retryAfterMs: sixHoursMs })),
    );
    await pass(chartroom.clock, sixHoursMs - 1_000, 60_000);
    expect(lists()).toBe(1);
    await pass(chartroom.clock, 2_000, 1_000);
    expect(lists()).toBe(2);
    await chartroom.engine.stop();
  });

  test('ahead of any backoff when an operator asks', async () => {
    const { upstream, chartroom } = await started({}, (one) => (one.down = unreachable({ retryAfterMs: 300_000 })));
    upstream.down = undefined;

    await chartroom.operator.sync('nexus');

    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    await chartroom.engine.stop();
  });

  test('once with interval 0, and then by hand only', async () => {
    const { upstreams, store, chartroom, lists } = await started({ intervalMs: 0 });
    await pass(chartroom.clock, 3_600_000, 60_000);
    expect(lists()).toBe(1);
    expect(chartroom.status('nexus').schedule).toBe('manual');

    await chartroom.operator.sync('nexus');
    expect(lists()).toBe(2);
    await chartroom.engine.stop();

    const again = await openEngine({ upstreams, store });
    again.engine.start();
    await pass(again.clock, 3_600_000, 60_000);
    expect(lists()).toBe(2);
    await again.engine.stop();
  });

  test('with interval 0 until something is known', async () => {
    const { upstream, chartroom, lists } = await started({ intervalMs: 0 }, (one) => (one.down = unreachable()));
    await pass(chartroom.clock, 30_000, 1_000);
    expect(lists()).toBeGreaterThan(1);
    upstream.down = undefined;
    await pass(chartroom.clock, 3_600_000, 60_000);
    const before = lists();
    await pass(chartroom.clock, 3_600_000, 60_000);
    expect(lists()).toBe(before);
    await chartroom.engine.stop();
  });

  test('once for any number of operators, who all get the same answer', async () => {
    const { upstream, chartroom, lists } = await started();
    const gate = Promise.withResolvers<void>();
    upstream.before.list = () => gate.promise;

    const reports = Array.from({ length: 10 }, () => chartroom.operator.sync('nexus'));
    gate.resolve();

    expect(new Set(await Promise.all(reports)).size).toBe(1);
    expect(lists()).toBe(2);
    await chartroom.engine.stop();
  });

  test('as often as retries says within one attempt', async () => {
    const upstream = new FakeUpstream();
    upstream.down = unreachable();
    const chartroom = await openEngine({ upstreams: { nexus: { upstream, retries: 4 } } });

    const fault = faultOf(chartroom.operator.sync('nexus'));
    await pass(chartroom.clock, 5_000, 50);

    expect((await fault).code).toBe('upstream-unreachable');
    expect(upstream.count('list')).toBe(4);
  });
});

describe('readiness', () => {
  test('waits for the store, however long that takes', async () => {
    const store = watchedStore();
    store.beforeRead = storeGone;
    const chartroom = new TestEngine({ upstreams: { nexus: new FakeUpstream() }, store });
    const opening = chartroom.engine.openPatiently();
    await pass(chartroom.clock, 120_000, 10_000);
    expect(chartroom.operator.readiness()).toMatchObject({ ready: false, waitingFor: ['store'] });

    store.beforeRead = undefined;
    await pass(chartroom.clock, 2_000);
    await opening;
    expect(chartroom.operator.readiness().ready).toBe(true);
  });

  test('comes with the first attempts, also when they fail', async () => {
    const [good, bad] = [new FakeUpstream(), new FakeUpstream()];
    await good.publish('demo', '1.0.0');
    bad.down = unreachable();
    const chartroom = await openEngine({ upstreams: { good, bad } });
    expect(chartroom.operator.readiness()).toMatchObject({
      ready: false,
      waitingFor: ['upstream good', 'upstream bad'],
    });

    await chartroom.operator.sync('good');
    expect(chartroom.operator.readiness()).toMatchObject({ ready: false, waitingFor: ['upstream bad'] });
    await faultOf(chartroom.operator.sync('bad'));

    expect(chartroom.operator.readiness()).toEqual({ ready: true, waitingFor: [], degraded: [] });
  });

  test('comes after a minute when an upstream hangs', async () => {
    const upstream = new FakeUpstream();
    upstream.before.list = () => new Promise(() => undefined);
    const chartroom = await openEngine({ upstreams: { nexus: upstream } });
    void chartroom.operator.sync('nexus');
    await pass(chartroom.clock, 59_000, 1_000);
    expect(chartroom.operator.readiness().ready).toBe(false);

    await pass(chartroom.clock, 1_000, 1_000);
    expect(chartroom.operator.readiness().ready).toBe(true);
  });

  test('is there at once with a store that was filled before', async () => {
    const { upstream, upstreams, store, chartroom } = await started();
    await chartroom.engine.stop();
    upstream.down = unreachable();

    const again = await openEngine({ upstreams, store });

    expect(again.operator.readiness().ready).toBe(true);
  });

  test('once there stays, whatever the upstreams do', async () => {
    const { upstream, chartroom } = await started();
    expect(chartroom.operator.readiness().ready).toBe(true);
    upstream.down = unreachable();
    await pass(chartroom.clock, 3_600_000, 60_000);

    expect(chartroom.operator.readiness().ready).toBe(true);
    await chartroom.engine.stop();
  });
});

describe('a graceful stop', () => {
  test('commits what was fetched, and ends what is under way', async () => {
    const upstream = new FakeUpstream();
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await upstream.publish('demo', version);
    const upstreams = { nexus: { upstream, mirror: 'all' as MirrorPolicy, concurrency: 1 } };
    const store = watchedStore();
    const chartroom = await openEngine({ upstreams, store });
    const gate = Promise.withResolvers<void>();
    upstream.before.open = (call) => (call === 'open archive demo-1.0.0' ? gate.promise : undefined);
    await chartroom.operator.sync('nexus');
    await turn();

    const stopping = chartroom.engine.stop();
    gate.resolve();
    await stopping;

    const state = JSON.parse((await store.text('state.json')) ?? '') as {
      upstreams: Record<string, { snapshot?: string }>;
    };
    expect(state.upstreams['nexus']?.snapshot).toMatch(/^sha256:/);
    const again = await openEngine({ upstreams, store });
    expect(again.status('nexus').counts.held).toBeGreaterThanOrEqual(2);
  });

  test('commits what was fetched on request a moment ago', async () => {
    const { upstreams, store, chartroom } = await started();
    await chartroom.archive('demo', '1.0.0');
    await chartroom.engine.stop();

    expect((await openEngine({ upstreams, store })).status('nexus').counts.held).toBe(1);
  });

  test('commits what was described', async () => {
    const upstream = new FakeUpstream('registry');
    for (const version of ['1.0.0', '1.1.0']) await upstream.publish('demo', version);
    const upstreams = { ghcr: { upstream, type: 'registry', concurrency: 1 } };
    const store = watchedStore();
    const chartroom = await openEngine({ upstreams, store });
    const gate = Promise.withResolvers<void>();
    upstream.before.describe = (call) => (call.endsWith('1.0.0') ? gate.promise : undefined);
    const syncing = chartroom.operator.sync('ghcr').catch(() => undefined);
    await turn();

    const stopping = chartroom.engine.stop();
    await turn();
    gate.resolve();
    await Promise.all([stopping, syncing]);

    const again = await openEngine({ upstreams, store });
    expect(again.versions('demo')).toEqual(['1.1.0', '1.0.0']);
  });

  test('begins nothing any more', async () => {
    const { upstream, chartroom } = await started();
    await chartroom.engine.stop();
    upstream.calls.length = 0;
    await pass(chartroom.clock, 3_600_000, 60_000);

    expect(upstream.calls).toEqual([]);
  });
});
