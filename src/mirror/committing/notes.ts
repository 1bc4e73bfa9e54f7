import { plainFault, reviveFault, type PlainFault } from '../../chart/fault.ts';
import type { NotedFailure } from './failures.ts';
import type { Attempts, Known } from './known.ts';

/** What the process that does the upstream work tells the others of one upstream. Times in ms since the epoch. */
interface UpstreamNotes extends Omit<Attempts, 'fault'> {
  readonly fault?: PlainFault | undefined;
  /** Until when nobody may ask anything of it. */
  readonly limitedUntil?: number | undefined;
  readonly failed: readonly NotedFailure[];
}

/** The same of all upstreams, by name. */
export type Notes = Readonly<Record<string, UpstreamNotes>>;

/** Of all upstreams together: the record is written every few seconds. */
const maxFailures = 1_000;

/** What there is to tell. */
export function notesOf(all: readonly Known[]): Notes {
  const most = Math.ceil(maxFailures / Math.max(1, all.length));
  return Object.fromEntries(
    all.map(({ name, attempts, failures, brake }) => {
      const { fault, ...times } = attempts;
      const failed = failures.noted().slice(0, most);
      const { limitedUntil } = brake;
      return [name, { ...times, ...(fault && { fault: plainFault(fault) }), limitedUntil, failed }];
    }),
  );
}

/** Nobody is left alone for longer: what was written down may come from a clock that was wrong. */
const maxAheadMs = 6 * 60 * 60_000;

/** Takes over what another process, or an earlier one, told. */
export function adoptNotes(all: readonly Known[], notes: Notes, nowMs: number): void {
  for (const known of all) {
    const told = Object.hasOwn(notes, known.name) ? notes[known.name] : undefined;
    if (!told) continue;
    const { failed, fault, limitedUntil, nextAttemptMs, checkedMs, ...times } = told;
    known.attempts = {
      ...times,
      ...(nextAttemptMs !== undefined && { nextAttemptMs: Math.min(nextAttemptMs, nowMs + maxAheadMs) }),
      ...(checkedMs !== undefined && { checkedMs: Math.min(checkedMs, nowMs) }),
      ...(fault && { fault: reviveFault(fault) }),
    };
    known.failures.adopt(failed);
    if (limitedUntil !== undefined) known.brake.limitUntil(Math.min(limitedUntil, nowMs + maxAheadMs));
  }
}
