import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { sync } from '../../src/commands/sync.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, type TestEngine } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

const minute = 60_000;
const hour = 60 * minute;

const slowDown = (retryAfterMs: number) => new Fault('rate-limited', 'nexus: 429.', 'Wait.', { retryAfterMs });

describe('an upstream that says 429 and six hours when a chart is fetched', () => {
  test('is not listed before they are over, neither by the timer nor for a client, and then is again', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    const clock = new ManualClock(undefined, minute);
    const chartroom = await openEngine({ upstreams: { nexus: upstream }, clock });
    await chartroom.timedSync('nexus');
    await upstream.publish('demo', '2.0.0');
    upstream.before.open = () => {
      throw slowDown(6 * hour);
    };
    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('rate-limited');
    upstream.before.open = undefined;
    upstream.calls.length = 0;
    chartroom.engine.start();

    await pass(clock, 5.5 * hour, 10 * minute);
    expect(await faultOf(chartroom.archive('demo', '2.0.0'))).toMatchObject({ code: 'rate-limited' });
    await pass(clock, 29 * minute, minute);
    expect(upstream.calls).toEqual([]);
    expect(chartroom.status('nexus').fault).toMatchObject({ code: 'rate-limited' });

    await pass(clock, 5 * minute, minute);
    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    await chartroom.engine.stop();
  });

  test('is listed at once when an operator wants it', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    const chartroom = await openEngine({ upstreams: { nexus: upstream } });
    await chartroom.timedSync('nexus');
    chartroom.known('nexus').brake.note(slowDown(6 * hour));
    expect((await faultOf(chartroom.timedSync('nexus'))).code).toBe('rate-limited');
    await upstream.publish('demo', '2.0.0');

    await chartroom.operator.sync('nexus');
    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
  });
});

describe('a replica that was told to wait an hour', () => {
  test('waits an hour, although the one that does the upstream work was told a minute', async () => {
    const upstream = new FakeUpstream();
    for (const version of ['1.0.0', '2.0.0']) await upstream.publish('demo', version);
    const [store, clock] = [memoryStore(), new ManualClock()];
    const replica = async (id: string) => {
      const chartroom = await openEngine({
        upstreams: { nexus: upstream },
        store,
        clock,
        self: { id, host: id, pid: 1 },
      });
      chartroom.engine.start();
      await turn();
      return chartroom;
    };
    const holder = await replica('holder');
    await pass(clock, 5_000);
    const follower = await replica('follower');
    await pass(clock, 5_000);
    const ask = async (chartroom: TestEngine, version: string, retryAfterMs: number) => {
      upstream.before.open = () => {
        throw slowDown(retryAfterMs);
      };
      return (await faultOf(chartroom.archive('demo', version))).code;
    };
    expect(await ask(follower, '1.0.0', hour)).toBe('rate-limited');
    expect(await ask(holder, '2.0.0', minute)).toBe('rate-limited');
    expect(upstream.count('open')).toBe(2);

    await pass(clock, 50 * minute, minute);
    expect(await ask(follower, '1.0.0', hour)).toBe('rate-limited');
    expect(upstream.count('open')).toBe(2);

    await pass(clock, 10 * minute, minute);
    upstream.before.open = undefined;
    expect(await follower.archive('demo', '1.0.0')).toEqual(upstream.rows[0]?.archive);
    await follower.engine.stop();
    await holder.engine.stop();
  });
});

describe('chartroom sync', () => {
  const run = async ({ operator, clock }: TestEngine) => {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(line);
    const { signal } = new AbortController();
    const round = { upstream: undefined, operator, filling: operator, print, progress: undefined, clock, signal };
    return { exitCode: await sync(round), last: lines.at(-1) };
  };

  test.each([
    [5, '5 archives fetched, 0 failed, 15 left for later.'],
    [0, '0 archives fetched, 0 failed, 20 left for later.'],
  ])(
    'that a rate limit stopped after %i archives fails and says how many are left, and blames none',
    async (had, last) => {
      const upstream = new FakeUpstream();
      for (let at = 0; at < 20; at += 1) await upstream.publish('demo', `1.0.${at}`);
      const chartroom = await openEngine({ upstreams: { nexus: { upstream, mirror: 'all', concurrency: 1 } } });
      let opened = 0;
      upstream.before.open = (call) => {
        if (call.startsWith('open archive') && (opened += 1) > had) throw slowDown(6 * hour);
      };

      expect(await run(chartroom)).toEqual({ exitCode: 1, last });
      expect(chartroom.operator.upstream('nexus').failedVersions).toEqual([]);
      upstream.before.open = undefined;
      expect(await run(chartroom)).toEqual({ exitCode: 0, last: '20 archives fetched, 0 failed.' });
    },
  );
});
