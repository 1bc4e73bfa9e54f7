import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { chartArchive } from '../support/charts.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

const hour = 3_600_000;
const intervalMs = 600_000;

/** A registry that was listed and described, on a clock that ticks in minutes. */
async function registry(charts: number, tags: number, settings: Settings = {}) {
  const upstream = new FakeUpstream('registry');
  for (let chart = 0; chart < charts; chart += 1) {
    for (let tag = 0; tag < tags; tag += 1) {
      // two thousand archives are not needed
      const more = charts * tags > 100 ? { archive: undefined, digest: digestOf(Buffer.from(`${chart} ${tag}`)) } : {};
      await upstream.publish(`chart-${chart}`, `1.${tag}.0`, more);
    }
  }
  const upstreams = { ghcr: { upstream, type: 'registry', intervalMs, ...settings } };
  const store = memoryStore();
  const clock = new ManualClock(undefined, 60_000);
  const chartroom = await openEngine({ upstreams, store, clock });
  chartroom.engine.start();
  await turn();
  await pass(clock, 60_000, 60_000);
  upstream.calls.length = 0;
  return { upstream, upstreams, store, chartroom, clock };
}

const looks = (upstream: FakeUpstream) => upstream.calls.filter((call) => call.startsWith('find'));

describe('a registry with two thousand known tags and none new', () => {
  test('costs its listings and nothing else on the first day, and one look at each tag on the next, spread', async () => {
    const { upstream, chartroom, clock } = await registry(100, 20, { intervalMs: 2_400_000 });
    await pass(clock, 23 * hour, intervalMs);
    expect(new Set(upstream.calls)).toEqual(new Set(['list']));

    await pass(clock, 2 * hour, intervalMs);
    upstream.calls.length = 0;
    const perHour: number[] = [];
    for (let at = 0; at < 24; at += 1) {
      const before = looks(upstream).length;
      await pass(clock, hour, intervalMs);
      perHour.push(looks(upstream).length - before);
    }
    expect(new Set(looks(upstream)).size).toBeGreaterThanOrEqual(1_940);
    expect(looks(upstream).length).toBeLessThanOrEqual(2_060);
    expect(Math.max(...perHour)).toBeLessThanOrEqual(200);
    expect(upstream.calls.filter((call) => call !== 'list' && !call.startsWith('find'))).toEqual([]);
    await chartroom.engine.stop();
  });
});

describe('a registry that is configured otherwise while its tags are looked at', () => {
  test('is asked for none of the others once it is retired', async () => {
    const { upstream, upstreams, chartroom, clock } = await registry(40, 20, { intervalMs: 2_400_000 });
    const gate = Promise.withResolvers<void>();
    upstream.before.find = () => gate.promise;
    await pass(clock, 26 * hour, intervalMs);
    expect(looks(upstream)).toHaveLength(1);

    await chartroom.reconfigure({ upstreams: { ghcr: { ...upstreams.ghcr, retired: true } } });
    gate.resolve();
    await pass(clock, hour, intervalMs);

    expect(looks(upstream)).toHaveLength(1);
    await chartroom.engine.stop();
  });
});

describe('a tag that moved', () => {
  const move = async (upstream: FakeUpstream, word: string) => {
    const archive = await chartArchive({ name: 'chart-0', version: '1.0.0' }, { 'README.md': word });
    upstream.rows = upstream.rows.filter(({ version }) => version !== '1.0.0');
    await upstream.publish('chart-0', '1.0.0', { archive });
    return archive;
  };
  const ref = { upstream: 'ghcr', chart: 'chart-0', version: '1.0.0' };
  const twoDays = (clock: ManualClock) => pass(clock, 49 * hour, intervalMs);

  test('is followed when nothing of it is held', async () => {
    const { upstream, chartroom, clock } = await registry(1, 3);
    const moved = await move(upstream, 'moved');
    await twoDays(clock);

    expect(`sha256:${chartroom.rows('chart-0')[2]?.digest}`).toBe(digestOf(moved));
    expect(await chartroom.archive('chart-0', '1.0.0')).toEqual(moved);
    expect(chartroom.versions('chart-0')).toHaveLength(3);
    await chartroom.engine.stop();
  });

  test('is rewritten when it is held: first bytes, both digests, accepted by hand, over restarts', async () => {
    const { upstream, upstreams, store, chartroom, clock } = await registry(1, 3);
    const first = await chartroom.archive('chart-0', '1.0.0');
    await twoDays(clock);
    const before = chartroom.index;
    const moved = await move(upstream, 'moved');
    await twoDays(clock);

    expect(chartroom.index).toBe(before);
    expect(await chartroom.archive('chart-0', '1.0.0')).toEqual(first);
    await chartroom.engine.stop();
    const again = await openEngine({ upstreams, store, clock });
    expect(again.index).toBe(before);
    expect(again.operator.upstream('ghcr').rewrittenVersions).toEqual([
      { chart: 'chart-0', version: '1.0.0', held: digestOf(first), claimed: digestOf(moved) },
    ]);

    await again.operator.accept(ref);
    expect(await again.archive('chart-0', '1.0.0')).toEqual(moved);
    expect(`sha256:${again.rows('chart-0')[2]?.digest}`).toBe(digestOf(moved));
    await again.engine.stop();
  });

  test('and moved back is as it was', async () => {
    const { upstream, chartroom, clock } = await registry(1, 3);
    const first = await chartroom.archive('chart-0', '1.0.0');
    await twoDays(clock);
    const [before, rows] = [chartroom.index, upstream.rows];
    await move(upstream, 'moved');
    await twoDays(clock);
    expect(chartroom.status('ghcr').counts.rewritten).toBe(1);
    upstream.rows = rows;
    await twoDays(clock);

    expect(chartroom.status('ghcr').counts.rewritten).toBe(0);
    expect(chartroom.index).toBe(before);
    expect(await chartroom.archive('chart-0', '1.0.0')).toEqual(first);
    await chartroom.engine.stop();
  });

  test('to something that is no chart leaves what was described', async () => {
    const { upstream, chartroom, clock } = await registry(1, 3);
    const before = chartroom.index;
    await move(upstream, 'moved');
    upstream.rows = upstream.rows.map((row) => (row.version === '1.0.0' ? { ...row, notAChart: true } : row));
    await twoDays(clock);

    expect(chartroom.index).toBe(before);
    await chartroom.engine.stop();
  });
});

describe('looking at tags again', () => {
  test('goes on where it was after a restart', async () => {
    const { upstream, upstreams, store, chartroom, clock } = await registry(10, 10);
    await pass(clock, 25 * hour, intervalMs);
    upstream.calls.length = 0;
    let running = chartroom;
    for (let times = 0; times < 8; times += 1) {
      await pass(clock, 3 * hour - 60_000, intervalMs);
      await running.engine.stop();
      running = await openEngine({ upstreams, store, clock });
      running.engine.start();
      await pass(clock, 60_000, 60_000);
    }
    expect(new Set(looks(upstream)).size).toBeGreaterThanOrEqual(98);
    expect(looks(upstream).length).toBeLessThanOrEqual(102);
    await running.engine.stop();
  });

  test('when that fails makes no failed version of one that is held', async () => {
    const { upstream, chartroom, clock } = await registry(1, 3, { mirror: 'all' });
    await pass(clock, 25 * hour, intervalMs);
    upstream.before.find = () => Promise.reject(unreachable());
    await pass(clock, 24 * hour, intervalMs);

    expect(looks(upstream).length).toBeGreaterThanOrEqual(3);
    expect(chartroom.operator.upstream('ghcr').failedVersions).toEqual([]);
    await chartroom.engine.stop();
  });

  test('when one of them always fails goes on with the others, each once a day', async () => {
    const { upstream, chartroom, clock } = await registry(1, 20);
    upstream.before.find = (call) => {
      if (call === 'find chart-0-1.10.0') throw unreachable();
    };
    await pass(clock, 25 * hour, intervalMs);
    upstream.calls.length = 0;
    await pass(clock, 24 * hour, intervalMs);

    const others = upstream.rows.map(({ version }) => version).filter((version) => version !== '1.10.0');
    const counts = others.map((version) => upstream.count(`find chart-0-${version}`));
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
    await chartroom.engine.stop();
  });

  // three in a row end the round, and it begins again before them: what fails stands in the way of what comes behind
  test('when all tags of one chart always fail goes on with the other charts, each once a day', async () => {
    const { upstream, chartroom, clock } = await registry(2, 20);
    upstream.before.find = (call) => {
      if (call.startsWith('find chart-0-')) throw unreachable();
    };
    await pass(clock, 24 * hour, intervalMs);
    upstream.down = unreachable();
    await pass(clock, 12 * hour, intervalMs);
    upstream.down = undefined;
    await pass(clock, 2 * hour, intervalMs);
    upstream.calls.length = 0;
    await pass(clock, 24 * hour, intervalMs);

    const others = upstream.rows.filter(({ chart }) => chart === 'chart-1');
    const counts = others.map(({ source }) => upstream.count(`find ${source}`));
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
    await chartroom.engine.stop();
  });

  test('pauses with all other work that nobody waits for while only the reserve of a rate limit is left', async () => {
    const { upstream, chartroom, clock } = await registry(1, 60);
    await pass(clock, 24 * hour, intervalMs);
    upstream.before.find = () => void (upstream.left = { remaining: 5, limit: 100, windowMs: 6 * hour });
    await pass(clock, hour, intervalMs);
    upstream.calls.length = 0;
    await pass(clock, 12 * hour, intervalMs);

    expect(looks(upstream).length).toBeLessThanOrEqual(10);
    await chartroom.engine.stop();
  });
});
