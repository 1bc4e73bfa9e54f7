import { asFault, Fault } from '../chart/fault.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Blobs } from '../store/blobs.ts';
import type { ObjectStore } from '../store/contract.ts';
import { openLayout } from '../store/layout.ts';
import { Ahead } from './ahead.ts';
import { Batches } from './batches.ts';
import { Committed } from './committed.ts';
import type { ArchiveCheck } from './fetch.ts';
import { Fills } from './fill.ts';
import type { MirrorJobs } from './jobs.ts';
import { Known } from './known.ts';
import { Misses } from './miss.ts';
import { waitAtMost } from './patience.ts';
import { keepSynced } from './schedule.ts';
import { Served } from './served.ts';
import type { UpstreamSettings } from './settings.ts';
import { Syncs } from './sync.ts';
import { Tables } from './tables.ts';

export interface EngineParts {
  readonly upstreams: readonly UpstreamSettings[];
  readonly store: ObjectStore;
  readonly prepareStore: () => Promise<void>;
  readonly blobs: Blobs;
  readonly jobs: MirrorJobs;
  readonly check: ArchiveCheck;
  readonly clock: Clock;
  readonly log: Log;
}

/** A registry's first descriptions belong to its sync, but a sync is answered after this at the latest. */
const describeWaitMs = 20_000;
const storeRetryMs = 2_000;

/** Everything that keeps what we serve fresh, and the order in which it happens. */
export class Engine {
  readonly known: readonly Known[];
  readonly served: Served;
  readonly fills: Fills;
  readonly syncs: Syncs;
  readonly ahead: Ahead;
  readonly misses: Misses;
  readonly clock: Clock;
  readonly blobs: Blobs;
  readonly #parts: EngineParts;
  /** No new work of our own. */
  readonly #quiet = new AbortController();
  /** No work at all. */
  readonly #stop = new AbortController();
  readonly #committed: Committed;
  readonly #batches: Batches;
  #opened = false;

  constructor(parts: EngineParts) {
    const { store, blobs, jobs, clock, log, check } = parts;
    const { signal } = this.#stop;
    this.#parts = parts;
    this.clock = clock;
    this.blobs = blobs;
    this.known = parts.upstreams.map((settings) => new Known(settings, { since: '' }));
    const tables = new Tables(store, jobs);
    this.served = new Served('all', this.known, jobs, log);
    this.#committed = new Committed({ store, tables, clock, known: this.known });
    const onCommitted = (listingChanges: boolean) => this.#look(listingChanges);
    this.#batches = new Batches({
      committed: this.#committed,
      tables,
      jobs,
      clock,
      log,
      known: this.known,
      onCommitted,
    });
    this.fills = new Fills({ store, blobs, batches: this.#batches, check, clock, log, signal });
    this.ahead = new Ahead({
      fills: this.fills,
      batches: this.#batches,
      blobs,
      clock,
      log,
      signal: this.#quiet.signal,
    });
    const onListed = (known: Known) => this.#afterListing(known);
    this.syncs = new Syncs({
      committed: this.#committed,
      tables,
      jobs,
      clock,
      log,
      signal,
      flush: () => this.#batches.flush(),
      onListed,
    });
    this.misses = new Misses({ syncs: this.syncs, fills: this.fills, clock, signal });
  }

  /** Whether the store was read and what it holds is served. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Reads the store and serves what it holds. Rejects with 'store-failed' when it cannot be read. */
  async open(): Promise<void> {
    await this.#parts.prepareStore();
    await openLayout(this.#parts.store);
    await this.#committed.open();
    await this.#look();
    this.#opened = true;
    // a store that cannot be written can still be served from
    await this.#committed
      .register()
      .catch((error: unknown) => this.#parts.log.error({ err: error }, 'the store cannot be written'));
    await this.#look();
  }

  /** As `open`, again and again until the store answers or the engine is stopped. */
  async openPatiently(): Promise<void> {
    while (!this.#opened && !this.#quiet.signal.aborted) {
      try {
        await this.open();
      } catch (error) {
        const { message, advice } = asFault(error, unexpected);
        this.#parts.log.error({ advice }, `the store cannot be read yet: ${message}`);
        await this.clock.sleep(storeRetryMs, this.#quiet.signal).catch(() => undefined);
      }
    }
  }

  /** Keeps every upstream synced on its interval and fills ahead, until `stop`. */
  start(): void {
    if (this.#quiet.signal.aborted) return;
    for (const known of this.known) {
      this.ahead.fill(known);
      const sync = () =>
        this.syncs.sync(known).then(
          () => undefined,
          () => undefined,
        );
      void keepSynced(known, sync, this.clock, this.#quiet.signal);
    }
  }

  /** Begins nothing more by itself; what is under way, and what requests wait for, goes on. */
  quiesce(): void {
    this.#quiet.abort(stopping());
  }

  /** Ends what is under way and commits what was fetched. */
  async stop(): Promise<void> {
    this.quiesce();
    this.#stop.abort(stopping());
    await Promise.all([this.syncs.idle(), this.fills.idle(), this.ahead.idle()]);
    await this.#batches
      .flush()
      .catch((error: unknown) =>
        this.#parts.log.error({ err: error }, 'what was fetched last is not recorded; it is found again on use'),
      );
  }

  /** Resolves when everything that is under way is done and committed. */
  async settled(): Promise<void> {
    await this.ahead.idle();
    await this.fills.idle();
    await this.#batches.flush();
  }

  /** Serves a new listing, has a registry's tags described, and begins to fill what the policy wants. */
  async #afterListing(known: Known): Promise<void> {
    await this.#look();
    const described = this.ahead.describe(known).then(() => this.ahead.fill(known));
    const late = () => new Fault('unavailable', 'Descriptions are still under way.', 'They go on.');
    await waitAtMost(described, describeWaitMs, this.clock, late).catch((error: unknown) => {
      const fault = asFault(error, () => late());
      this.#parts.log.info({ upstream: known.name, code: fault.code }, fault.message);
    });
  }

  /** Looks over what was committed, and serves it. What fails is tried again the next time. */
  async #look(listingChanges = false): Promise<void> {
    await Promise.all(this.known.filter(({ unsurveyed }) => unsurveyed).map((known) => this.#survey(known)));
    const isNews = listingChanges || this.known.some(({ unserved }) => unserved);
    // without news of our own, somebody else may be building the index that says ours
    await (isNews ? this.served.rebuild() : this.served.idle());
  }

  async #survey(known: Known): Promise<void> {
    const { catalog, snapshot, settings } = known;
    known.unsurveyed = false;
    try {
      const input = { catalog: catalog.table, snapshot: snapshot.table, policy: settings.mirror };
      known.survey = await this.#parts.jobs.run('survey', input);
    } catch (error) {
      known.unsurveyed = true;
      throw error;
    }
  }
}

function stopping(): Fault {
  return new Fault('unavailable', 'The server is stopping.', 'Ask another replica.');
}

function unexpected(error: unknown): Fault {
  return new Fault('store-failed', String(error), 'This is a defect; please report it.', { cause: error });
}
