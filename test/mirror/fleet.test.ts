import { describe, expect, test } from 'vitest';

import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';

const count = 50;
const intervalMs = 120_000;

/** Fifty upstreams that one server begins with; `begun` is when which of them was listed, in order. */
async function fleet(prepare: (upstream: FakeUpstream, at: number) => void = () => undefined) {
  const clock = new ManualClock();
  const begun: { readonly name: string; readonly atMs: number }[] = [];
  const upstreams: Record<string, TestUpstream> = {};
  for (let at = 0; at < count; at += 1) {
    const [upstream, name] = [new FakeUpstream(), `u${at}`];
    await upstream.publish(`chart-${at}`, '1.0.0');
    upstream.before.list = () => void begun.push({ name, atMs: clock.elapsed() });
    prepare(upstream, at);
    upstreams[name] = { upstream, intervalMs };
  }
  const chartroom = await openEngine({ upstreams, clock });
  const startedMs = clock.elapsed();
  chartroom.engine.start();
  await turn();
  return { chartroom, clock, begun, startedMs };
}

/** The most that lie within one second. */
function mostInASecond(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.max(...sorted.map((atMs, at) => sorted.filter((one, i) => i >= at && one < atMs + 1_000).length));
}

describe('fifty upstreams', () => {
  test('are begun one after the other, all of them within ten seconds', async () => {
    const { chartroom, clock, begun, startedMs } = await fleet();

    await pass(clock, 10_000, 50);

    expect(new Set(begun.map(({ name }) => name)).size).toBe(count);
    expect(mostInASecond(begun.map(({ atMs }) => atMs - startedMs))).toBeLessThanOrEqual(10);
    await chartroom.engine.stop();
  });

  test('are spread over the interval from then on, and none of them is late', async () => {
    const { chartroom, clock, begun } = await fleet();
    await pass(clock, 10_000, 500);
    const firsts = new Map(begun.map(({ name, atMs }) => [name, atMs]));

    await pass(clock, 5 * intervalMs, 500);

    const later = begun.slice(count);
    const perTenSeconds = Map.groupBy(later, ({ atMs }) => Math.floor(atMs / 10_000));
    expect(Math.max(...[...perTenSeconds.values()].map((all) => all.length))).toBeLessThanOrEqual(18);
    for (const { name, atMs } of later) {
      expect(atMs - (firsts.get(name) ?? 0)).toBeLessThanOrEqual(intervalMs);
      firsts.set(name, atMs);
    }
    await chartroom.engine.stop();
  });

  test('that all fail, all come back, and are not asked all at once for that', async () => {
    let isDown = true;
    const { chartroom, clock, begun } = await fleet((upstream) => {
      const { list } = upstream.before;
      upstream.before.list = async (call) => {
        await list?.(call);
        if (isDown) throw unreachable();
      };
    });
    await pass(clock, 30 * 60_000, 1_000);
    isDown = false;
    const before = begun.length;

    await pass(clock, intervalMs + 2_000, 500);

    expect(new Set(begun.slice(before).map(({ name }) => name)).size).toBe(count);
    expect(mostInASecond(begun.slice(before).map(({ atMs }) => atMs))).toBeLessThanOrEqual(12);
    expect(chartroom.operator.status().upstreams.filter(({ state }) => state !== 'ok')).toEqual([]);
    await chartroom.engine.stop();
  });
});

test('a new version is served within the interval and five seconds, in a hundred of a hundred cycles', async () => {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const chartroom = await openEngine({ upstreams: { nexus: { upstream, intervalMs: 10_000 } } });
  chartroom.engine.start();
  await pass(chartroom.clock, 10_000);
  const late: string[] = [];
  for (let cycle = 1; cycle <= 100; cycle += 1) {
    // somewhere in the interval, every time elsewhere
    await pass(chartroom.clock, (cycle * 1_370) % 10_000, 1_000);
    const version = `1.${cycle}.0`;
    await upstream.publish('demo', version);
    await pass(chartroom.clock, 15_000, 1_000);
    if (!chartroom.versions('demo').includes(version)) late.push(version);
  }

  expect(late).toEqual([]);
  await chartroom.engine.stop();
});
