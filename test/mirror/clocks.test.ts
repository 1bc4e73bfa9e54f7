import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';

const year = 365 * 86_400_000;
const hour = 3_600_000;

async function started(
  settings: Partial<Exclude<TestUpstream, FakeUpstream>> = {},
  upstream = new FakeUpstream(settings.type === 'registry' ? 'registry' : 'chart-repository'),
  more: { readonly clock?: ManualClock; readonly store?: ReturnType<typeof memoryStore> } = {},
) {
  if (upstream.rows.length === 0) await upstream.publish('demo', '1.0.0');
  const store = more.store ?? memoryStore();
  const chartroom = await openEngine({ upstreams: { nexus: { upstream, ...settings } }, ...more, store });
  chartroom.engine.start();
  await turn();
  return { upstream, chartroom, store, clock: chartroom.clock };
}

describe.each([
  ['an hour on', hour],
  ['an hour back', -hour],
  ['a year on', year],
  ['a year back', -year],
])('a wall clock that jumps %s', (_, jumpMs) => {
  test('causes no listing, and keeps none from being made', async () => {
    const { upstream, chartroom, clock } = await started();
    await pass(clock, 10 * 60_000, 1_000);
    const before = upstream.count('list');

    clock.jump(jumpMs);
    await pass(clock, 10_000, 100);
    expect(upstream.count('list') - before).toBeLessThanOrEqual(1);
    await upstream.publish('demo', '1.1.0');
    await pass(clock, 120_000, 1_000);

    expect(chartroom.versions('demo')).toEqual(['1.1.0', '1.0.0']);
    await chartroom.engine.stop();
  });

  test('neither shortens nor stretches a backoff', async () => {
    const upstream = new FakeUpstream();
    upstream.down = unreachable({ retryAfterMs: 2 * hour });
    const { chartroom, clock } = await started({}, upstream);
    await pass(clock, 1_000);

    clock.jump(jumpMs);
    await pass(clock, 2 * hour - 5_000, 60_000);
    expect(upstream.count('list')).toBe(1);
    await pass(clock, 10_000, 1_000);
    expect(upstream.count('list')).toBe(2);
    await chartroom.engine.stop();
  });

  test('changes no byte of the index', async () => {
    const { upstream, chartroom, clock } = await started();
    const before = chartroom.index;
    clock.jump(jumpMs);
    upstream.conditional = false;
    await pass(clock, 10 * 60_000, 5_000);

    expect(chartroom.index).toBe(before);
    await chartroom.engine.stop();
  });

  test('keeps no failed version from being tried again', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    upstream.before.open = () => {
      throw unreachable();
    };
    const { chartroom, clock } = await started({ mirror: 'all' }, upstream);
    await pass(clock, 1_000);
    expect(chartroom.operator.upstream('nexus').failedVersions).toHaveLength(1);
    upstream.before.open = undefined;

    clock.jump(jumpMs);
    await pass(clock, 5 * 60_000, 5_000);

    expect(chartroom.status('nexus').counts.held).toBe(1);
    await chartroom.engine.stop();
  });
});

/** What a version and an upstream that were left alone before it are like more than a day after a jump and a restart. */
async function restartedAfter(jumpMs: number) {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const ticking = new ManualClock(undefined, 30_000);
  const { chartroom, clock, store } = await started({ mirror: 'all' }, upstream, { clock: ticking });
  await upstream.publish('demo', '1.1.0');
  upstream.before.open = () => {
    throw unreachable();
  };
  await chartroom.operator.sync('nexus');
  upstream.down = new Fault('rate-limited', 'nexus: too many.', 'Wait.', { retryAfterMs: hour });
  await pass(clock, 130_000, 5_000);
  expect(chartroom.status('nexus').fault?.code).toBe('rate-limited');
  await chartroom.engine.stop();
  upstream.down = upstream.before.open = undefined;

  clock.jump(jumpMs);
  const again = await started({ mirror: 'all' }, upstream, { clock, store });
  await upstream.publish('demo', '1.2.0');
  await pass(clock, 25 * hour, 10 * 60_000);
  await again.chartroom.engine.stop();
  return { versions: again.chartroom.versions('demo'), held: again.chartroom.status('nexus').counts.held };
}

/** How often each of twenty tags was looked at in two days after a jump. */
async function looksAfter(jumpMs: number): Promise<readonly number[]> {
  const upstream = new FakeUpstream('registry');
  for (let at = 0; at < 20; at += 1) await upstream.publish('demo', `1.${at}.0`);
  const ticking = new ManualClock(undefined, 60_000);
  const { chartroom, clock } = await started({ type: 'registry', intervalMs: 600_000 }, upstream, { clock: ticking });
  await pass(clock, 26 * hour, 600_000);

  clock.jump(jumpMs);
  upstream.calls.length = 0;
  await pass(clock, 49 * hour, 600_000);
  await chartroom.engine.stop();
  return upstream.rows.map(({ chart, version }) => upstream.count(`find ${chart}-${version}`));
}

describe('a wall clock that jumps', () => {
  const jumps = [
    ['an hour back', -hour],
    ['a year on', year],
    ['a year back', -year],
  ] as const;

  test.each(jumps)('%s keeps a server that is started after it from nothing', async (_, jumpMs) => {
    const everything = { versions: ['1.2.0', '1.1.0', '1.0.0'], held: 3 };
    expect(await restartedAfter(jumpMs)).toEqual(everything);
  });

  test.each(jumps)('%s has no tag looked at many times a day, and none never again', async (_, jumpMs) => {
    const looks = await looksAfter(jumpMs);
    expect(Math.min(...looks)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...looks)).toBeLessThanOrEqual(4);
  });
});
