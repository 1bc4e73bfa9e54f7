import { backoffMs } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Known } from '../committing/known.ts';

const firstBackoffMs = 5_000;
const maxBackoffMs = 60 * 60_000;
const minWaitMs = 1_000;
/** Upstreams of one start are begun this far apart. */
const staggerMs = 100;

/** A number from 0 to 1, as `Math.random`. */
export type Random = () => number;

/**
 * When to try next after an attempt that took `tookMs` and succeeded, or failed `failures` times in a row: a good one is
 * followed within the interval, the first one (`spread`) anywhere within it, so that upstreams begun together part.
 */
export function waitAfter(known: Known, tookMs: number, spread: boolean, random: Random = Math.random): number {
  const { intervalMs } = known.settings;
  const { failures, fault } = known.attempts;
  if (failures === 0) {
    const share = spread ? 0.1 + 0.9 * random() : 0.9 + 0.1 * random();
    return Math.max(minWaitMs, intervalMs * share - tookMs);
  }
  const longestMs = intervalMs > 0 ? Math.min(intervalMs, maxBackoffMs) : maxBackoffMs;
  return Math.max(minWaitMs + backoffMs(failures, firstBackoffMs, longestMs, random), fault?.retryAfterMs ?? 0);
}

export interface ScheduleParts {
  /** Never rejects. */
  readonly sync: (known: Known) => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly random?: Random;
}

/**
 * Syncs one upstream at once and then on its interval until `signal` ends it. Interval 0: only until something is known;
 * retired: never. `turn` is its place among those that are begun together.
 */
export async function keepSynced(known: Known, turn: number, parts: ScheduleParts): Promise<void> {
  const { intervalMs, retired } = known.settings;
  const { clock, signal, sync, random } = parts;
  if (retired || (intervalMs === 0 && known.listed)) return;
  await pause(known, Math.max(turn * staggerMs, refusedForMs(known, clock)), parts);
  for (let spread = true; !signal.aborted; spread = false) {
    const startedMs = clock.elapsed();
    await sync(known);
    if (intervalMs === 0 && known.listed) return;
    let tookMs = clock.elapsed() - startedMs;
    // whoever synced it by hand meanwhile made a new beginning, for better or worse
    while ((await pause(known, waitAfter(known, tookMs, spread, random), parts)) === 'anew') tookMs = 0;
  }
}

/** What an upstream asked of an earlier process or another one holds for this one. */
function refusedForMs({ attempts }: Known, clock: Clock): number {
  if (attempts.fault?.code !== 'rate-limited') return 0;
  return Math.max(0, (attempts.nextAttemptMs ?? 0) - clock.now());
}

async function pause(known: Known, waitMs: number, { clock, signal }: ScheduleParts): Promise<'over' | 'anew'> {
  if (waitMs <= 0) return 'over';
  const anew = new AbortController();
  known.plannedAnew = () => anew.abort(new Error('synced by hand'));
  known.attempts = { ...known.attempts, nextAttemptMs: clock.now() + waitMs };
  await clock.sleep(waitMs, AbortSignal.any([signal, anew.signal])).catch(() => undefined);
  known.plannedAnew = undefined;
  return anew.signal.aborted && !signal.aborted ? 'anew' : 'over';
}
