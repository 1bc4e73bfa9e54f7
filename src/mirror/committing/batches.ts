import type { KnownClaim } from '../../chart/claim.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import type { Clock } from '../../lib/clock.ts';
import { Limiter } from '../../lib/limiter.ts';
import type { Log } from '../../lib/log.ts';
import type { MirrorJobs } from '../jobs.ts';
import type { Committed } from './committed.ts';
import { keyOf, type Known } from './known.ts';
import { recordOf, withUpstream, type State } from './state.ts';
import type { Tables } from './tables.ts';

interface Parts {
  readonly committed: Committed;
  readonly tables: Tables;
  readonly jobs: MirrorJobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly onCommitted: () => Promise<void>;
}

const batchMs = 10_000;

/** What was fetched, described and held since the last commit; committed together, every ten seconds at most. */
export class Batches {
  readonly #parts: Parts;
  /** What one flush has taken, another must not take. */
  readonly #flushes = new Limiter(1);
  /** Of whom there may be something to commit, also when nobody wants that upstream any more. */
  readonly #waiting = new Set<Known>();
  #listingChanges = false;
  #timer: AbortController | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `changesIndex`: the index said another digest, or none, for this version until now. */
  addHolding(known: Known, kept: KeptVersion, changesIndex: boolean): void {
    this.#await(known).hold(kept);
    this.#listingChanges ||= changesIndex;
    this.#schedule();
  }

  addDescribed(known: Known, claim: KnownClaim): void {
    const present = this.#await(known);
    // what another address has under that tag is described there
    if (present.settings.url !== known.settings.url) return;
    present.described.push(claim);
    this.#listingChanges = true;
    this.#schedule();
  }

  #await({ latest }: Known): Known {
    this.#waiting.add(latest);
    return latest;
  }

  /** Commits what there is. Rejects with 'store-failed'; nothing is forgotten then. */
  flush(): Promise<void> {
    return this.#flushes.run(() => this.#flush());
  }

  async #flush(): Promise<void> {
    this.#timer?.abort();
    this.#timer = undefined;
    const waiting = this.#takeWaiting();
    if (waiting.length === 0) return;
    const listingChanges = this.#listingChanges;
    this.#listingChanges = false;
    let committed: readonly Taken[] = [];
    try {
      committed = await this.#commit(waiting);
    } finally {
      // what could not be committed now is tried again: the store may answer then, or lost tables be back
      if (committed.length < waiting.length) this.#defer(waiting, listingChanges);
    }
    if (committed.length === 0) return;
    for (const one of committed) {
      release(one);
      if (listingChanges) for (const known of this.#parts.committed.attended(one.known.name)) known.news += 1;
    }
    await this.#parts.onCommitted();
  }

  /** While one hands over to another, what waits is in the hands of both. */
  #takeWaiting(): readonly Known[] {
    const waiting = new Set([...this.#waiting].map(({ latest }) => latest));
    this.#waiting.clear();
    // lost tables of an upstream that nobody wants any more are not read again
    const isHopeless = ({ damage, term }: Known): boolean => damage !== undefined && term.aborted;
    return [...waiting].filter((known) => known.fresh.size + known.described.length > 0 && !isHopeless(known));
  }

  #defer(waiting: readonly Known[], listingChanges: boolean): void {
    for (const known of waiting) this.#await(known);
    this.#listingChanges ||= listingChanges;
    this.#schedule();
  }

  async #commit(waiting: readonly Known[]): Promise<readonly Taken[]> {
    let taken: readonly Taken[] = [];
    await this.#parts.committed.transact(async (state) => {
      taken = waiting.filter(({ damage }) => !damage).map(takeFrom);
      let next = state;
      for (const one of taken) next = await this.#apply(next, one);
      return taken.length > 0 ? next : undefined;
    });
    return taken;
  }

  async #apply(state: State, { known, kept, described }: Taken): Promise<State> {
    const { jobs, tables } = this.#parts;
    const present = recordOf(state, known.name);
    // what nobody wants any more may have been removed from the store, too
    if (!present && known.term.aborted) return state;
    const record = present ?? known.record;
    const before = await tables.ofRecord(record, known);
    const held = { held: before.snapshot, fresh: kept };
    const catalog =
      described.length > 0
        ? await tables.save('catalog', await jobs.run('describe', { ...held, known: before.catalog, described }))
        : record.catalog;
    const snapshot =
      kept.length > 0
        ? await tables.save('snapshot', await jobs.run('hold', { snapshot: before.snapshot, fresh: kept }))
        : record.snapshot;
    return withUpstream(state, known.name, { ...record, catalog, snapshot });
  }

  #schedule(): void {
    if (this.#timer) return;
    const timer = (this.#timer = new AbortController());
    this.#parts.clock.sleep(batchMs, timer.signal).then(
      () => {
        this.#timer = undefined;
        return this.flush().catch((error: unknown) => {
          this.#parts.log.error({ err: error }, 'what was fetched could not be recorded yet');
        });
      },
      () => undefined,
    );
  }
}

interface Taken {
  readonly known: Known;
  readonly kept: readonly KeptVersion[];
  readonly described: readonly KnownClaim[];
}

function takeFrom(known: Known): Taken {
  return { known, kept: [...known.fresh.values()], described: [...known.described] };
}

/** Forgets what is committed now, but not what was added meanwhile. */
function release({ known, kept, described }: Taken): void {
  for (const one of kept) {
    const key = keyOf(one.chart, one.version);
    if (known.fresh.get(key) === one) known.fresh.delete(key);
  }
  known.described.splice(0, described.length);
}
