import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, type TestEngine, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

const minute = 60_000;
const hour = 60 * minute;

/** An upstream whose archives are all fetched ahead, and servers that come one after the other. */
async function filling(charts: Readonly<Record<string, readonly string[]>>, settings: Settings = {}, ticksMs = 0) {
  const upstream = new FakeUpstream();
  for (const [chart, versions] of Object.entries(charts)) {
    for (const version of versions) await upstream.publish(chart, version);
  }
  const [store, clock] = [memoryStore(), new ManualClock(undefined, ticksMs)];
  const upstreams = { nexus: { upstream, mirror: 'all' as const, concurrency: 1, ...settings } };
  const open = (pid = 1) => openEngine({ upstreams, store, clock, self: { id: `p${pid}`, host: 'here', pid } });
  const chartroom = await open();
  const opened = () => upstream.calls.filter((call) => call.startsWith('open archive')).map((call) => call.slice(13));
  return { upstream, store, clock, chartroom, open, opened };
}

async function started(chartroom: TestEngine): Promise<void> {
  chartroom.engine.start();
  await turn();
}

const failed = (chartroom: TestEngine) => chartroom.operator.upstream('nexus').failedVersions;

describe('archives that are fetched ahead', () => {
  test('are the news first, the latest of them before all, then the gaps, newest of every chart first', async () => {
    const { upstream, clock, chartroom, opened } = await filling({ a: ['1.0.0', '2.0.0'], b: ['1.0.0', '2.0.0'] });
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;
    await chartroom.operator.sync('nexus');
    for (const [chart, version] of [
      ['a', '0.9.0'],
      ['c', '1.0.0'],
      ['b', '2.0.1'],
    ] as const) {
      await clock.advance(5_000);
      await upstream.publish(chart, version);
      await chartroom.operator.sync('nexus');
    }
    gate.resolve();
    await chartroom.operator.settled();

    expect(opened()).toEqual(['a-2.0.0', 'b-2.0.1', 'c-1.0.0', 'a-0.9.0', 'a-1.0.0', 'b-2.0.0', 'b-1.0.0']);
  });

  test.each(['stopped', 'killed'])(
    'are none of them fetched twice when the server is %s again and again',
    async (how) => {
      const versions = Array.from({ length: 40 }, (_, at) => `1.${at}.0`);
      const { upstream, clock, chartroom, open, opened } = await filling({ a: versions });
      let budget = 0;
      const never = new Promise<void>(() => undefined);
      upstream.before.open = (call) => {
        if (!call.startsWith('open archive')) return undefined;
        budget -= 1;
        return budget < 0 ? never : undefined;
      };
      const answered = new Set<string>();
      let running = chartroom;
      for (let life = 0; life < 5; life += 1) {
        budget = 9;
        const asked = opened().length;
        await running.operator.sync('nexus');
        await pass(clock, 15_000, 5_000);
        const answers = opened().slice(asked, asked + 9);
        for (const one of answers) {
          expect(answered.has(one)).toBe(false);
          answered.add(one);
        }
        running.engine.quiesce();
        if (how === 'stopped') void running.engine.stop();
        await turn();
        running = await open();
      }
      expect(answered.size).toBe(40);
      expect(running.status('nexus').counts.held).toBe(40);
    },
  );
});

describe('a version that cannot be fetched', () => {
  const broken = async (fault: Fault, settings: Settings = {}, ticksMs = 0) => {
    const all = await filling({ a: ['1.0.0', '1.1.0', '1.2.0'] }, settings, ticksMs);
    all.upstream.before.open = (call) => {
      if (call === 'open archive a-1.1.0') throw fault;
    };
    await started(all.chartroom);
    await pass(all.clock, 1_000);
    return { ...all, tries: () => all.opened().filter((one) => one === 'a-1.1.0').length };
  };

  test('is listed with its fault, its attempts and the next, and the others come', async () => {
    const { chartroom, clock } = await broken(unreachable());

    expect(failed(chartroom)).toEqual([
      {
        chart: 'a',
        version: '1.1.0',
        fault: { code: 'upstream-unreachable', message: expect.any(String), advice: expect.any(String) },
        attempts: 1,
        nextAttempt: expect.stringMatching(/^2026-01-01T00:0[12]:\d\dZ$/),
      },
    ]);
    expect(chartroom.status('nexus')).toMatchObject({ state: 'ok', counts: { held: 2 } });
    await pass(clock, 6 * hour, minute);
    expect(failed(chartroom)[0]?.attempts).toBeGreaterThan(4);
    await chartroom.engine.stop();
  });

  test('is tried again by itself, ever less often, and leaves the list when it comes', async () => {
    const { upstream, chartroom, clock, tries } = await broken(unreachable(), {}, 30_000);
    await pass(clock, 24 * hour, 5 * minute);
    expect(tries()).toBeGreaterThanOrEqual(7);
    expect(tries()).toBeLessThanOrEqual(40);

    upstream.before.open = undefined;
    await pass(clock, 25 * hour, 5 * minute);
    expect(failed(chartroom)).toEqual([]);
    expect(chartroom.status('nexus').counts.held).toBe(3);
    await chartroom.engine.stop();
  });

  test('is tried at once by hand, and not by the timer', async () => {
    const { upstream, chartroom, clock, tries } = await broken(unreachable(), { intervalMs: 10_000 });
    await pass(clock, 45_000, 1_000);
    expect(upstream.count('list')).toBeGreaterThan(3);
    expect(tries()).toBe(1);

    await chartroom.operator.sync('nexus');
    await turn();
    expect(tries()).toBe(2);
    upstream.before.open = undefined;
    await chartroom.operator.sync('nexus');
    await turn();
    expect(chartroom.status('nexus').counts.held).toBe(3);
    expect(failed(chartroom)).toEqual([]);
    await chartroom.engine.stop();
  });

  test('because it is really gone is tried once more soon, and then once a day', async () => {
    const all = await filling({ a: ['1.0.0'] }, {}, 30_000);
    await all.upstream.publish('a', '1.1.0', { archive: undefined });
    await started(all.chartroom);
    await pass(all.clock, 10 * minute, minute);
    const tries = () => all.opened().filter((one) => one === 'a-1.1.0').length;
    expect(tries()).toBe(2);
    expect(failed(all.chartroom)).toMatchObject([{ fault: { code: 'not-found' }, attempts: 2 }]);

    await pass(all.clock, 20 * hour, 5 * minute);
    expect(tries()).toBe(2);
    await pass(all.clock, 4 * hour, 5 * minute);
    expect(tries()).toBe(3);
    await all.chartroom.engine.stop();
  });

  test('is a failed version of the next server too, and not tried before its time', async () => {
    const { chartroom, clock, open, tries } = await broken(
      new Fault('archive-invalid', 'nexus: bad.', 'Ask.'),
      {},
      30_000,
    );
    await pass(clock, 12 * hour, 5 * minute);
    await chartroom.engine.stop();
    const before = failed(chartroom);
    const triedBefore = tries();

    const again = await open(2);
    await started(again);
    await pass(clock, 1_000);

    expect(failed(again)).toEqual(before);
    expect(tries()).toBe(triedBefore);
    await again.engine.stop();
  });
});

describe('an upstream that answers 429 without saying for how long', () => {
  test('is asked for nothing ahead for a while, and by whoever waits', async () => {
    const { upstream, clock, chartroom, opened } = await filling({ a: ['1.0.0', '1.1.0', '1.2.0'] });
    let limited = true;
    upstream.before.open = () => {
      if (limited) throw new Fault('rate-limited', 'nexus: too many.', 'Wait.');
    };
    await started(chartroom);
    await pass(clock, 55_000, 5_000);
    expect(opened()).toEqual(['a-1.2.0']);
    expect(failed(chartroom)).toEqual([]);

    limited = false;
    expect(await chartroom.archive('a', '1.0.0')).toEqual(upstream.rows[0]?.archive);
    // the work ahead goes on by itself
    await pass(clock, 70_000, 5_000);
    expect(chartroom.status('nexus').counts.held).toBe(3);
    await chartroom.engine.stop();
  });
});

/** Timers of a real machine count whole milliseconds and its clock does not: who sleeps may wake a little early. */
class EarlyClock extends ManualClock {
  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return super.sleep(Math.max(0, ms - 0.7), signal);
  }
}

describe('work that was left for later', () => {
  // whoever is woken before the time it was left for goes back to sleep, and nobody wakes it again
  test('goes on by itself although the timer that wakes it is a little early', async () => {
    const upstream = new FakeUpstream();
    for (const version of ['1.0.0', '1.1.0']) await upstream.publish('demo', version);
    const retryAfterMs = 10 * minute;
    upstream.before.open = () => Promise.reject(new Fault('rate-limited', 'nexus: 429.', 'Wait.', { retryAfterMs }));
    const clock = new EarlyClock();
    const settings = { upstream, mirror: 'all' as const, intervalMs: 24 * hour };
    const chartroom = await openEngine({ upstreams: { nexus: settings }, clock });
    await started(chartroom);
    await pass(clock, minute, 1_000);
    upstream.before.open = undefined;
    await pass(clock, 10 * minute, 1_000);

    expect(chartroom.status('nexus').counts.held).toBe(2);
    await chartroom.engine.stop();
  });

  test('is done at once when an operator wants that while other work is under way', async () => {
    const { upstream, clock, chartroom, opened } = await filling({ a: ['1.0.0', '1.1.0', '1.2.0'] });
    const gate = Promise.withResolvers<void>();
    let isBroken = true;
    upstream.before.open = (call) => {
      if (call === 'open archive a-1.2.0' && isBroken) throw new Fault('archive-invalid', 'nexus: bad.', 'Ask.');
      return call === 'open archive a-1.1.0' ? gate.promise : undefined;
    };
    await started(chartroom);
    expect(opened()).toEqual(['a-1.2.0', 'a-1.1.0']);
    isBroken = false;
    await chartroom.operator.sync('nexus');
    gate.resolve();
    await pass(clock, 5_000, 1_000);

    expect(chartroom.status('nexus').counts.held).toBe(3);
    await chartroom.engine.stop();
  });
});
