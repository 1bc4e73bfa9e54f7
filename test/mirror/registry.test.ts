import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import type { MirrorPolicy } from '../../src/chart/survey.ts';
import { openEngine, pass, turn, watchedStore, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

async function registry(tags: Readonly<Record<string, readonly string[]>>, settings: Settings = {}) {
  const upstream = new FakeUpstream('registry');
  for (const [chart, versions] of Object.entries(tags)) {
    for (const version of versions) await upstream.publish(chart, version);
  }
  const upstreams = {
    ghcr: { upstream, type: 'registry', mirror: 'requested' as MirrorPolicy, concurrency: 1, ...settings },
  };
  const store = watchedStore();
  const chartroom = await openEngine({ upstreams, store });
  const described = () => upstream.calls.filter((call) => call.startsWith('describe')).map((call) => call.slice(9));
  return { upstream, upstreams, store, chartroom, described, sync: () => chartroom.operator.sync('ghcr') };
}

describe("a registry's tags", () => {
  test('are described newest of every chart first, and are in the index when the sync is answered', async () => {
    const { chartroom, sync, described } = await registry({ a: ['1.0.0', '2.0.0'], b: ['1.0.0'] });

    await sync();

    expect(described()).toEqual(['a-2.0.0', 'b-1.0.0', 'a-1.0.0']);
    expect(chartroom.versions('a')).toEqual(['2.0.0', '1.0.0']);
    expect(chartroom.rows('a')[0]?.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test('are in the index as they are described, every ten seconds, while the rest goes on', async () => {
    const { upstream, chartroom, sync } = await registry({ a: ['1.0.0', '2.0.0', '3.0.0'] });
    const gate = Promise.withResolvers<void>();
    upstream.before.describe = (call) => (call.endsWith('a-1.0.0') ? gate.promise : undefined);

    const syncing = sync();
    await turn();
    // an index without any of them would be an empty one by accident
    expect(() => chartroom.index).toThrow(/None of the tags .* is described yet/);
    expect(chartroom.operator.readiness()).toMatchObject({ ready: false, waitingFor: ['index of all'] });
    await pass(chartroom.clock, 10_000);
    expect(chartroom.versions('a')).toEqual(['3.0.0', '2.0.0']);

    // the sync is answered after twenty seconds, whatever is left to describe
    await pass(chartroom.clock, 10_000);
    expect(await syncing).toMatchObject({ versions: 3 });

    gate.resolve();
    await chartroom.operator.settled();
    expect(chartroom.versions('a')).toEqual(['3.0.0', '2.0.0', '1.0.0']);
  });

  test('are described by one run at a time, however often it is listed meanwhile', async () => {
    const { upstream, chartroom, sync, described } = await registry({ a: ['1.0.0', '2.0.0', '3.0.0'] });
    const gate = Promise.withResolvers<void>();
    upstream.before.describe = () => gate.promise;
    for (let times = 0; times < 3; times += 1) {
      const syncing = sync();
      await pass(chartroom.clock, 20_000);
      await syncing;
    }
    gate.resolve();
    await chartroom.operator.settled();

    expect(described()).toEqual(['a-3.0.0', 'a-2.0.0', 'a-1.0.0']);
  });

  test('are never asked about again once described, also after a restart', async () => {
    const { chartroom, upstreams, store, sync, described } = await registry({ a: ['1.0.0', '2.0.0'] });
    await sync();
    await sync();
    await chartroom.engine.stop();

    const again = await openEngine({ upstreams, store });
    await again.operator.sync('ghcr');

    expect(described()).toHaveLength(2);
    expect(again.index).toBe(chartroom.index);
  });

  test('that were described before a restart are not asked about again, the rest is', async () => {
    const { upstream, upstreams, chartroom, store, sync, described } = await registry({
      a: ['1.0.0', '2.0.0', '3.0.0'],
    });
    upstream.before.describe = (call) => {
      if (call.endsWith('a-1.0.0')) throw unreachable();
    };
    await sync();
    await chartroom.engine.stop();
    upstream.before.describe = undefined;
    upstream.calls.length = 0;

    const again = await openEngine({ upstreams, store });
    await again.operator.sync('ghcr');

    expect(described()).toEqual(['a-1.0.0']);
    expect(again.versions('a')).toEqual(['3.0.0', '2.0.0', '1.0.0']);
  });

  test('that are no charts are remembered, not offered, and never asked about again', async () => {
    const { upstream, chartroom, upstreams, store, sync, described } = await registry({ a: ['1.0.0'] });
    await upstream.publish('a', '2.0.0', { notAChart: true });
    await sync();
    await sync();

    expect(described()).toEqual(['a-2.0.0', 'a-1.0.0']);
    expect(chartroom.versions('a')).toEqual(['1.0.0']);
    expect(chartroom.status('ghcr').counts).toMatchObject({ charts: 1, versions: 1 });
    const again = await openEngine({ upstreams, store });
    await again.operator.sync('ghcr');
    expect(described()).toHaveLength(2);
  });

  test('that are all images are no charts', async () => {
    const { upstream, chartroom, sync } = await registry({});
    await upstream.publish('a', '1.0.0', { notAChart: true });

    expect((await faultOf(sync())).code).toBe('no-charts-found');
    expect(chartroom.status('ghcr').state).toBe('failing');
  });

  test('keep their manifests and configs verbatim, and the holding names them', async () => {
    const { chartroom, store, sync } = await registry({ a: ['1.0.0'] });
    await sync();

    const holding = await chartroom.reader.resolve({ repository: 'all', chart: 'a', version: '1.0.0' });

    const manifest = `{"manifest":"a-1.0.0","layer":"${holding.archive.digest}"}`;
    expect(holding.manifest?.digest).toBe(digestOf(Buffer.from(manifest)));
    expect(holding.config?.digest).toBe(digestOf(Buffer.from('{"config":"a-1.0.0"}')));
    const blobs = store.writes.filter((key) => key.startsWith('blobs/')).map((key) => key.slice(-64));
    expect(blobs).toContain(holding.manifest?.digest.slice(7));
    expect(blobs).toContain(holding.config?.digest.slice(7));
  });

  test('can be asked for before they are described', async () => {
    const { upstream, chartroom, sync } = await registry({ a: ['1.0.0', '2.0.0'] }, { concurrency: 2 });
    const gate = Promise.withResolvers<void>();
    upstream.before.describe = (call) => (upstream.count(call) === 1 ? gate.promise : undefined);
    const syncing = sync();
    await turn();

    const request = chartroom.archive('a', '1.0.0');
    gate.resolve();

    expect(await request).toEqual(upstream.rows[0]?.archive);
    await syncing;
    expect(chartroom.versions('a')).toEqual(['2.0.0', '1.0.0']);
  });

  test('are filled ahead only when described', async () => {
    const { upstream, chartroom, sync } = await registry({ a: ['1.0.0', '2.0.0'] }, { mirror: 'all' });
    await sync();
    expect(await chartroom.operator.settled()).toMatchObject({ filled: 2, failed: 0 });

    expect(upstream.calls.slice(0, 3)).toEqual(['list', 'describe a-2.0.0', 'describe a-1.0.0']);
    expect(chartroom.status('ghcr').counts.held).toBe(2);
  });

  test('are waited for by settled, however long describing takes', async () => {
    const { upstream, chartroom, sync } = await registry({ a: ['1.0.0'] }, { mirror: 'all' });
    const gate = Promise.withResolvers<void>();
    upstream.before.describe = () => gate.promise;
    const syncing = sync();
    await pass(chartroom.clock, 20_000);
    await syncing;

    const settled = chartroom.operator.settled();
    await turn();
    gate.resolve();

    expect(await settled).toMatchObject({ filled: 1, failed: 0 });
  });
});

describe('descriptions that arrive while others are committed', () => {
  test('are all kept, and none is asked for twice', async () => {
    const [one, other] = [new FakeUpstream('registry'), new FakeUpstream('registry')];
    for (const version of ['3.0.0', '2.0.0', '1.0.0']) await one.publish('a', version);
    await other.publish('b', '1.0.0');
    const settings = { type: 'registry', concurrency: 1 };
    const store = watchedStore();
    const upstreams = { one: { upstream: one, ...settings }, other: { upstream: other, ...settings } };
    const chartroom = await openEngine({ upstreams, store });
    const [late, later, last] = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
    const gates = new Map([
      ['describe a-2.0.0', later?.promise],
      ['describe a-1.0.0', last?.promise],
    ]);
    one.before.describe = (call) => gates.get(call);
    other.before.describe = () => late?.promise;
    const syncs = [chartroom.operator.sync('one'), chartroom.operator.sync('other')];
    await turn();
    const commits = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let commit = 0;
    store.beforeWrite = (key) => (key === 'state.json' ? commits[commit++]?.promise : undefined);

    // the first of three descriptions is being committed, the second is to be committed next, and the third comes then
    await pass(chartroom.clock, 10_000);
    late?.resolve();
    await turn();
    commits[0]?.resolve();
    await turn();
    later?.resolve();
    await turn();
    commits[1]?.resolve();
    await turn();
    last?.resolve();
    await Promise.all(syncs);

    expect(chartroom.versions('a')).toEqual(['3.0.0', '2.0.0', '1.0.0']);
    expect(chartroom.versions('b')).toEqual(['1.0.0']);
    expect(one.count('describe')).toBe(3);
  });
});

describe('a request', () => {
  test('goes before descriptions and fills that wait for their turn', async () => {
    const { upstream, chartroom, sync } = await registry({ a: ['1.0.0', '2.0.0'] }, { mirror: 'all' });
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;
    await sync();
    await upstream.publish('a', '3.0.0');
    const syncing = sync();
    await turn();
    upstream.calls.length = 0;

    const request = chartroom.archive('a', '1.0.0');
    await turn();
    gate.resolve();
    await Promise.all([request, syncing]);

    expect(upstream.calls.slice(0, 2)).toEqual(['open archive a-1.0.0', 'describe a-3.0.0']);
  });
});
