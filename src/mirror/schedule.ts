import { backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Known } from './known.ts';

const firstBackoffMs = 5_000;
const maxBackoffMs = 60 * 60_000;

/** When to try next after an attempt that succeeded, or failed `failures` times in a row. */
export function waitAfter(known: Known, random: () => number = Math.random): number {
  const { intervalMs } = known.settings;
  const { failures, fault } = known.attempts;
  if (failures === 0) return intervalMs * (0.95 + 0.1 * random());
  const longestMs = intervalMs > 0 ? Math.min(intervalMs, maxBackoffMs) : maxBackoffMs;
  return Math.max(
    1_000 + backoffMs(failures, firstBackoffMs, longestMs, random),
    Math.min(fault?.retryAfterMs ?? 0, maxBackoffMs),
  );
}

/**
 * Syncs one upstream at start and then on its interval until `signal` ends it. Interval 0: only until something is
 * known. `sync` never rejects.
 */
export async function keepSynced(
  known: Known,
  sync: () => Promise<void>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { intervalMs } = known.settings;
  if (intervalMs === 0 && known.listed) return;
  while (!signal.aborted) {
    await sync();
    if (intervalMs === 0 && known.listed) return;
    const waitMs = waitAfter(known);
    known.attempts = { ...known.attempts, nextAttemptMs: clock.now() + waitMs };
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}
