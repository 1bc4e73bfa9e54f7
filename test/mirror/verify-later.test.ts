import { describe, expect, test } from 'vitest';

import type { VerifySettings } from '../../src/mirror/settings.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable, type Row } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { FakeJudge, reporting, requiring, signedBy } from '../support/verifying.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const asked = 'open provenance demo-2.0.0';

interface World {
  readonly upstream: FakeUpstream;
  readonly chartroom: TestEngine;
}

/** A server at work over an upstream that publishes 2.0.0 unsigned after it was listed first. */
async function publishing(
  verify: VerifySettings = requiring('alice'),
  more: object = {},
  later: Partial<Row> = {},
): Promise<World> {
  const upstream = new FakeUpstream(later.notAChart === undefined ? 'chart-repository' : 'registry');
  await upstream.publish('demo', '1.0.0', { provenance: signedBy('alice') });
  const { judge } = new FakeJudge();
  const chartroom = await openEngine({
    upstreams: { nexus: { upstream, mirror: 'all', intervalMs: dayMs, verify, ...more } },
    judge,
  });
  chartroom.engine.start();
  await pass(chartroom.clock, 5_000);
  await upstream.publish('demo', '2.0.0', later);
  await chartroom.operator.sync('nexus');
  return { upstream, chartroom };
}

function sign(upstream: FakeUpstream): void {
  const provenance = signedBy('alice');
  upstream.rows = upstream.rows.map((row) => (row.version === '2.0.0' ? { ...row, provenance } : row));
}

describe('provenance that is uploaded minutes after its archive', () => {
  test('gets the version listed without anybody asking', async () => {
    const { upstream, chartroom } = await publishing();
    await pass(chartroom.clock, 4 * minuteMs, 15_000);
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(chartroom.operator.upstream('nexus').failedVersions).toMatchObject([
      {
        version: '2.0.0',
        fault: { code: 'provenance-invalid', message: 'nexus: demo 2.0.0 has no provenance file yet.' },
      },
    ]);
    sign(upstream);
    await pass(chartroom.clock, 15 * minuteMs, 30_000);
    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    expect(await chartroom.archive('demo', '2.0.0')).toBeInstanceOf(Buffer);
    expect(chartroom.operator.upstream('nexus').failedVersions).toEqual([]);
  });

  test('is asked for a few times in a day, and then no more', async () => {
    const { upstream, chartroom } = await publishing(reporting('alice'));
    await pass(chartroom.clock, dayMs, 15 * minuteMs);
    const inADay = upstream.count(asked);
    expect(inADay).toBeGreaterThan(4);
    expect(inADay).toBeLessThan(25);
    await pass(chartroom.clock, 2 * dayMs, 180 * minuteMs);
    expect(upstream.count(asked)).toBe(inADay);
    expect(chartroom.operator.upstream('nexus').failedVersions).toEqual([]);
  });

  test('is asked for at once when an operator has it synced', async () => {
    const { upstream, chartroom } = await publishing();
    await pass(chartroom.clock, 30 * minuteMs, minuteMs);
    sign(upstream);
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
  });

  test('is waited for also while upstream does not answer', async () => {
    const { upstream, chartroom } = await publishing();
    await pass(chartroom.clock, 4 * minuteMs, 15_000);
    upstream.down = unreachable();
    await pass(chartroom.clock, 20 * minuteMs, minuteMs);
    expect((await faultOf(chartroom.archive('demo', '2.0.0'))).code).toBe('provenance-invalid');
    upstream.down = undefined;
    sign(upstream);
    await pass(chartroom.clock, 90 * minuteMs, minuteMs);
    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
  });

  test('is not waited for where the image would name it', async () => {
    const { upstream, chartroom } = await publishing(requiring('alice'), { type: 'registry' }, { notAChart: false });
    await pass(chartroom.clock, dayMs / 8, 5 * minuteMs);
    expect(upstream.count(asked)).toBe(1);
  });
});

describe('provenance that old versions lack', () => {
  const old = { created: '2025-06-01T00:00:00Z' };

  async function unsigned(): Promise<World> {
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '2.0.0', old);
    const { judge } = new FakeJudge();
    const verify = requiring('alice');
    const chartroom = await openEngine({ upstreams: { nexus: { upstream, mirror: 'all', verify } }, judge });
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    return { upstream, chartroom };
  }

  test('is not asked for again ahead', async () => {
    const { upstream, chartroom } = await unsigned();
    chartroom.engine.start();
    await pass(chartroom.clock, dayMs / 8, 5 * minuteMs);
    expect(upstream.count(asked)).toBe(1);
  });

  test('is asked for again when somebody wants one, ten minutes apart, and gets it listed', async () => {
    const { upstream, chartroom } = await unsigned();
    for (let times = 0; times < 5; times += 1) {
      expect((await faultOf(chartroom.archive('demo', '2.0.0'))).code).toBe('provenance-invalid');
      expect((await faultOf(chartroom.provenance('demo', '2.0.0'))).code).toBe('provenance-invalid');
    }
    expect(upstream.count(asked)).toBe(2);
    sign(upstream);
    await pass(chartroom.clock, 10 * minuteMs, minuteMs);
    expect(await chartroom.archive('demo', '2.0.0')).toBeInstanceOf(Buffer);
    expect(chartroom.versions('demo')).toEqual(['2.0.0']);
    expect(await chartroom.provenance('demo', '2.0.0')).toEqual(signedBy('alice'));
  });

  test('stays missing while upstream does not answer', async () => {
    const { upstream, chartroom } = await unsigned();
    upstream.down = unreachable();
    expect((await faultOf(chartroom.archive('demo', '2.0.0'))).code).toBe('provenance-invalid');
  });
});

describe('a key that expires', () => {
  test.each([
    ['of a server at work, that nobody asks for anything', dayMs],
    ['of an upstream that is synced by hand only', 0],
  ])('takes what it signed out of every list when its time has come: %s', async (_name, intervalMs) => {
    const [upstream, judge, clock] = [new FakeUpstream(), new FakeJudge(), new ManualClock()];
    judge.expires.set('alice', new Date(clock.now() + 3 * minuteMs).toISOString());
    judge.nowMs = () => clock.now();
    await upstream.publish('demo', '1.0.0', { provenance: signedBy('alice') });
    const chartroom = await openEngine({
      upstreams: { nexus: { upstream, mirror: 'all', intervalMs, verify: requiring('alice') } },
      judge: judge.judge,
      clock,
    });
    chartroom.engine.start();
    await pass(clock, 2 * minuteMs, 5_000);
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    const asked = upstream.calls.length;
    await pass(clock, 2 * minuteMs, 5_000);
    expect(chartroom.versions('demo')).toEqual([]);
    expect(chartroom.status('nexus').provenance).toMatchObject({ valid: 0, invalid: 1 });
    await pass(clock, 10 * minuteMs, 15_000);
    expect(judge.asked).toHaveLength(2);
    expect(upstream.calls).toHaveLength(asked);
    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).message).toMatch(/because it has expired/);
  });

  test('is found expired by a process that begins later', async () => {
    const [upstream, judge, clock, store] = [new FakeUpstream(), new FakeJudge(), new ManualClock(), watchedStore()];
    judge.expires.set('alice', new Date(clock.now() + minuteMs).toISOString());
    judge.nowMs = () => clock.now();
    await upstream.publish('demo', '1.0.0', { provenance: signedBy('alice') });
    const upstreams = { nexus: { upstream, mirror: 'all' as const, verify: requiring('alice') } };
    const first = await openEngine({ upstreams, judge: judge.judge, clock, store });
    await first.operator.sync('nexus');
    await first.engine.stop();
    await pass(clock, 2 * minuteMs, minuteMs);
    const again = await openEngine({ upstreams, judge: judge.judge, clock, store });
    await again.operator.sync('nexus');
    await again.operator.settled();
    expect(judge.asked).toHaveLength(2);
    expect(again.versions('demo')).toEqual([]);
  });
});
