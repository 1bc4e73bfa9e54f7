import { expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

const minute = 60_000;
const hour = 60 * minute;

test('looks at tags that a rate limit cuts short again and again leave no tag out', async () => {
  const upstream = new FakeUpstream('registry');
  for (let at = 0; at < 100; at += 1) {
    await upstream.publish('demo', `1.${at}.0`, { archive: undefined, digest: digestOf(Buffer.from(`${at}`)) });
  }
  const clock = new ManualClock(undefined, minute);
  const upstreams = { ghcr: { upstream, type: 'registry', intervalMs: hour } };
  const chartroom = await openEngine({ upstreams, clock });
  chartroom.engine.start();
  await pass(clock, 26 * hour, 10 * minute);

  // a hundred are due in a day, and three in an hour are answered
  const looks = new Map<string, number>();
  let left = 0;
  upstream.before.find = (call) => {
    looks.set(call, (looks.get(call) ?? 0) + 1);
    left -= 1;
    if (left <= 0) throw new Fault('rate-limited', 'ghcr: 429.', 'Wait.', { retryAfterMs: 30 * minute });
  };
  for (let hours = 0; hours < 3 * 24; hours += 1) {
    left = 3;
    await pass(clock, hour, 10 * minute);
  }

  expect(looks.size).toBe(100);
  await chartroom.engine.stop();
});
