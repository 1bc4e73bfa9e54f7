import type { Fault } from '../chart/fault.ts';
import type { Clock } from '../lib/clock.ts';

/** The work's result, or the fault when it takes longer than `waitMs`. The work itself goes on. */
export async function waitAtMost<T>(work: Promise<T>, waitMs: number, clock: Clock, fault: () => Fault): Promise<T> {
  const timer = new AbortController();
  const late = clock.sleep(waitMs, timer.signal).then(
    () => Promise.reject(fault()),
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}
