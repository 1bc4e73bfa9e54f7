import { setImmediate as breathe } from 'node:timers/promises';

import { absencesUntilWithdrawn } from '../../chart/catalog.ts';
import type { Claim } from '../../chart/claim.ts';
import { asFault, Fault } from '../../chart/fault.ts';
import type { Changes, VersionName } from '../../chart/reconcile.ts';
import { timestamp, type Clock } from '../../lib/clock.ts';
import { Limiter } from '../../lib/limiter.ts';
import type { Log } from '../../lib/log.ts';
import { sizeOf } from '../../lib/shared-table.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import type { Listing } from '../../upstream/contract.ts';
import type { Committed } from '../committing/committed.ts';
import type { Known } from '../committing/known.ts';
import { recordOf, withUpstream, type UpstreamRecord } from '../committing/state.ts';
import type { Tables } from '../committing/tables.ts';
import type { SyncReport } from '../contract/operator.ts';
import { retrying } from '../fetching/retry.ts';
import type { MirrorJobs } from '../jobs.ts';
import { nothingThere, retired, rewrittenAdvice, shrunken } from './listing-faults.ts';

export interface SyncParts {
  readonly committed: Committed;
  readonly tables: Tables;
  readonly jobs: MirrorJobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Commits what is held, so that a listing that rewrites it finds it held. */
  readonly flush: () => Promise<void>;
  /** What follows a listing before the sync is answered: it is looked over, described and served. */
  readonly onListed: (known: Known) => Promise<void>;
  /** A holding that is in no snapshot yet; what is found counts as held from then on. */
  readonly findHolding: (known: Known, chart: string, version: string) => Promise<unknown>;
  /** What follows what was found by name: it is served, and described when it is fetched. */
  readonly onAdmitted: () => Promise<void>;
}

/** Attempts within this time after an upstream was configured are its first round. */
const firstRoundMs = 60_000;
/** Records that are looked for at once. */
const maxLooks = 16;

const unchanged: Changes = { added: 0, withdrawn: 0, rewritten: 0, changed: 0 };

/** How one sync differs from the usual ones. */
export interface SyncOptions {
  /** Lets a listing through that lacks more than it may; what it lacks is withdrawn at once. */
  readonly acceptShrink?: boolean;
  /** A client asked for what is not there: however often that happens, what is missing is not counted as missing. */
  readonly forRequest?: boolean;
}

/** Refreshes catalogs: one sync per upstream at a time, whoever asks. */
export class Syncs {
  readonly #parts: SyncParts;
  readonly #flights = new SingleFlight<SyncReport, Known>();
  readonly #begunMs = new WeakMap<Known, number>();

  constructor(parts: SyncParts) {
    this.#parts = parts;
  }

  /** Answers when the new listing is served. Rejects with the fault that the status shows from then on. */
  async sync(known: Known, options: SyncOptions = {}): Promise<SyncReport> {
    // one that is under way accepts nothing
    while (options.acceptShrink && this.underWay(known)) await this.underWay(known)?.catch(() => undefined);
    try {
      return await this.#flights.run(known, () => this.#sync(known, options));
    } catch (error) {
      // whoever waits is not to know that the configuration was changed meanwhile
      if (known.latest === known) throw error;
      return this.sync(known.latest, options);
    }
  }

  /** The sync that is under way. */
  underWay(known: Known): Promise<SyncReport> | undefined {
    return this.#flights.underWay(known);
  }

  /** When the last one began, by `Clock.elapsed`. */
  begunMs(known: Known): number {
    return this.#begunMs.get(known) ?? -Infinity;
  }

  /** Adds a claim that was found by name, so that it is listed from then on. */
  async admit(known: Known, claim: Claim): Promise<void> {
    const { committed, tables, jobs, clock } = this.#parts;
    await this.#requireDated(known);
    await committed.transact(async (state) => {
      requireWhole(known);
      // what was found by earlier settings is no news of these
      known.term.throwIfAborted();
      const record = recordOf(state, known.name) ?? known.record;
      const named = known.settings.unlisted ? ({ named: true } as const) : {};
      const found = [{ ...claim, ...named, since: timestamp(clock.now()) }];
      const admitted = await jobs.run('admit', { known: known.catalog.table, found });
      if (admitted.digest === record.catalog) return undefined;
      return withUpstream(state, known.name, { ...record, catalog: await tables.save('catalog', admitted) });
    });
    await this.#parts.onAdmitted();
  }

  idle(): Promise<void> {
    return this.#flights.idle();
  }

  async #sync(known: Known, options: SyncOptions): Promise<SyncReport> {
    if (known.settings.retired) throw retired(known);
    requireWhole(known);
    const { clock, log } = this.#parts;
    const startedMs = clock.elapsed();
    this.#begunMs.set(known, startedMs);
    known.attempts = { ...known.attempts, lastAttemptMs: clock.now() };
    try {
      const refusal = known.brake.refusal();
      if (refusal) throw refusal;
      const changes = await this.#list(known, options);
      known.term.throwIfAborted();
      await this.#parts.onListed(known);
      if (!known.settings.unlisted && !(await offersAnything(known))) throw nothingThere(known, known.rejected);
      const { fault: _, ...attempts } = known.attempts;
      known.attempts = { ...attempts, failures: 0, lastSuccessMs: clock.now() };
      const report = this.#report(known, changes, Math.round(clock.elapsed() - startedMs));
      known.syncs.add(report.unchanged ? 'unchanged' : 'changed');
      const { warnings } = known.settings;
      log.info({ ...report, ...(warnings.length > 0 && { warnings }) }, 'synced');
      if (report.rewritten > 0) log.warn({ upstream: known.name, versions: report.rewritten }, rewrittenAdvice(known));
      return report;
    } catch (error) {
      throw this.#fail(known, error);
    }
  }

  async #list(known: Known, options: SyncOptions): Promise<Changes | undefined> {
    const { clock } = this.#parts;
    const signal = AbortSignal.any([this.#parts.signal, known.term]);
    const asked = known.validator;
    const listing = await retrying(() => known.settings.upstream.list(asked, signal, known.catalog.table), {
      attempts: known.settings.retries,
      clock,
      signal,
    });
    if (!('unchanged' in listing)) return this.#commit(known, listing, options);
    // compared with what another process has replaced meanwhile
    if (known.validator !== asked) return undefined;
    if (options.forRequest || known.steady === known.record.catalog) {
      known.validator = listing.validator;
      return undefined;
    }
    const changes = await this.#reconcile(known, undefined, options);
    known.validator = listing.validator;
    if (!changes) known.steady = known.record.catalog;
    return changes;
  }

  async #commit(known: Known, listing: Listing, options: SyncOptions): Promise<Changes | undefined> {
    if (!known.listed && sizeOf(listing.claims) === 0 && !known.settings.unlisted) {
      throw nothingThere(known, listing.rejected);
    }
    if (known.fresh.size > 0) await this.#parts.flush();
    const changes = await this.#reconcile(known, listing, options);
    // what is missing from it is to be counted when it is listed in its turn
    if (!options.forRequest) known.validator = listing.validator;
    known.rejected = listing.rejected;
    if (listing.examples.length > 0) {
      const { rejected, examples } = listing;
      this.#parts.log.warn({ upstream: known.name, rejected, examples }, 'rows were dropped');
    }
    return changes;
  }

  /**
   * The catalog first, then the state that names it. Undefined, and nothing is written, when nothing changed. Without a
   * listing it is the last one again.
   */
  async #reconcile(known: Known, listing: Listing | undefined, options: SyncOptions): Promise<Changes | undefined> {
    const { committed, tables, jobs, clock } = this.#parts;
    await this.#requireDated(known);
    let changes: Changes | undefined;
    await committed.transact(async (state) => {
      const record = recordOf(state, known.name) ?? known.record;
      requireWhole(known);
      const now = this.#dateOfNews(record);
      const severity = severityOf(known, listing !== undefined, options);
      const reconcile = () => {
        const { catalog: before, snapshot, fresh, settings } = known;
        const rows = { known: before.table, held: snapshot.table, fresh: [...fresh.values()] };
        const input = { ...rows, charts: settings.charts, now, ...severity };
        return listing ? jobs.run('reconcile', { ...input, listed: listing.claims }) : jobs.run('repeat', input);
      };
      let reconciled = await reconcile();
      if ('replaced' in reconciled && (await this.#isHeldAfterAll(known, reconciled.replaced))) {
        reconciled = await reconcile();
      }
      changes = undefined;
      if ('known' in reconciled) throw shrunken(known, reconciled);
      if (reconciled.digest === record.catalog) return undefined;
      changes = reconciled.changes;
      const catalog = await tables.save('catalog', reconciled);
      const said = listing && saidOf(known, record, listing, options);
      // what another address listed is no news of this one
      known.term.throwIfAborted();
      return withUpstream(state, known.name, { ...record, ...said, catalog, listedAt: timestamp(clock.now()) });
    });
    return changes;
  }

  /** The store may not have taken it when it was configured. */
  async #requireDated({ name }: Known): Promise<void> {
    const { committed } = this.#parts;
    if (!recordOf(committed.state, name)) await committed.register();
  }

  /** Whether a process that died, or one that did not commit yet, holds some of these. They count as held from now on. */
  async #isHeldAfterAll(known: Known, names: readonly VersionName[]): Promise<boolean> {
    const limiter = new Limiter(maxLooks);
    const look = ([chart, version]: VersionName) => limiter.run(() => this.#parts.findHolding(known, chart, version));
    return (await Promise.all(names.map(look))).some((holding) => holding !== undefined);
  }

  /** What a first round brings counts from when the upstream was configured, so that upstreams configured together tie. */
  #dateOfNews(record: UpstreamRecord): string {
    const nowMs = this.#parts.clock.now();
    const isFirst = record.listedAt === undefined;
    return isFirst && nowMs - Date.parse(record.since) <= firstRoundMs ? record.since : timestamp(nowMs);
  }

  #report(known: Known, changes: Changes | undefined, durationMs: number): SyncReport {
    return {
      upstream: known.name,
      unchanged: changes === undefined,
      charts: known.survey?.charts ?? 0,
      versions: known.survey?.versions ?? 0,
      ...(changes ?? unchanged),
      rejected: known.rejected,
      durationMs,
    };
  }

  #fail(known: Known, error: unknown): Fault {
    const { signal, log } = this.#parts;
    if (signal.aborted) return new Fault('unavailable', 'The server is stopping.', 'Ask another replica.');
    // nobody is told how it went under settings that hold no more
    if (known.term.aborted) return asFault(known.term.reason, () => retired(known));
    const fault = asFault(error, (other) => {
      log.error({ upstream: known.name, err: other }, 'a sync failed in an unexpected way');
      return new Fault('upstream-failed', `${known.name}: the sync failed.`, 'The log has the details.', {
        cause: other,
      });
    });
    known.attempts = { ...known.attempts, failures: known.attempts.failures + 1, fault };
    known.syncs.add(fault.code);
    known.brake.note(fault);
    log.warn({ upstream: known.name, code: fault.code, advice: fault.advice }, fault.message);
    return fault;
  }
}

/** Versions looked at without a pause: about a millisecond. */
const versionsAtOnce = 200;

/** Whether anything is left of what was listed: not all of it excluded, and not all of it something else than charts. */
async function offersAnything({ offering, survey }: Known): Promise<boolean> {
  if (survey?.versions === 0) return false;
  let looked = 0;
  for (const chart of offering.catalog.charts()) {
    for (const version of offering.catalog.spellings(chart)) {
      if (offering.mayHave(chart, version)) return true;
      looked += 1;
      if (looked % versionsAtOnce === 0) await breathe();
    }
  }
  return false;
}

/** What the state keeps of a listing. An answer to a client counts no absence, so the next in turn must be a whole one. */
function saidOf({ settings: { url } }: Known, record: UpstreamRecord, listing: Listing, options: SyncOptions) {
  const before = record.url === url ? record.validator : undefined;
  return { url, rejected: listing.rejected, validator: options.forRequest ? before : listing.validator };
}

/** How hard a listing is on what it lacks, and when that is too much. A listing that was let through once stays so. */
function severityOf({ settings }: Known, isNew: boolean, { acceptShrink = false, forRequest = false }: SyncOptions) {
  const isGuarded = settings.withdrawn === 'drop' && isNew && !acceptShrink;
  const usual = forRequest ? absencesUntilWithdrawn + 1 : absencesUntilWithdrawn;
  return { patience: acceptShrink ? 1 : usual, maxLoss: isGuarded ? settings.maxShrink : 1 };
}

/** What is made of tables that are not the committed ones would forget. */
function requireWhole({ damage }: Known): void {
  if (damage) throw damage;
}
