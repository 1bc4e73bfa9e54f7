import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { keepSynced, waitAfter } from '../../src/mirror/syncing/schedule.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, TestEngine, turn } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';

const hour = 3_600_000;

function upstreamWith(intervalMs: number) {
  const chartroom = new TestEngine({ upstreams: { nexus: { upstream: new FakeUpstream(), intervalMs } } });
  return { chartroom, clock: chartroom.clock, known: chartroom.known('nexus') };
}

/** The waits after so many failures in a row, for random numbers from 0 to nearly 1. */
function waitsAfter(intervalMs: number, failures: number, fault = unreachable()): readonly number[] {
  const { known } = upstreamWith(intervalMs);
  known.attempts = { failures, fault };
  return [0, 0.25, 0.5, 0.75, 0.999_999].map((random) => waitAfter(known, 0, false, () => random));
}

describe('after failures', () => {
  test('any wait from a second on is as likely as another: full jitter', () => {
    const [first, ...others] = waitsAfter(hour, 4);
    expect(first).toBe(1_000);
    expect(others.map((ms) => Math.round((ms - 1_000) / 10_000))).toEqual([1, 2, 3, 4]);
  });

  test('the longest wait doubles with each, up to the interval and no further than an hour', () => {
    const longest = (intervalMs: number, failures: number) => Math.max(...waitsAfter(intervalMs, failures));
    expect([1, 2, 3, 4].map((failures) => Math.round(longest(hour, failures) / 1_000))).toEqual([6, 11, 21, 41]);
    for (const failures of [12, 100, 1e9]) {
      expect(longest(120_000, failures)).toBeLessThanOrEqual(121_000);
      expect(longest(24 * hour, failures)).toBeLessThanOrEqual(hour + 1_000);
      expect(longest(24 * hour, failures)).toBeGreaterThan(hour - 1_000);
      expect(longest(0, failures)).toBeLessThanOrEqual(hour + 1_000);
    }
  });

  test('what upstream asked for is the shortest wait, whatever the interval', () => {
    for (const intervalMs of [0, 10_000, 24 * hour]) {
      const waits = waitsAfter(intervalMs, 1, unreachable({ retryAfterMs: 6 * hour }));
      expect(new Set(waits)).toEqual(new Set([6 * hour]));
    }
  });
});

describe('after a good answer', () => {
  test('the next one begins within the interval, counted from when this one began', () => {
    const { known } = upstreamWith(120_000);
    for (const spread of [true, false]) {
      for (const random of [0, 0.5, 1]) {
        expect(waitAfter(known, 30_000, spread, () => random)).toBeLessThanOrEqual(90_000);
      }
    }
    expect(waitAfter(known, 30_000, false, () => 0)).toBe(78_000);
    // one that took longer is followed at once, and yet not without a pause
    expect(waitAfter(known, 500_000, false, () => 1)).toBe(1_000);
  });
});

describe('a timer that is turned off', () => {
  test('asks no faster for an upstream of which the store has nothing that can be used', async () => {
    const { chartroom, clock, known } = upstreamWith(0);
    known.damage = new Fault('store-failed', 'The catalog is damaged.', 'Restore it.');
    const stop = new AbortController();
    let asked = 0;
    const sync = async () => {
      asked += 1;
      if (asked >= 1_000) stop.abort(new Error('it spins'));
      await chartroom.timedSync('nexus').catch(() => undefined);
    };
    void keepSynced(known, 0, { sync, clock, signal: stop.signal });
    await turn();
    stop.abort(new Error('over'));
    expect(asked).toBeLessThan(10);
  });
});

describe('an upstream that asked for hours', () => {
  const limited = () => new Fault('rate-limited', 'nexus: too many.', 'Wait.', { retryAfterMs: 6 * hour });

  async function started() {
    const upstream = new FakeUpstream();
    for (const version of ['1.0.0', '1.1.0']) await upstream.publish('demo', version);
    const chartroom = new TestEngine({ upstreams: { nexus: { upstream, intervalMs: 10_000 } } });
    await chartroom.engine.open();
    chartroom.engine.start();
    await turn();
    await chartroom.archive('demo', '1.0.0');
    await pass(chartroom.clock, 5_000);
    return { upstream, chartroom, clock: chartroom.clock };
  }

  /** Asks now and then until the six hours are over, and answers what upstream was asked meanwhile. */
  async function askedMeanwhile({ upstream, chartroom, clock }: Awaited<ReturnType<typeof started>>) {
    upstream.calls.length = 0;
    for (const waitedMs of [0, hour, 4 * hour]) {
      await pass(clock, waitedMs, 60_000);
      const reason: unknown = await chartroom.archive('demo', '1.1.0').catch((error: unknown) => error);
      expect(reason).toMatchObject({ code: 'rate-limited' });
      expect((reason as Fault).retryAfterMs).toBeLessThanOrEqual(6 * hour - waitedMs);
      expect(await chartroom.archive('demo', '1.0.0')).toEqual(upstream.rows[0]?.archive);
    }
    return upstream.calls.slice();
  }

  test('when a client made us fetch: no archive is asked of it until then, also not for other clients', async () => {
    const all = await started();
    const { upstream, chartroom, clock } = all;
    upstream.before.open = () => Promise.reject(limited());
    await chartroom.archive('demo', '1.1.0').catch(() => undefined);

    expect((await askedMeanwhile(all)).filter((call) => call !== 'list')).toEqual([]);

    upstream.before.open = undefined;
    await pass(clock, hour + 20_000, 10_000);
    expect(await chartroom.archive('demo', '1.1.0')).toEqual(upstream.rows[1]?.archive);
    await chartroom.engine.stop();
  });

  test('when it was listed: nothing is asked of it until then, neither for us nor for clients', async () => {
    const all = await started();
    const { upstream, chartroom, clock } = all;
    upstream.before.list = () => Promise.reject(limited());
    await pass(clock, 12_000, 1_000);

    expect(await askedMeanwhile(all)).toEqual([]);

    upstream.before.list = undefined;
    await pass(clock, hour + 20_000, 10_000);
    expect(await chartroom.archive('demo', '1.1.0')).toEqual(upstream.rows[1]?.archive);
    await chartroom.engine.stop();
  });

  test('is left alone by the next server too', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    upstream.before.open = () => Promise.reject(limited());
    const [store, clock] = [memoryStore(), new ManualClock()];
    const options = { upstreams: { nexus: { upstream, mirror: 'all' as const } }, store, clock };
    for (let life = 0; life < 3; life += 1) {
      const chartroom = await openEngine(options);
      chartroom.engine.start();
      await pass(clock, 60_000, 5_000);
      await chartroom.engine.stop();
    }
    expect(upstream.count('open')).toBe(1);
  });
});
