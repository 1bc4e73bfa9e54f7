import { asFault, Fault } from '../chart/fault.ts';
import type { Clock } from '../lib/clock.ts';
import { Limiter } from '../lib/limiter.ts';
import type { Log } from '../lib/log.ts';
import type { ProcessId } from '../lib/process-id.ts';
import type { Blobs } from '../store/blobs.ts';
import type { ObjectStore } from '../store/contract.ts';
import { requireLayout } from '../store/layout.ts';
import { Batches } from './committing/batches.ts';
import { Committed } from './committing/committed.ts';
import type { Known } from './committing/known.ts';
import { Lease } from './committing/lease.ts';
import { adoptNotes, notesOf } from './committing/notes.ts';
import { Tables } from './committing/tables.ts';
import type { SyncReport } from './contract/operator.ts';
import { Duties, repeat, type Retention } from './duties.ts';
import { Ahead } from './fetching/ahead.ts';
import type { ArchiveCheck } from './fetching/fetch.ts';
import { Fetches } from './fetching/fetches.ts';
import { Intake } from './fetching/intake.ts';
import { Rechecks } from './fetching/recheck.ts';
import { Turns } from './fetching/turns.ts';
import type { Judge } from './fetching/verdicts.ts';
import type { MirrorJobs } from './jobs.ts';
import { Lineup, type Composition } from './offering/lineup.ts';
import type { Repositories } from './offering/repositories.ts';
import { ServingNote, servingOf } from './offering/serving.ts';
import { waitAtMost } from './patience.ts';
import type { SweepParts } from './retention/sweep.ts';
import { Misses } from './syncing/miss.ts';
import { Syncs, type SyncOptions } from './syncing/sync.ts';

export interface EngineParts extends Composition {
  readonly store: ObjectStore;
  /** Makes sure that the store is there and ours. */
  readonly prepareStore: () => Promise<void>;
  readonly blobs: Blobs;
  readonly jobs: MirrorJobs;
  readonly check: ArchiveCheck;
  readonly judge: Judge;
  /** Takes away what interrupted writes left in the store. */
  readonly tidy: SweepParts['tidy'];
  readonly retention?: Retention | undefined;
  /** This process, and whether another one is known to have ended. */
  readonly self: ProcessId;
  readonly isGone: (other: ProcessId) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** A registry's first descriptions belong to its sync, but a sync is answered after this at the latest. */
const describeWaitMs = 20_000;
const storeRetryMs = 2_000;
/** What others committed is served this soon, and a little. */
const followMs = 3_500;
/** When the first note is written of what is served. */
const noteMs = 500;
/** Archives on their way in, of all upstreams together. */
const maxIncomingBytes = 256 * 1024 * 1024;

/** Everything that keeps what we serve fresh, and the order in which it happens. */
export class Engine {
  readonly fetches: Fetches;
  readonly syncs: Syncs;
  readonly ahead: Ahead;
  readonly misses: Misses;
  readonly committed: Committed;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly blobs: Blobs;
  readonly #parts: EngineParts;
  /** No new work of our own. */
  readonly #quiet = new AbortController();
  /** No work at all. */
  readonly #stop = new AbortController();
  readonly #lineup: Lineup;
  readonly #batches: Batches;
  readonly #duties: Duties;
  readonly #serving: ServingNote;
  /** One change of the configuration at a time. */
  readonly #changes = new Limiter(1);
  #keeping: Promise<void> | undefined;
  #opened = false;
  #started = false;

  constructor(parts: EngineParts) {
    const { store, blobs, jobs, clock, log, check, judge } = parts;
    const { signal } = this.#stop;
    const quiet = this.#quiet.signal;
    this.#parts = parts;
    this.clock = clock;
    this.blobs = blobs;
    this.#serving = new ServingNote({ store, log });
    const lineup = new Lineup(parts, parts);
    this.#lineup = lineup;
    const known = () => lineup.known;
    const tables = new Tables(store, jobs);
    const committed = new Committed({ store, tables, clock, log, known: lineup.known });
    this.committed = committed;
    const look = () => lineup.look();
    const batches = new Batches({ committed, tables, jobs, clock, log, onCommitted: look });
    this.#batches = batches;
    const turns = new Turns();
    const intake = new Intake(maxIncomingBytes);
    const fetches = new Fetches({ store, blobs, batches, check, judge, turns, intake, clock, log, signal });
    this.fetches = fetches;
    const mayFill = () => !this.#started || this.lease.held;
    this.ahead = new Ahead({ fetches, turns, batches, blobs, clock, log, signal: quiet, mayFill });
    const rechecks = new Rechecks({ fetches, turns, batches, blobs, jobs, clock, log, signal: quiet });
    const onListed = (one: Known) => this.#afterListing(one);
    const flush = () => batches.flush();
    const findHolding: Fetches['archives']['findHolding'] = (...name) => fetches.archives.findHolding(...name);
    const hooks = { flush, findHolding, onListed, onAdmitted: look };
    this.syncs = new Syncs({ ...hooks, committed, tables, jobs, clock, log, signal });
    this.misses = new Misses({ syncs: this.syncs, turns, clock, signal });
    const { syncs, ahead } = this;
    this.#duties = new Duties({ ...parts, known, syncs, ahead, rechecks, tables });
    this.lease = new Lease({
      ...parts,
      onTaken: (term) => this.#duties.begin(AbortSignal.any([term, quiet])),
      notes: () => notesOf(this.known),
      onNotes: (notes) => adoptNotes(this.known, notes, clock.now()),
    });
  }

  /** Every upstream of the configuration, in its order. */
  get known(): readonly Known[] {
    return this.#lineup.known;
  }

  /** Every repository, as it is served. */
  get repositories(): Repositories {
    return this.#lineup.repositories;
  }

  /**
   * Works and serves by another configuration from now on; upstreams whose settings are the same object go on as they are.
   * Everything is ready before anything changes for clients; `taken` is called at the moment when it does. Rejects, and
   * changes nothing, when it cannot be made ready.
   */
  reconfigure(wanted: Composition, taken: () => void = () => undefined): Promise<void> {
    return this.#changes.run(() => this.#reconfigure(wanted, taken));
  }

  async #reconfigure(wanted: Composition, taken: () => void): Promise<void> {
    const [before, isOpen, { signal }] = [this.known, this.#opened, this.#quiet];
    await this.#lineup.replace(wanted, { committed: this.committed, isOpen, signal, taken });
    if (!isOpen) return;
    const fresh = this.known.filter((known) => !before.includes(known));
    await this.#register('new upstreams could not be made known to the store yet');
    this.#duties.attend(fresh);
    this.lease.tell();
    await this.#noteServing();
  }

  /** Whether the store was read and what it holds is served. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Reads the store and serves what it holds; writes nothing. Rejects with 'store-failed' when it cannot be read. */
  async read(): Promise<void> {
    await requireLayout(this.#parts.store);
    await this.#read();
  }

  async #read(): Promise<void> {
    await this.#changes.run(async () => {
      await this.committed.open();
      await this.#lineup.look();
      this.#opened = true;
    });
  }

  /** As `read`, and makes the store ready, and upstreams known to it that are new. */
  async open(): Promise<void> {
    await this.#parts.prepareStore();
    await this.#read();
    await this.#register('the store cannot be written');
    await this.#lineup.look();
  }

  /** A store that cannot be written can still be served from. */
  async #register(otherwise: string): Promise<void> {
    await this.committed.register().catch((error: unknown) => this.#parts.log.error({ err: error }, otherwise));
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

  /** Follows what other processes commit and, when it is this one's turn, does the upstream work, until `stop`. */
  start(): void {
    const { signal } = this.#quiet;
    if (signal.aborted) return;
    this.#started = true;
    this.#keeping = this.lease.keep(signal);
    const { clock, log } = this.#parts;
    // a start is for those who wait for the index
    void clock.sleep(noteMs, signal).then(() => this.#noteServing(), ignore);
    void repeat({ firstMs: followMs, everyMs: followMs, work: () => this.#follow(), clock, log, signal });
  }

  /** Only a server offers something: a command that was given another file does not. */
  async #noteServing(): Promise<void> {
    if (!this.#started) return;
    const repositories = this.repositories.all.map(({ settings }) => settings);
    const upstreams = this.known.map(({ settings }) => settings);
    await this.#serving.keep(servingOf(upstreams, repositories));
  }

  /** Goes ahead of any backoff. Rejects as `Syncs.sync` does. */
  syncNow(known: Known, options: SyncOptions): Promise<SyncReport> {
    this.ahead.hurry(known);
    return this.syncs.sync(known, options).finally(() => known.plannedAnew?.());
  }

  /** Commits what was fetched and described since the last time, and serves it. Rejects with 'store-failed'. */
  commit(): Promise<void> {
    return this.#batches.flush();
  }

  /** Begins nothing more by itself; what is under way, and what requests wait for, goes on. */
  quiesce(): void {
    this.#quiet.abort(stopping());
  }

  /** Ends what is under way, commits what was fetched, and leaves the upstream work to others. */
  async stop(): Promise<void> {
    this.quiesce();
    this.#stop.abort(stopping());
    // a change of the configuration that is under way ends, too
    await this.#changes.run(async () => undefined);
    this.repositories.retire();
    await Promise.all([this.syncs, this.fetches, this.ahead].map((part) => part.idle()));
    await this.#batches
      .flush()
      .catch((error: unknown) =>
        this.#parts.log.error({ err: error }, 'what was fetched last is not recorded; it is found again on use'),
      );
    await this.#noteServing();
    await this.#keeping;
    await this.lease.release().catch(() => undefined);
  }

  /** Resolves when everything that is under way is done and committed. */
  async settled(): Promise<void> {
    await this.ahead.idle();
    await this.fetches.idle();
    await this.#batches.flush();
  }

  async #follow(): Promise<void> {
    await this.#noteServing();
    await this.committed.follow();
    if (this.known.some(({ isRegistered }) => !isRegistered)) await this.#register('the store cannot be written');
    for (const known of this.known) if (known.isLapsed(this.clock.now())) known.unsurveyed = true;
    const news = this.known.filter(({ unsurveyed }) => unsurveyed);
    // what could not be built is built again, although nothing more was committed
    if (news.length === 0 && !this.repositories.isStale) return;
    await this.#lineup.look();
    for (const known of news) this.ahead.fill(known);
  }

  /** Serves a new listing, has a registry's tags described, and begins to fill what the policy wants. */
  async #afterListing(known: Known): Promise<void> {
    await this.#lineup.look();
    const described = this.ahead.describe(known).then(() => this.ahead.fill(known));
    const late = () => new Fault('unavailable', 'its tags are still being described, and that goes on', '');
    await waitAtMost(described, describeWaitMs, this.clock, late).catch((error: unknown) => {
      const { message } = asFault(error, () => late());
      this.#parts.log.info({ upstream: known.name }, `${known.name}: ${message}`);
    });
  }
}

function ignore(): void {}

function stopping(): Fault {
  return new Fault('unavailable', 'The server is stopping.', 'Ask another replica.');
}

function unexpected(error: unknown): Fault {
  return new Fault('store-failed', String(error), 'This is a defect; please report it.', { cause: error });
}
