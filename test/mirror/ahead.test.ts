import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import type { MirrorPolicy } from '../../src/chart/survey.ts';
import { openEngine, pass, storeGone, turn, watchedStore, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

async function listing(charts: Readonly<Record<string, readonly string[]>>, settings: Settings = {}) {
  const upstream = new FakeUpstream();
  for (const [chart, versions] of Object.entries(charts)) {
    for (const version of versions) await upstream.publish(chart, version);
  }
  const store = watchedStore();
  const upstreams = { nexus: { upstream, mirror: 'all' as MirrorPolicy, concurrency: 1, ...settings } };
  const chartroom = await openEngine({ upstreams, store });
  const opened = () => upstream.calls.filter((call) => call.startsWith('open archive')).map((call) => call.slice(13));
  return { upstream, store, chartroom, opened, upstreams };
}

describe('archives are fetched ahead', () => {
  test('newest of every chart first', async () => {
    const { chartroom, opened } = await listing({
      a: ['1.0.0', '2.0.0', '3.0.0'],
      b: ['1.0.0'],
      c: ['1.0.0', '1.1.0-rc.1'],
    });
    await chartroom.operator.sync('nexus');

    expect(await chartroom.operator.settled()).toMatchObject({ filled: 6, failed: 0 });

    expect(opened()).toEqual(['a-3.0.0', 'b-1.0.0', 'c-1.1.0-rc.1', 'a-2.0.0', 'c-1.0.0', 'a-1.0.0']);
    expect(chartroom.status('nexus').counts).toMatchObject({ held: 6 });
  });

  test('exactly N of every chart with newest N', async () => {
    const { chartroom, opened } = await listing(
      { a: ['1.0.0', '2.0.0', '3.0.0'], b: ['1.0.0'] },
      { mirror: { newest: 2 } },
    );
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();

    expect(opened()).toEqual(['a-3.0.0', 'b-1.0.0', 'a-2.0.0']);
  });

  test('not at all with requested', async () => {
    const { chartroom, upstream } = await listing({ a: ['1.0.0'] }, { mirror: 'requested' });
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();

    expect(upstream.calls).toEqual(['list']);
  });

  test('only of charts that may be offered', async () => {
    const { chartroom, opened } = await listing({ a: ['1.0.0'], b: ['1.0.0'] }, { charts: ['b'] });
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();

    expect(opened()).toEqual(['b-1.0.0']);
  });

  test('as many at once as the upstream allows, but for one place that is left to requests', async () => {
    const versions = Array.from({ length: 20 }, (_, at) => `1.${at}.0`);
    const { upstream, chartroom } = await listing({ a: versions }, { concurrency: 3 });
    let open = 0;
    let most = 0;
    upstream.before.open = async () => {
      most = Math.max(most, (open += 1));
      await turn();
      open -= 1;
    };
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();

    expect(most).toBe(2);
  });

  test('without making a request wait for the end of one of them', async () => {
    const { upstream, chartroom, opened } = await listing({ a: ['1.0.0', '1.1.0', '1.2.0'] }, { concurrency: 2 });
    const gate = Promise.withResolvers<void>();
    upstream.before.open = (call) => (call.endsWith('a-1.0.0') ? undefined : gate.promise);
    await chartroom.operator.sync('nexus');
    await turn();

    expect(await chartroom.archive('a', '1.0.0')).toEqual(upstream.rows[0]?.archive);

    expect(opened()).toEqual(['a-1.2.0', 'a-1.0.0']);
    gate.resolve();
    await chartroom.operator.settled();
  });

  test('once: a second sync fetches nothing again, and neither does a restart', async () => {
    const { chartroom, upstream, store, upstreams } = await listing({ a: ['1.0.0', '1.1.0'] });
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    const asked = upstream.count('open');
    await chartroom.engine.stop();

    const again = await openEngine({ upstreams, store });
    await again.operator.sync('nexus');
    await again.operator.settled();

    expect(asked).toBe(4);
    expect(upstream.count('open')).toBe(4);
  });

  test('when they are listed while others are being fetched: after what is under way and before what is left', async () => {
    const { upstream, chartroom, opened } = await listing({ a: ['1.0.0', '1.1.0'] });
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;
    await chartroom.operator.sync('nexus');
    await upstream.publish('a', '2.0.0');
    await chartroom.operator.sync('nexus');
    gate.resolve();
    await chartroom.operator.settled();

    expect(opened()).toEqual(['a-1.1.0', 'a-2.0.0', 'a-1.0.0']);
  });
});

describe('a request', () => {
  test('goes before what is fetched ahead', async () => {
    const versions = Array.from({ length: 6 }, (_, at) => `1.${at}.0`);
    const { upstream, chartroom, opened } = await listing({ a: versions, b: ['1.0.0'] }, { charts: ['*'] });
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;
    await chartroom.operator.sync('nexus');
    await turn();
    const answer = chartroom.archive('a', '1.0.0');
    await turn();

    gate.resolve();
    await answer;
    await chartroom.operator.settled();

    expect(opened().slice(0, 2)).toEqual(['a-1.5.0', 'a-1.0.0']);
  });
});

describe('what fails', () => {
  test('disturbs nothing else, is left alone until it is due, and then comes', async () => {
    const { upstream, chartroom, opened } = await listing({ a: ['1.0.0', '1.1.0', '1.2.0'] });
    const broken = unreachable();
    upstream.before.open = (call) => {
      if (call.endsWith('a-1.1.0')) throw broken;
    };
    await chartroom.operator.sync('nexus');
    expect(await chartroom.operator.settled()).toMatchObject({ filled: 2, failed: 1 });
    for (let times = 0; times < 10; times += 1) {
      await pass(chartroom.clock, 5_000);
      await chartroom.timedSync('nexus');
    }
    expect(opened().filter((one) => one === 'a-1.1.0')).toHaveLength(1);

    upstream.before.open = undefined;
    await pass(chartroom.clock, 75_000, 5_000);
    expect(chartroom.status('nexus').counts.held).toBe(3);
  });

  test('for one reason many times is two lines in the log', async () => {
    const versions = Array.from({ length: 200 }, (_, at) => `1.${at}.0`);
    const { upstream, chartroom } = await listing({ a: versions }, { concurrency: 4 });
    await chartroom.operator.sync('nexus');
    upstream.down = unreachable();
    await chartroom.operator.settled();

    const warnings = chartroom.logged.filter(({ level }) => level >= 40);
    expect(warnings.map(({ code, versions: count }) => [code, count])).toEqual([
      ['upstream-unreachable', undefined],
      ['upstream-unreachable', expect.any(Number)],
    ]);
  });

  test('because the store takes nothing ends the fetching until the next sync', async () => {
    const versions = Array.from({ length: 50 }, (_, at) => `1.${at}.0`);
    const { upstream, store, chartroom } = await listing({ a: versions }, { concurrency: 2 });
    await chartroom.operator.sync('nexus');
    store.beforeWrite = storeGone;
    await chartroom.operator.settled().catch(() => undefined);
    expect(upstream.count('open archive')).toBeLessThan(10);

    store.beforeWrite = undefined;
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    expect(chartroom.status('nexus').counts.held).toBe(50);
  });
});

describe('provenance', () => {
  const signed = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: demo\n');

  test('is fetched ahead, kept, and served when upstream is gone', async () => {
    const { upstream, chartroom, store, upstreams } = await listing({});
    const { archive } = await upstream.publish('demo', '1.0.0', { provenance: signed });
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    await chartroom.engine.stop();
    upstream.down = unreachable();

    const again = await openEngine({ upstreams, store });
    expect(await again.provenance('demo', '1.0.0')).toEqual(signed);
    expect(await again.archive('demo', '1.0.0')).toEqual(archive);
  });

  test('that upstream does not have is remembered: not fetched ahead again, not asked for with every request', async () => {
    const { upstream, chartroom } = await listing({ demo: ['1.0.0'] });
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    expect(upstream.count('open provenance')).toBe(1);

    for (let times = 0; times < 20; times += 1) expect(await chartroom.provenance('demo', '1.0.0')).toBeUndefined();
    expect(upstream.count('open provenance')).toBe(2);
  });

  test('published later is found ten minutes later at most', async () => {
    const { upstream, chartroom } = await listing({ demo: ['1.0.0'] });
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    await chartroom.provenance('demo', '1.0.0');
    upstream.rows = upstream.rows.map((row) => ({ ...row, provenance: signed }));
    expect(await chartroom.provenance('demo', '1.0.0')).toBeUndefined();

    await pass(chartroom.clock, 10 * 60_000, 60_000);

    expect(await chartroom.provenance('demo', '1.0.0')).toEqual(signed);
  });

  test('is fetched on request with requested, and a failure to is no absence', async () => {
    const { upstream, chartroom } = await listing({}, { mirror: 'requested' });
    await upstream.publish('demo', '1.0.0', { provenance: signed });
    await chartroom.operator.sync('nexus');
    upstream.before.open = (call) => {
      if (call.startsWith('open provenance')) throw new Fault('forbidden', 'nexus: 403.', 'Check auth.');
    };
    await expect(chartroom.provenance('demo', '1.0.0')).rejects.toMatchObject({ code: 'forbidden' });

    upstream.before.open = undefined;
    expect(await chartroom.provenance('demo', '1.0.0')).toEqual(signed);
  });

  test('that is a web page is not kept', async () => {
    const { upstream, chartroom, store } = await listing({}, { mirror: 'requested' });
    const page = Buffer.from('<html>not here</html>');
    await upstream.publish('demo', '1.0.0', { provenance: page });
    await chartroom.operator.sync('nexus');

    await expect(chartroom.provenance('demo', '1.0.0')).rejects.toMatchObject({ code: 'upstream-failed' });
    expect(store.writes.filter((key) => key.endsWith(digestOf(page).slice(7)))).toEqual([]);
  });
});
