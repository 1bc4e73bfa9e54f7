import { describe, expect, test } from 'vitest';

import { EngineExplainer } from '../../src/mirror/explain.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

async function offering(chart: string, ...versions: readonly string[]): Promise<FakeUpstream> {
  const upstream = new FakeUpstream();
  for (const version of versions) await upstream.publish(chart, version);
  return upstream;
}

async function syncAll(chartroom: TestEngine): Promise<void> {
  for (const { name } of chartroom.engine.known) await chartroom.operator.sync(name);
}

describe('a chart name that two upstreams list', () => {
  test('goes to the first in order when they were configured together, whoever answers first', async () => {
    const [first, second] = [await offering('demo', '1.0.0'), await offering('demo', '2.0.0')];
    const chartroom = await openEngine({ upstreams: { first, second } });

    await chartroom.operator.sync('second');
    expect(chartroom.versions('demo')).toEqual(['2.0.0']);
    await pass(chartroom.clock, 30_000, 10_000);
    await chartroom.operator.sync('first');

    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(chartroom.status('second').counts.contested).toBe(1);
    expect(chartroom.status('first').counts.contested).toBe(0);
  });

  test('stays with the one that listed it when the other came a minute late', async () => {
    const [first, second] = [await offering('demo', '1.0.0'), await offering('demo', '2.0.0')];
    const chartroom = await openEngine({ upstreams: { first, second } });
    await chartroom.operator.sync('second');
    await pass(chartroom.clock, 61_000, 10_000);

    await chartroom.operator.sync('first');

    expect(chartroom.versions('demo')).toEqual(['2.0.0']);
    expect(chartroom.status('first').counts.contested).toBe(1);
  });

  test('is never taken by an upstream that was added later, not even as the first in order', async () => {
    const [old, added] = [await offering('demo', '1.0.0'), await offering('demo', '9.0.0')];
    const clock = new ManualClock();
    const store = watchedStore();
    const before = await openEngine({ upstreams: { old }, store, clock });
    await before.operator.sync('old');
    await before.engine.stop();
    await pass(clock, 3_600_000, 600_000);

    const chartroom = await openEngine({ upstreams: { added, old }, store, clock });
    await syncAll(chartroom);

    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(chartroom.status('added').counts).toMatchObject({ contested: 1, versions: 1 });
    expect((await faultOf(chartroom.archive('demo', '9.0.0'))).code).toBe('not-found');
  });

  test('stays while its owner is down, and when its owner lists it no more', async () => {
    const [old, added] = [await offering('demo', '1.0.0'), await offering('demo', '9.0.0')];
    const clock = new ManualClock();
    const store = watchedStore();
    const before = await openEngine({ upstreams: { old }, store, clock });
    await before.operator.sync('old');
    await before.engine.stop();
    await pass(clock, 3_600_000, 600_000);
    old.down = unreachable();
    const chartroom = await openEngine({ upstreams: { added, old }, store, clock });
    await faultOf(chartroom.operator.sync('old'));
    await chartroom.operator.sync('added');
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);

    old.down = undefined;
    old.rows = [];
    for (let times = 0; times < 4; times += 1) await chartroom.operator.sync('old');
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  });

  test('is owned alike by every replica, whatever it asked first', async () => {
    const upstreams = {
      a: await offering('demo', '1.0.0'),
      b: await offering('demo', '2.0.0'),
      c: await offering('demo', '3.0.0'),
    };
    const store = watchedStore();
    const one = await openEngine({ upstreams, store });
    for (const name of ['c', 'a', 'b']) await one.operator.sync(name);
    await turn();

    const other = await openEngine({ upstreams, store });

    expect(other.index).toBe(one.index);
    expect(other.versions('demo')).toEqual(['1.0.0']);
  });
});

test('under merge a version that nobody lists yet is asked of all, also of a chart that only one lists', async () => {
  const [first, second] = [await offering('demo', '1.0.0'), await offering('other', '1.0.0')];
  const repositories = { all: { overlap: 'merge' as const, root: true } };
  const chartroom = await openEngine({ upstreams: { first, second }, repositories });
  await syncAll(chartroom);
  await pass(chartroom.clock, 10_000, 10_000);
  const { archive } = await second.publish('demo', '2.0.0');

  expect(await chartroom.archive('demo', '2.0.0')).toEqual(archive);
  const explainer = new EngineExplainer(chartroom.engine);
  const { repositories: words } = await explainer.explain({ chart: 'demo', version: '9.9.9' });
  expect(words).toMatchObject([
    {
      outcome: 'absent',
      reason: 'No upstream of this repository lists it.',
      answer: { text: expect.stringMatching(/first or second/) as string },
    },
  ]);
});

describe('what an upstream lists and may not provide', () => {
  const owners = [['corp-*', 'internal']] as const;

  test('is named with whose it is, also of a name that is reserved for one who lists none', async () => {
    const [internal, stranger] = [await offering('corp-app', '1.0.0'), await offering('corp-app', '9.0.0')];
    await stranger.publish('corp-new', '1.0.0');
    await stranger.publish('own', '1.0.0');
    const upstreams = { stranger, internal };
    const repositories = { all: { owners, root: true }, free: {} };
    const chartroom = await openEngine({ upstreams, repositories });
    await syncAll(chartroom);

    expect(chartroom.operator.upstream('stranger').contestedNames).toEqual([
      { repository: 'all', chart: 'corp-app', owner: 'internal' },
      { repository: 'all', chart: 'corp-new', owner: 'internal' },
    ]);
    expect(chartroom.operator.upstream('internal').contestedNames).toEqual([
      { repository: 'free', chart: 'corp-app', owner: 'stranger' },
    ]);
  });

  test('counts once however many repositories it is contested in, is named in each, and anew only when that changed', async () => {
    const [first, second] = [await offering('demo', '1.0.0'), await offering('demo', '1.0.0')];
    const chartroom = await openEngine({ upstreams: { first, second }, repositories: { one: {}, two: {} } });
    await syncAll(chartroom);
    const { counts, contestedNames } = chartroom.operator.upstream('second');
    expect(counts.contested).toBe(1);
    expect(contestedNames).toEqual([
      { repository: 'one', chart: 'demo', owner: 'first' },
      { repository: 'two', chart: 'demo', owner: 'first' },
    ]);
    expect(chartroom.operator.upstream('second').contestedNames).toBe(contestedNames);

    await first.publish('more', '1.0.0');
    await second.publish('more', '1.0.0');
    await syncAll(chartroom);
    expect(chartroom.status('second').counts.contested).toBe(2);
  });

  test('is logged when it becomes contested, once, and not again when something else changes', async () => {
    const names = Array.from({ length: 7 }, (_, at) => `demo-${at}`);
    const [first, second] = [new FakeUpstream(), new FakeUpstream()];
    for (const name of names) for (const upstream of [first, second]) await upstream.publish(name, '1.0.0');
    const upstreams = { first, second };
    const chartroom = await openEngine({ upstreams });
    const warnings = () => chartroom.logged.filter(({ msg }) => msg.includes('contested'));
    await syncAll(chartroom);

    const all = { level: 40, repository: 'all', upstream: 'second' };
    expect(warnings()).toMatchObject([{ ...all, count: 7, names: names.slice(0, 5) }]);
    for (const [name, upstream] of [
      ['more', first],
      ['more', second],
      ['own', second],
    ] as const) {
      await upstream.publish(name, '1.0.0');
      await syncAll(chartroom);
    }
    expect(warnings().slice(1)).toMatchObject([{ ...all, count: 1, names: ['more'] }]);

    // a repository that is new here has no past; one that stays has
    const owners = [['own', 'first']] as const;
    await chartroom.reconfigure({ upstreams, repositories: { all: { owners, root: true }, other: {} } });
    expect(warnings().slice(2)).toMatchObject([{ ...all, count: 1, names: ['own'] }]);
    await chartroom.reconfigure({ upstreams, repositories: { all: {}, other: {} } });
    await chartroom.reconfigure({ upstreams, repositories: { other: {} } });
    await chartroom.reconfigure({ upstreams, repositories: { all: { owners }, other: {} } });
    expect(warnings()).toHaveLength(3);
  });

  test('is named version by version under merge', async () => {
    const [first, second] = [await offering('demo', '1.0.0', '2.0.0'), await offering('demo', 'v2.0.0', '3.0.0')];
    const repositories = { all: { overlap: 'merge' as const, root: true } };
    const chartroom = await openEngine({ upstreams: { first, second }, repositories });
    await syncAll(chartroom);

    expect(chartroom.versions('demo')).toEqual(['3.0.0', '2.0.0', '1.0.0']);
    expect(chartroom.operator.upstream('second').contestedNames).toEqual([
      { repository: 'all', chart: 'demo', version: 'v2.0.0', owner: 'first' },
    ]);
    expect(chartroom.operator.upstream('first').contestedNames).toEqual([]);
  });

  test('is no image that a registry has under the same name, once it is known to be one', async () => {
    const images = new FakeUpstream('registry');
    await images.publish('demo', '1.0.0', { notAChart: true });
    const upstreams = { images: { upstream: images, type: 'registry' }, charts: await offering('demo', '1.0.0') };
    for (const overlap of ['first', 'merge'] as const) {
      const chartroom = await openEngine({ upstreams, repositories: { all: { overlap, root: true } } });
      await syncAll(chartroom).catch(() => undefined);
      await chartroom.operator.sync('charts');

      expect(chartroom.versions('demo')).toEqual(['1.0.0']);
      expect(chartroom.operator.upstream('images').contestedNames).toEqual([]);
      expect(chartroom.operator.upstream('charts').contestedNames).toEqual([]);
    }
  });
});
