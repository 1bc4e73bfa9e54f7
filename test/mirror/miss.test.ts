import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { openEngine, pass, turn, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

async function repository(settings: Settings = {}) {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const chartroom = await openEngine({ upstreams: { nexus: { upstream, ...settings } } });
  await chartroom.operator.sync('nexus');
  await pass(chartroom.clock, 10_000, 10_000);
  upstream.calls.length = 0;
  return { upstream, chartroom, get: (version: string) => chartroom.archive('demo', version) };
}

async function registry() {
  const upstream = new FakeUpstream('registry');
  const upstreams = { ghcr: { upstream, type: 'registry', unlisted: true } };
  const chartroom = await openEngine({ upstreams });
  await chartroom.operator.sync('ghcr');
  return { upstream, chartroom, get: (version: string) => chartroom.archive('demo', version) };
}

describe('a version that no listing has', () => {
  test('is asked for once, found, and listed from then on', async () => {
    const { upstream, chartroom, get } = await repository();
    const { archive } = await upstream.publish('demo', '1.1.0');

    expect(await get('1.1.0')).toEqual(archive);

    expect(upstream.calls).toEqual(['list', 'open archive demo-1.1.0']);
    expect(chartroom.versions('demo')).toEqual(['1.1.0', '1.0.0']);
  });

  test('of a chart that nobody lists is asked for too', async () => {
    const { upstream, chartroom } = await repository();
    const { archive } = await upstream.publish('fresh', '0.1.0');

    expect(await chartroom.archive('fresh', '0.1.0')).toEqual(archive);
  });

  test('is not found when every upstream that may provide it says no', async () => {
    const { get } = await repository();
    expect((await faultOf(get('9.9.9'))).code).toBe('not-found');
  });

  test('is asked for every two seconds at most: too slow, until another listing may begin', async () => {
    const { upstream, chartroom, get } = await repository();
    await faultOf(get('9.9.9'));
    await pass(chartroom.clock, 1_000);
    const { archive } = await upstream.publish('demo', '9.9.9');

    expect(await faultOf(get('9.9.9'))).toMatchObject({ timedOut: true, retryAfterMs: 2_000 });
    expect(upstream.count('list')).toBe(1);

    await pass(chartroom.clock, 1_000);
    expect(await get('9.9.9')).toEqual(archive);
    expect(upstream.count('list')).toBe(2);
  });

  test('is not asked for again just after a listing that began by itself', async () => {
    const { upstream, chartroom, get } = await repository();
    await chartroom.operator.sync('nexus');
    await pass(chartroom.clock, 500);

    expect((await faultOf(get('9.9.9'))).timedOut).toBe(true);
    expect(upstream.count('list')).toBe(1);
  });

  test('is not denied on the word of a listing that began before it was asked for', async () => {
    const { upstream, chartroom, get } = await repository();
    const gate = Promise.withResolvers<void>();
    upstream.before.list = () => gate.promise;
    const earlier = chartroom.operator.sync('nexus');
    await pass(chartroom.clock, 1_000);

    const request = faultOf(get('9.9.9'));
    await turn();
    gate.resolve();
    await earlier;

    expect((await request).timedOut).toBe(true);
  });

  test('is asked for by another listing when the one under way is old enough', async () => {
    const { upstream, chartroom, get } = await repository();
    const gate = Promise.withResolvers<void>();
    upstream.before.list = () => gate.promise;
    const earlier = chartroom.operator.sync('nexus');
    await pass(chartroom.clock, 2_000);

    const request = faultOf(get('9.9.9'));
    await turn();
    gate.resolve();
    await earlier;

    expect((await request).code).toBe('not-found');
    expect(upstream.count('list')).toBe(2);
  });

  test('waits two seconds at most, and the asking goes on', async () => {
    const { upstream, chartroom, get } = await repository();
    const gate = Promise.withResolvers<void>();
    upstream.before.list = () => gate.promise;
    const { archive } = await upstream.publish('demo', '1.1.0');

    const request = faultOf(get('1.1.0'));
    await turn();
    await pass(chartroom.clock, 2_000);
    expect(await request).toMatchObject({ code: 'upstream-unreachable', timedOut: true, retryAfterMs: 2_000 });

    gate.resolve();
    await turn();
    expect(chartroom.versions('demo')).toEqual(['1.1.0', '1.0.0']);
    expect(await get('1.1.0')).toEqual(archive);
  });

  test('is answered with the fault of the upstream that did not answer, for as long as that lasts', async () => {
    const { upstream, chartroom, get } = await repository();
    upstream.down = unreachable();

    for (let times = 0; times < 3; times += 1) {
      expect((await faultOf(get('9.9.9'))).code).toBe('upstream-unreachable');
      await pass(chartroom.clock, 1_500);
    }
  });

  test('is not asked for while the upstream is left alone after failures', async () => {
    const { upstream, chartroom, get } = await repository();
    upstream.down = unreachable({ retryAfterMs: 60_000 });
    chartroom.engine.start();
    await turn();
    upstream.calls.length = 0;
    upstream.down = undefined;
    await pass(chartroom.clock, 30_000);

    expect((await faultOf(get('9.9.9'))).code).toBe('upstream-unreachable');
    expect(upstream.calls).toEqual([]);
    await chartroom.engine.stop();
  });

  test('is not asked for where the timer is turned off', async () => {
    const { upstream, get } = await repository({ intervalMs: 0 });
    await upstream.publish('demo', '1.1.0');

    expect((await faultOf(get('1.1.0'))).code).toBe('not-found');
    expect(upstream.calls).toEqual([]);
  });

  test('is found at one upstream although another one hangs', async () => {
    const [slow, quick] = [new FakeUpstream(), new FakeUpstream()];
    await quick.publish('demo', '1.0.0');
    await slow.publish('other', '1.0.0');
    const chartroom = await openEngine({ upstreams: { slow, quick } });
    await chartroom.operator.sync('slow');
    await chartroom.operator.sync('quick');
    await pass(chartroom.clock, 5_000);
    slow.before.list = () => new Promise(() => undefined);
    const { archive } = await quick.publish('fresh', '1.0.0');

    const request = chartroom.archive('fresh', '1.0.0');
    await turn();
    await pass(chartroom.clock, 2_000);

    expect(await request).toEqual(archive);
  });

  test('of a chart that an upstream owns is asked of nobody else', async () => {
    const [owner, other] = [new FakeUpstream(), new FakeUpstream()];
    await owner.publish('demo', '1.0.0');
    await other.publish('else', '1.0.0');
    const chartroom = await openEngine({ upstreams: { owner, other } });
    await chartroom.operator.sync('owner');
    await chartroom.operator.sync('other');
    await pass(chartroom.clock, 5_000);
    other.calls.length = 0;

    expect((await faultOf(chartroom.archive('demo', '2.0.0'))).code).toBe('not-found');
    expect(other.calls).toEqual([]);
  });
});

describe('a tag of a registry that cannot be listed', () => {
  test('is no fault while nothing is known', async () => {
    const { chartroom } = await registry();
    expect(chartroom.status('ghcr').state).toBe('ok');
    expect(JSON.parse(chartroom.index)).toMatchObject({ entries: {} });
  });

  test('is asked for by name, and in the index from then on, whatever later listings lack', async () => {
    const { upstream, chartroom, get } = await registry();
    const { archive } = await upstream.publish('demo', '1.0.0');

    expect(await get('1.0.0')).toEqual(archive);
    expect(upstream.calls.filter((call) => call.startsWith('find'))).toEqual(['find demo-1.0.0']);
    await chartroom.operator.settled();
    await pass(chartroom.clock, 10_000, 10_000);
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);

    upstream.rows = [];
    for (let times = 0; times < 4; times += 1) await chartroom.operator.sync('ghcr');
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(chartroom.status('ghcr').counts.withdrawn).toBe(0);
  });

  test('is asked for every ten seconds at most; its no counts that long', async () => {
    const { upstream, chartroom, get } = await registry();
    for (let times = 0; times < 5; times += 1) {
      expect((await faultOf(get('9.9.9'))).code).toBe('not-found');
      await pass(chartroom.clock, 1_000);
    }
    expect(upstream.count('find')).toBe(1);

    await pass(chartroom.clock, 5_000);
    await faultOf(get('9.9.9'));
    expect(upstream.count('find')).toBe(2);
  });

  test('is not absent because asking failed', async () => {
    const { upstream, chartroom, get } = await registry();
    upstream.down = new Fault('unauthorized', 'ghcr: 401.', 'Check auth.');
    for (let times = 0; times < 3; times += 1) {
      expect((await faultOf(get('1.0.0'))).code).toBe('unauthorized');
      await pass(chartroom.clock, 1_000);
    }
    expect(upstream.count('find')).toBe(1);
  });

  test('is asked for once by a thousand requests at once', async () => {
    const { upstream, get } = await registry();
    const { archive } = await upstream.publish('demo', '1.0.0');

    const answers = await Promise.all(Array.from({ length: 1_000 }, () => get('1.0.0')));

    expect(answers.every((answer) => answer.equals(archive ?? Buffer.alloc(0)))).toBe(true);
    expect(upstream.count('find')).toBe(1);
    expect(upstream.count('open')).toBe(1);
  });
});
