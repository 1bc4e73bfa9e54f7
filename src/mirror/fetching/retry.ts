import { Fault, type FaultCode } from '../../chart/fault.ts';
import { backoffMs } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';

/** What may be gone at the next attempt. */
const passing: ReadonlySet<FaultCode> = new Set(['upstream-unreachable', 'upstream-failed']);

const firstWaitMs = 250;
const maxWaitMs = 5_000;

/** Does work again, a few times and with growing pauses, while its fault is one that passes. */
export async function retrying<T>(
  work: () => Promise<T>,
  options: { readonly attempts: number; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error) || attempt >= options.attempts) throw error;
      await options.clock.sleep(backoffMs(attempt, firstWaitMs, maxWaitMs), options.signal);
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof Fault && passing.has(error.code) && !error.lasting && error.retryAfterMs === undefined;
}
