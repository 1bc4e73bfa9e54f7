import type { ChartVersion } from '../chart/catalog.ts';
import { asFault, Fault } from '../chart/fault.ts';
import type { Holding } from '../chart/holding.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ProcessId } from '../lib/process-id.ts';
import type { Blobs } from '../store/blobs.ts';
import type { ObjectStore } from '../store/contract.ts';
import { Ahead } from './ahead.ts';
import { Batches } from './batches.ts';
import { Committed } from './committed.ts';
import type { SyncReport } from './contract.ts';
import { doDuties, repeat, type Retention } from './duties.ts';
import type { ArchiveCheck } from './fetch.ts';
import { Fills } from './fill.ts';
import { Intake } from './intake.ts';
import type { MirrorJobs } from './jobs.ts';
import { Known } from './known.ts';
import { Lease } from './lease.ts';
import { Misses } from './miss.ts';
import { adoptNotes, notesOf } from './notes.ts';
import { waitAtMost } from './patience.ts';
import { ProvenanceFills } from './provenances.ts';
import { Rechecks } from './recheck.ts';
import { Restorations } from './restore.ts';
import type { SweepParts } from './retention/sweep.ts';
import { Served } from './served.ts';
import type { UpstreamSettings } from './settings.ts';
import { Syncs, type SyncOptions } from './sync.ts';
import { Tables } from './tables.ts';
import { Turns } from './turns.ts';

export interface EngineParts {
  readonly upstreams: readonly UpstreamSettings[];
  readonly store: ObjectStore;
  /** Makes sure that the store is there and ours. */
  readonly prepareStore: () => Promise<void>;
  readonly blobs: Blobs;
  readonly jobs: MirrorJobs;
  readonly check: ArchiveCheck;
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
/** Archives on their way in, of all upstreams together. */
const maxIncomingBytes = 256 * 1024 * 1024;

/** Everything that keeps what we serve fresh, and the order in which it happens. */
export class Engine {
  readonly known: readonly Known[];
  readonly served: Served;
  readonly fills: Fills;
  readonly provenances: ProvenanceFills;
  readonly restorations: Restorations;
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
  readonly #batches: Batches;
  #keeping: Promise<void> | undefined;
  #opened = false;
  #started = false;

  constructor(parts: EngineParts) {
    const { store, blobs, jobs, clock, log, check } = parts;
    const { signal } = this.#stop;
    const quiet = this.#quiet.signal;
    this.#parts = parts;
    this.clock = clock;
    this.blobs = blobs;
    const known = parts.upstreams.map((settings) => new Known(settings, { since: '' }, clock));
    this.known = known;
    const tables = new Tables(store, jobs);
    this.served = new Served('all', known, jobs, log);
    const committed = new Committed({ store, tables, clock, log, known });
    this.committed = committed;
    const onCommitted = () => this.#look();
    const batches = new Batches({ committed, tables, jobs, clock, log, known, onCommitted });
    this.#batches = batches;
    const turns = new Turns();
    const intake = new Intake(maxIncomingBytes);
    const fillParts = { store, blobs, batches, check, turns, intake, clock, log, signal };
    this.fills = new Fills(fillParts);
    this.provenances = new ProvenanceFills(fillParts);
    this.restorations = new Restorations(fillParts);
    const { fills, provenances } = this;
    const mayFill = () => !this.#started || this.lease.held;
    this.ahead = new Ahead({ fills, provenances, turns, batches, blobs, clock, log, signal: quiet, mayFill });
    const rechecks = new Rechecks({ fills, turns, batches, blobs, jobs, clock, log, signal: quiet });
    const onListed = (one: Known) => this.#afterListing(one);
    const onAdmitted = () => this.#look();
    const flush = () => batches.flush();
    const findHolding: Fills['findHolding'] = (...name) => fills.findHolding(...name);
    const hooks = { flush, findHolding, onListed, onAdmitted };
    this.syncs = new Syncs({ ...hooks, committed, tables, jobs, clock, log, signal });
    this.misses = new Misses({ syncs: this.syncs, turns, clock, signal });
    const { syncs, ahead } = this;
    const duties = { ...parts, known, syncs, ahead, rechecks, tables };
    this.lease = new Lease({
      ...parts,
      onTaken: (term) => doDuties(duties, AbortSignal.any([term, quiet])),
      notes: () => notesOf(known),
      onNotes: (notes) => adoptNotes(known, notes, clock.now()),
    });
  }

  /** Whether the store was read and what it holds is served. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Reads the store and serves what it holds; writes nothing. Rejects with 'store-failed' when it cannot be read. */
  async read(): Promise<void> {
    await this.#parts.prepareStore();
    await this.committed.open();
    await this.#look();
    this.#opened = true;
  }

  /** As `read`, and makes upstreams known to the store that are new. */
  async open(): Promise<void> {
    await this.read();
    // a store that cannot be written can still be served from
    await this.committed
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

  /** Follows what other processes commit and, when it is this one's turn, does the upstream work, until `stop`. */
  start(): void {
    const { signal } = this.#quiet;
    if (signal.aborted) return;
    this.#started = true;
    this.#keeping = this.lease.keep(signal);
    const { clock, log } = this.#parts;
    void repeat({ firstMs: followMs, everyMs: followMs, work: () => this.#follow(), clock, log, signal });
  }

  /** Goes ahead of any backoff. Rejects as `Syncs.sync` does. */
  syncNow(known: Known, options: SyncOptions): Promise<SyncReport> {
    this.ahead.hurry(known);
    return this.syncs.sync(known, options).finally(() => known.plannedAnew?.());
  }

  /** Takes the bytes that upstream promises now for a version of which others are held, and serves them. */
  async replace(known: Known, version: ChartVersion, held: Holding): Promise<Holding> {
    const kept = await this.fills.replace(known, version, held, 'request');
    await this.#batches.flush();
    return kept;
  }

  /** Begins nothing more by itself; what is under way, and what requests wait for, goes on. */
  quiesce(): void {
    this.#quiet.abort(stopping());
  }

  /** Ends what is under way, commits what was fetched, and leaves the upstream work to others. */
  async stop(): Promise<void> {
    this.quiesce();
    this.#stop.abort(stopping());
    const { syncs, fills, provenances, restorations, ahead } = this;
    await Promise.all([syncs, fills, provenances, restorations, ahead].map((part) => part.idle()));
    await this.#batches
      .flush()
      .catch((error: unknown) =>
        this.#parts.log.error({ err: error }, 'what was fetched last is not recorded; it is found again on use'),
      );
    await this.#keeping;
    await this.lease.release().catch(() => undefined);
  }

  /** Resolves when everything that is under way is done and committed. */
  async settled(): Promise<void> {
    await this.ahead.idle();
    await this.fills.idle();
    await this.provenances.idle();
    await this.#batches.flush();
  }

  async #follow(): Promise<void> {
    await this.committed.follow();
    const news = this.known.filter(({ unsurveyed }) => unsurveyed);
    // what could not be built is built again, although nothing more was committed
    if (news.length === 0 && !this.known.some(({ unserved }) => unserved)) return;
    await this.#look();
    for (const known of news) this.ahead.fill(known);
  }

  /** Serves a new listing, has a registry's tags described, and begins to fill what the policy wants. */
  async #afterListing(known: Known): Promise<void> {
    await this.#look();
    const described = this.ahead.describe(known).then(() => this.ahead.fill(known));
    const late = () => new Fault('unavailable', 'its tags are still being described, and that goes on', '');
    await waitAtMost(described, describeWaitMs, this.clock, late).catch((error: unknown) => {
      const { message } = asFault(error, () => late());
      this.#parts.log.info({ upstream: known.name }, `${known.name}: ${message}`);
    });
  }

  /** Looks over what was committed, and serves it. What fails is tried again the next time. */
  async #look(): Promise<void> {
    await Promise.all(this.known.filter(({ unsurveyed }) => unsurveyed).map((known) => this.#survey(known)));
    const isNews = this.known.some(({ unserved }) => unserved);
    // without news of our own, somebody else may be building the index that says ours
    await (isNews ? this.served.rebuild() : this.served.idle());
  }

  async #survey(known: Known): Promise<void> {
    known.unsurveyed = false;
    try {
      known.survey = await this.#parts.jobs.run('survey', { ...known.member, policy: known.settings.mirror });
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
