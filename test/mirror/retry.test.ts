import { expect, it } from 'vitest';

import { Fault, type FaultCode } from '../../src/chart/fault.ts';
import { retrying } from '../../src/mirror/fetching/retry.ts';
import { ManualClock } from '../support/clock.ts';

const fault = (code: FaultCode, retryAfterMs?: number): Fault =>
  new Fault(code, 'nexus: no.', 'Wait.', retryAfterMs === undefined ? {} : { retryAfterMs });

/** Does work that fails in these ways, and then succeeds, while time goes by. */
async function attempt(failures: readonly Error[], attempts = 5) {
  const clock = new ManualClock();
  const startMs = clock.elapsed();
  let runs = 0;
  let settled = false;
  const work = async (): Promise<string> => {
    const failure = failures[runs];
    runs += 1;
    if (failure) throw failure;
    return 'done';
  };
  const outcome = retrying(work, { attempts, clock, signal: new AbortController().signal }).then(
    (value) => value,
    (error: unknown) => error,
  );
  void outcome.then(() => {
    settled = true;
  });
  while (!settled) await clock.advance(100);
  return { outcome: await outcome, runs, tookMs: clock.elapsed() - startMs };
}

it.each(['upstream-unreachable', 'upstream-failed'] as const)('work that ended in %s is done again', async (code) => {
  expect(await attempt([fault(code), fault(code)])).toMatchObject({ outcome: 'done', runs: 3 });
});

it('work is done so many times and no more, and its last fault is told', async () => {
  const faults = Array.from({ length: 10 }, () => fault('upstream-failed'));
  expect(await attempt(faults, 3)).toMatchObject({ outcome: faults[2], runs: 3 });
  expect(await attempt(faults, 1)).toMatchObject({ outcome: faults[0], runs: 1, tookMs: 100 });
});

it('the pauses grow, and stay within seconds', async () => {
  const { runs, tookMs } = await attempt(
    Array.from({ length: 8 }, () => fault('upstream-failed')),
    9,
  );
  expect(runs).toBe(9);
  expect(tookMs).toBeLessThanOrEqual(250 + 500 + 1000 + 2000 + 4000 + 3 * 5000 + 9 * 100);
});

it.each([
  fault('unauthorized'),
  fault('listing-invalid'),
  fault('digest-mismatch'),
  fault('not-found'),
  fault('rate-limited'),
  fault('upstream-failed', 1000),
  new Fault('upstream-failed', 'nexus: no.', 'Never.', { lasting: true }),
  new Error('a bug'),
])('work that ended in what no second attempt mends is not done again: %s', async (error) => {
  expect(await attempt([error])).toMatchObject({ outcome: error, runs: 1 });
});

it('whoever gives up while it waits is told so at once', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const reason = new Error('enough');
  let runs = 0;
  const work = (): Promise<never> => {
    runs += 1;
    return Promise.reject(fault('upstream-failed'));
  };
  const outcome = retrying(work, { attempts: 5, clock, signal: controller.signal });
  while (clock.sleeping === 0) await Promise.resolve();
  controller.abort(reason);
  await expect(outcome).rejects.toBe(reason);
  expect(runs).toBe(1);
});
