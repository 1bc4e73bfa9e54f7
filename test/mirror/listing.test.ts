import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { kindOf, openEngine, turn, watchedStore } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

async function listed(...versions: readonly string[]) {
  const upstream = new FakeUpstream();
  for (const version of versions) await upstream.publish('demo', version);
  const store = watchedStore();
  const chartroom = await openEngine({ upstreams: { nexus: upstream }, store });
  const sync = () => chartroom.operator.sync('nexus');
  return { upstream, store, chartroom, sync };
}

describe('a listing', () => {
  test('is served once it is committed, before any archive is here', async () => {
    const { chartroom, sync, upstream } = await listed('1.0.0', '1.1.0');
    expect(() => chartroom.index).toThrow(Fault);

    const report = await sync();

    expect(report).toMatchObject({ unchanged: false, charts: 1, versions: 2, added: 2, withdrawn: 0, rewritten: 0 });
    expect(chartroom.versions('demo')).toEqual(['1.1.0', '1.0.0']);
    expect(upstream.count('open')).toBe(0);
  });

  test('is written catalog first, and the state that names it last', async () => {
    const { store, sync } = await listed('1.0.0');

    await sync();

    expect(store.writes.map(kindOf)).toEqual(['format.json', 'state.json', 'catalogs', 'state.json']);
  });

  test('that upstream calls unchanged renders nothing and writes nothing', async () => {
    const { store, chartroom, sync } = await listed('1.0.0');
    await sync();
    await sync();
    const before = [store.writes.length, chartroom.ran.length, chartroom.index];

    const report = await sync();

    expect(report.unchanged).toBe(true);
    expect([store.writes.length, chartroom.ran.length, chartroom.index]).toEqual(before);
  });

  test('that is equal in content renders nothing and writes nothing', async () => {
    const { upstream, store, chartroom, sync } = await listed('1.0.0');
    upstream.conditional = false;
    await sync();
    chartroom.ran.length = 0;
    const writes = store.writes.length;

    const report = await sync();

    expect(report).toMatchObject({ unchanged: true, added: 0 });
    expect(store.writes).toHaveLength(writes);
    expect(chartroom.ran).not.toContain('render');
  });

  test('that fails keeps the last good one, and the status says why', async () => {
    const { upstream, chartroom, sync } = await listed('1.0.0');
    await sync();
    const before = chartroom.index;
    upstream.down = unreachable();

    const fault = await faultOf(sync());

    expect(fault.code).toBe('upstream-unreachable');
    expect(chartroom.index).toBe(before);
    expect(chartroom.status('nexus')).toMatchObject({
      state: 'failing',
      lastAttempt: '2026-01-01T00:00:00Z',
      lastSuccess: '2026-01-01T00:00:00Z',
      counts: { charts: 1, versions: 1 },
      fault: {
        code: 'upstream-unreachable',
        message: 'fake: no answer (connection refused).',
        advice: 'Check the address.',
      },
    });

    upstream.down = undefined;
    await sync();
    expect(chartroom.status('nexus')).toMatchObject({ state: 'ok' });
    expect(chartroom.status('nexus').fault).toBeUndefined();
  });

  test('that is refused is told from one that fails', async () => {
    const { upstream, chartroom, sync } = await listed('1.0.0');
    await sync();
    upstream.down = new Fault('listing-refused', 'nexus: lists 3 charts, it listed 140.', 'Accept it.');

    await faultOf(sync());

    expect(chartroom.status('nexus').state).toBe('refused');
  });

  test('that is an accident of ours is a fault too, and its details are in the log only', async () => {
    const { upstream, chartroom, sync } = await listed('1.0.0');
    upstream.before.list = () => {
      throw new TypeError('secret internals');
    };

    const fault = await faultOf(sync());

    expect(fault).toMatchObject({ code: 'upstream-failed', message: 'nexus: the sync failed.' });
    expect(JSON.stringify(chartroom.operator.status())).not.toContain('secret internals');
    expect(JSON.stringify(chartroom.logged)).toContain('secret internals');
  });

  test('that is empty is no-charts-found the first time, and a good answer later', async () => {
    const { upstream, chartroom, sync } = await listed();

    expect((await faultOf(sync())).code).toBe('no-charts-found');
    expect(chartroom.status('nexus')).toMatchObject({ state: 'failing', fault: { code: 'no-charts-found' } });
    expect(() => chartroom.index).toThrow(/No upstream was ever listed/);

    await upstream.publish('demo', '1.0.0');
    await sync();
    upstream.rows = [];
    await sync();
    expect(chartroom.status('nexus').state).toBe('ok');
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  });

  test('of which the configuration excludes everything is no-charts-found', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    const chartroom = await openEngine({ upstreams: { nexus: { upstream, charts: ['!*'] } } });

    expect((await faultOf(chartroom.operator.sync('nexus'))).code).toBe('no-charts-found');
  });

  test('is answered by what is in it also when it is looked over for somebody else just now', async () => {
    const upstreams = { nexus: new FakeUpstream(), other: new FakeUpstream() };
    await upstreams.nexus.publish('demo', '1.0.0');
    await upstreams.other.publish('else', '1.0.0');
    const store = watchedStore();
    const chartroom = await openEngine({ upstreams, repositories: { all: { upstreams: ['other'] } }, store });
    for (let round = 0; round < 3; round += 1) await chartroom.operator.sync('other');
    const [committed, surveyed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    // the state names it by then
    store.beforeRead = (key) => (kindOf(key) === 'catalogs' ? committed.promise : undefined);
    chartroom.beforeJob = (job) => (job === 'survey' ? surveyed.promise : Promise.resolve());
    const report = chartroom.operator.sync('nexus');
    await turn();
    const unchanged = chartroom.operator.sync('other');
    await turn();

    committed.resolve();
    await turn();
    surveyed.resolve();

    expect(await report).toMatchObject({ charts: 1, versions: 1 });
    expect(await unchanged).toMatchObject({ unchanged: true });
  });

  test('tells how many of its rows were dropped, and why', async () => {
    const { upstream, chartroom, sync } = await listed('1.0.0');
    upstream.rejected = { 'bad-version': 2, 'no-urls': 1 };

    const report = await sync();

    expect(report.rejected).toEqual({ 'bad-version': 2, 'no-urls': 1 });
    expect(chartroom.status('nexus')).toMatchObject({
      counts: { rejectedRows: 3 },
      rejected: { 'bad-version': 2, 'no-urls': 1 },
    });
    expect(chartroom.logged).toContainEqual(expect.objectContaining({ level: 40, msg: 'rows were dropped' }));
  });
});

describe('an index that could not be built', () => {
  test('is built by the next sync, although that finds nothing new', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    let dies = true;
    const chartroom = await openEngine({
      upstreams: { nexus: upstream },
      beforeJob: (job) => {
        if (job === 'render' && dies) throw new Error('the worker thread ended');
      },
    });
    await faultOf(chartroom.operator.sync('nexus'));
    dies = false;

    await chartroom.operator.sync('nexus');

    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  });
});
