import { asFault, Fault } from '../chart/fault.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ObjectStore } from '../store/contract.ts';
import type { Known } from './committing/known.ts';
import type { Tables } from './committing/tables.ts';
import type { Ahead } from './fetching/ahead.ts';
import type { Rechecks } from './fetching/recheck.ts';
import { sweep, type SweepMemory, type SweepParts } from './retention/sweep.ts';
import { keepSynced } from './syncing/schedule.ts';
import type { Syncs } from './syncing/sync.ts';

/** When what nothing names any more is swept from the store, and for how long it is left alone. */
export interface Retention {
  readonly firstMs: number;
  readonly everyMs: number;
  readonly graceMs: number;
}

export interface DutyParts {
  readonly known: () => readonly Known[];
  readonly syncs: Syncs;
  readonly ahead: Ahead;
  readonly rechecks: Rechecks;
  readonly store: ObjectStore;
  readonly tables: Tables;
  readonly tidy: SweepParts['tidy'];
  readonly retention?: Retention | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

const usualRetention: Retention = { firstMs: 10 * 60_000, everyMs: 6 * 60 * 60_000, graceMs: 24 * 60 * 60_000 };

/**
 * What the one process does that holds the lease: it keeps every upstream synced on its interval, fills ahead, looks
 * again at tags, and sweeps the store.
 */
export class Duties {
  readonly #parts: DutyParts;
  #term: AbortSignal | undefined;
  /** In this term. */
  #attended = new WeakSet<Known>();

  constructor(parts: DutyParts) {
    this.#parts = parts;
  }

  /** Begins with all of it, until `term` ends it. */
  begin(term: AbortSignal): void {
    const { retention = usualRetention } = this.#parts;
    this.#term = term;
    this.#attended = new WeakSet();
    this.attend(this.#parts.known());
    const memory: SweepMemory = { unnamed: new Set() };
    const work = () => sweepStore(this.#parts, retention, memory, term);
    void repeat({ ...this.#parts, ...retention, signal: term, work });
  }

  /** Takes upstreams on that are new or configured otherwise, until their terms end. Does nothing without the lease. */
  attend(upstreams: readonly Known[]): void {
    const term = this.#term;
    if (!term || term.aborted) return;
    for (const [turn, known] of upstreams.entries()) {
      if (this.#attended.has(known)) continue;
      this.#attended.add(known);
      const signal = AbortSignal.any([term, known.term]);
      this.#parts.ahead.fill(known);
      const sync = (one: Known): Promise<void> => syncAndRecheck(this.#parts, one, signal);
      void keepSynced(known, turn, { sync, clock: this.#parts.clock, signal });
    }
  }
}

/** Does work again and again. What fails is done again at its next turn; the first time in a row it is logged. */
export async function repeat(round: {
  readonly firstMs: number;
  readonly everyMs: number;
  readonly work: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { firstMs, everyMs, work, clock, log, signal } = round;
  let failed = false;
  for (let waitMs = firstMs; !signal.aborted; waitMs = everyMs) {
    await clock.sleep(waitMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await work();
      failed = false;
    } catch (error) {
      if (!failed) warn(log, error);
      failed = true;
    }
  }
}

async function syncAndRecheck({ syncs, rechecks, log }: DutyParts, known: Known, signal: AbortSignal): Promise<void> {
  const succeeded = await syncs.sync(known).then(
    () => true,
    () => false,
  );
  if (succeeded && !signal.aborted) await rechecks.run(known).catch((error: unknown) => warn(log, error));
}

async function sweepStore(
  parts: DutyParts,
  { graceMs }: Retention,
  memory: SweepMemory,
  signal: AbortSignal,
): Promise<void> {
  const { store, tables, tidy, clock, log } = parts;
  const load: SweepParts['load'] = (kind, digest) => tables.load(kind, digest);
  const swept = await sweep({ store, tidy, load, clock, signal, graceMs, memory }).finally(() =>
    tables.keepOnly(parts.known().map(({ record }) => record)),
  );
  log.info({ ...swept }, 'what nothing names any more was swept');
}

function warn(log: Log, error: unknown): void {
  const unexpected = () => new Fault('store-failed', String(error), 'This is a defect; please report it.');
  const { code, message } = asFault(error, unexpected);
  log.warn({ code, ...(!(error instanceof Fault) && { err: error }) }, message);
}
