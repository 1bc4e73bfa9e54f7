import { expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { openEngine, pass, turn } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

const hour = 60 * 60_000;

/** A server whose upstream said at the first listing that it wants to be left alone for six hours. */
async function leftAlone() {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const limited = (retryAfterMs: number) => new Fault('rate-limited', 'nexus: 429.', 'Wait.', { retryAfterMs });
  upstream.down = limited(6 * hour);
  const chartroom = await openEngine({ upstreams: { nexus: { upstream, intervalMs: 120_000 } } });
  chartroom.engine.start();
  await turn();
  expect(chartroom.status('nexus').nextAttempt).toBe('2026-01-01T06:00:00Z');
  return { upstream, chartroom, limited };
}

test('a good sync by hand brings the schedule back to its interval', async () => {
  const { upstream, chartroom } = await leftAlone();
  upstream.down = undefined;
  await chartroom.operator.sync('nexus');
  await turn();

  const next = Date.parse(chartroom.status('nexus').nextAttempt ?? '');
  expect(next - chartroom.clock.now()).toBeLessThanOrEqual(120_000);
  await upstream.publish('demo', '2.0.0');
  await pass(chartroom.clock, 121_000, 1_000);
  expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
  await chartroom.engine.stop();
});

test('what an upstream asked of a sync by hand holds for the schedule, also when it is longer than before', async () => {
  const { upstream, chartroom, limited } = await leftAlone();
  await pass(chartroom.clock, 5.9 * hour, hour);
  upstream.down = limited(2 * hour);
  expect((await faultOf(chartroom.operator.sync('nexus'))).code).toBe('rate-limited');
  await turn();

  const lists = upstream.count('list');
  await pass(chartroom.clock, 1.9 * hour, hour / 10);
  expect(upstream.count('list')).toBe(lists);
  await pass(chartroom.clock, 0.2 * hour, hour / 10);
  expect(upstream.count('list')).toBeGreaterThan(lists);
  await chartroom.engine.stop();
});
