import { describe, expect, test } from 'vitest';

import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import {
  openEngine,
  pass,
  storeGone,
  turn,
  watchedStore,
  type TestEngine,
  type TestUpstream,
} from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

/** Replicas on one store and one clock, each with its own view of one upstream and of the store. */
async function replicas(count: number, settings: Settings = {}, hosts: readonly string[] = []) {
  const [inner, clock] = [memoryStore(), new ManualClock()];
  const gone = new Set<number>();
  const all = [];
  const rows = new FakeUpstream();
  await rows.publish('demo', '1.0.0');
  for (let pid = 1; pid <= count; pid += 1) {
    const upstream = new FakeUpstream();
    Object.defineProperty(upstream, 'rows', { get: () => rows.rows });
    const store = watchedStore(inner);
    const requests = { count: 0 };
    store.beforeRead = store.beforeWrite = () => void (requests.count += 1);
    const chartroom = await openEngine({
      upstreams: { nexus: { upstream, intervalMs: 10_000, mirror: 'all', ...settings } },
      store,
      clock,
      self: { id: `replica ${pid}`, host: hosts[pid - 1] ?? `host ${pid}`, pid },
      isGone: (other) => other.host === hosts[pid - 1] && gone.has(other.pid),
    });
    all.push({ chartroom, upstream, store, requests });
  }
  for (const { chartroom } of all) {
    chartroom.engine.start();
    await turn();
  }
  const [one, other] = all;
  if (!one || !other) throw new Error('two at least');
  return { all, one, other, rows, clock, gone };
}

/** As a process that was killed: it does nothing more, and tells nobody. */
function kill({
  chartroom,
  store,
}: {
  readonly chartroom: TestEngine;
  readonly store: ReturnType<typeof watchedStore>;
}) {
  store.beforeRead = store.beforeWrite = () => new Promise<void>(() => undefined);
  chartroom.engine.quiesce();
}

const holders = (all: readonly { readonly chartroom: TestEngine }[]): readonly boolean[] =>
  all.map(({ chartroom }) => chartroom.operator.holdsLease());

describe('replicas on one store', () => {
  test('have one do all that is asked of upstreams, and all serve the same bytes within five seconds', async () => {
    const { all, one, clock, rows } = await replicas(3);
    await pass(clock, 20_000, 1_000);
    expect(holders(all)).toEqual([true, false, false]);
    for (let at = 1; at <= 10; at += 1) {
      await rows.publish('demo', `1.${at}.0`);
      await pass(clock, 10_000, 1_000);
      while (!one.chartroom.versions('demo').includes(`1.${at}.0`)) await pass(clock, 500);
      await pass(clock, 5_000, 1_000);
      const served = all.map(({ chartroom }) => chartroom.reader.rendering('all'));
      expect(served.map(({ identity }) => identity.toString())[0]).toContain(`1.${at}.0`);
      expect(new Set(served.map(({ etag }) => etag)).size).toBe(1);
    }
    expect(all.map(({ upstream }) => upstream.calls.length > 0)).toEqual([true, false, false]);
    expect(new Set(one.upstream.calls.filter((call) => call !== 'list')).size).toBe(22);
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });

  test.each([
    ['stopped', 12_000],
    ['killed', 48_000],
  ] as const)('go on when the one that did the work was %s', async (how, withinMs) => {
    const { all, one, other, clock, rows } = await replicas(2);
    await pass(clock, 33_000, 1_000);
    if (how === 'stopped') await one.chartroom.engine.stop();
    else kill(one);
    expect(holders(all)[1]).toBe(false);
    await rows.publish('demo', '2.0.0');

    await pass(clock, withinMs, 1_000);

    expect(holders(all)[1]).toBe(true);
    expect(other.chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    await other.chartroom.engine.stop();
  });

  test('go on soon when the one that did the work was a process of the same machine that has ended', async () => {
    const { one, other, clock, gone } = await replicas(2, {}, ['here', 'here']);
    await pass(clock, 15_000, 1_000);
    kill(one);
    gone.add(1);
    await pass(clock, 27_000, 1_000);

    expect(other.chartroom.operator.holdsLease()).toBe(true);
    await other.chartroom.engine.stop();
  });

  test('take the work from nobody who does it, for an hour', async () => {
    const { all, clock } = await replicas(3);
    for (let times = 0; times < 60; times += 1) {
      await pass(clock, 60_000, 5_000);
      expect(holders(all)).toEqual([true, false, false]);
    }
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });

  test('are told apart by their own clocks: a wall clock that jumps moves no lease', async () => {
    const { all, clock } = await replicas(2);
    await pass(clock, 30_000, 1_000);
    for (const jumpMs of [86_400_000, -2 * 86_400_000]) {
      clock.jump(jumpMs);
      await pass(clock, 60_000, 1_000);
      expect(holders(all)).toEqual([true, false]);
    }
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });

  test('that are idle ask little of the store: thirty requests a minute of the one, twenty-four of the others', async () => {
    const { all, clock } = await replicas(3);
    await pass(clock, 120_000, 500);
    for (const { requests } of all) requests.count = 0;
    await pass(clock, 10 * 60_000, 500);

    const [holder = 0, ...others] = all.map(({ requests }) => requests.count / 10);
    expect(holder).toBeLessThanOrEqual(30);
    expect(Math.max(...others)).toBeLessThanOrEqual(24);
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });

  test('ask upstream once each at most for any number of cold requests', async () => {
    const { all, clock, rows } = await replicas(2, { mirror: 'requested' });
    await pass(clock, 15_000, 1_000);
    const bytes = rows.rows[0]?.archive;
    const answers = await Promise.all(
      all.flatMap(({ chartroom }) => Array.from({ length: 500 }, () => chartroom.archive('demo', '1.0.0'))),
    );

    expect(answers.every((answer) => answer.equals(bytes ?? Buffer.alloc(0)))).toBe(true);
    for (const { upstream } of all) expect(upstream.count('open')).toBeLessThanOrEqual(1);
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });
});

describe('the status of a replica that does not do the work', () => {
  test('shows the attempts, the fault and the failed versions of the one that does', async () => {
    const { all, one, other, clock, rows } = await replicas(2);
    one.upstream.before.open = () => Promise.reject(unreachable());
    await rows.publish('demo', '2.0.0');
    await pass(clock, 15_000, 1_000);
    one.upstream.down = unreachable();
    await pass(clock, 40_000, 1_000);

    const [here, there] = all.map(({ chartroom }) => chartroom.operator.upstream('nexus'));
    expect(here).toMatchObject({ state: 'failing', failedVersions: [{ chart: 'demo', version: '2.0.0' }] });
    expect(there).toMatchObject({ state: 'failing', fault: { code: 'upstream-unreachable' } });
    expect(there?.failedVersions).toMatchObject([{ chart: 'demo', version: '2.0.0' }]);
    expect(Date.parse(there?.lastAttempt ?? '')).toBeGreaterThan(clock.now() - 45_000);
    expect(there?.lastSuccess).toBe(here?.lastSuccess);
    expect(other.upstream.calls).toEqual([]);
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });

  test('says so of a sync that was asked of it, which it does itself', async () => {
    const { all, one, other, rows, clock } = await replicas(2, { intervalMs: 86_400_000 });
    await pass(clock, 15_000, 1_000);
    await rows.publish('demo', '2.0.0');

    expect(await other.chartroom.operator.sync('nexus')).toMatchObject({ added: 1 });

    expect(other.chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    await pass(clock, 5_000, 1_000);
    expect(one.chartroom.index).toBe(other.chartroom.index);
    // what follows is fetched ahead by the one that does the work
    expect(one.upstream.count('open archive demo-2.0.0')).toBe(1);
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });
});

describe('an index that a replica could not build once', () => {
  test('is built a few seconds later, although nothing more is committed', async () => {
    const [inner, clock, upstream] = [memoryStore(), new ManualClock(), new FakeUpstream()];
    await upstream.publish('demo', '1.0.0');
    let dies = false;
    const options = { upstreams: { nexus: upstream }, store: inner, clock };
    const one = await openEngine(options);
    await one.operator.sync('nexus');
    const other = await openEngine({
      ...options,
      self: { id: 'other', host: 'there', pid: 2 },
      beforeJob: (job) => {
        if (job === 'render' && dies) throw new Error('the worker thread ended');
      },
    });
    one.engine.start();
    await turn();
    other.engine.start();
    dies = true;
    await upstream.publish('demo', '1.1.0');
    await one.operator.sync('nexus');
    await pass(clock, 5_000);
    dies = false;
    await pass(clock, 60_000, 1_000);

    expect(other.index).toBe(one.index);
    await Promise.all([one.engine.stop(), other.engine.stop()]);
  });
});

describe('a store that does not answer once', () => {
  test('makes nobody else do the work', async () => {
    const { all, other, clock } = await replicas(2);
    await pass(clock, 30_000, 1_000);
    other.store.beforeRead = storeGone;
    await pass(clock, 12_000, 1_000);
    other.store.beforeRead = undefined;
    await pass(clock, 60_000, 1_000);

    expect(other.upstream.calls).toEqual([]);
    expect(holders(all)).toEqual([true, false]);
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });
});

describe('a lease that is damaged in the store', () => {
  test('is written anew, and one does the work', async () => {
    const { all, one, clock } = await replicas(2);
    await pass(clock, 30_000, 1_000);
    await one.store.write('lease.json', Buffer.from('not json'));
    await pass(clock, 120_000, 1_000);

    expect(holders(all).filter(Boolean)).toHaveLength(1);
    expect(await one.store.text('lease.json')).toContain('"holder"');
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });
});

describe('a store that cannot be written', () => {
  test('keeps no replica from asking, and from serving what it had', async () => {
    const { all, one, other, clock, rows } = await replicas(2);
    await pass(clock, 30_000, 1_000);
    for (const { store } of all) store.beforeWrite = storeGone;
    await rows.publish('demo', '2.0.0');
    const lists = one.upstream.count('list');
    await pass(clock, 120_000, 1_000);

    expect(one.upstream.count('list')).toBeGreaterThan(lists + 5);
    for (const { chartroom } of all) expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    for (const { store } of all) store.beforeWrite = undefined;
    await pass(clock, 60_000, 1_000);
    for (const { chartroom } of all) expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    expect(holders(all).filter(Boolean)).toHaveLength(1);
    expect(other.chartroom.status('nexus').state).toBe('ok');
    await Promise.all(all.map(({ chartroom }) => chartroom.engine.stop()));
  });

  test('with conflicts without end is a fault, and loses nothing', async () => {
    const { one, clock, rows } = await replicas(2);
    await pass(clock, 15_000, 1_000);
    await rows.publish('demo', '2.0.0');
    const { store } = one;
    const write = store.write.bind(store);
    Object.assign(one.store, {
      write: async (...args: Parameters<typeof write>) =>
        args[0] === 'state.json' ? ('conflict' as const) : write(...args),
    });
    expect((await faultOf(one.chartroom.operator.sync('nexus'))).code).toBe('store-failed');
    expect(one.chartroom.versions('demo')).toEqual(['1.0.0']);

    Object.assign(one.store, { write });
    await one.chartroom.operator.sync('nexus');
    expect(one.chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    await one.chartroom.engine.stop();
  });
});
