import type { Claim } from '../chart/catalog.ts';
import { asFault, Fault } from '../chart/fault.ts';
import type { Changes } from '../chart/reconcile.ts';
import { timestamp, type Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { Listing } from '../upstream/contract.ts';
import type { Committed } from './committed.ts';
import type { SyncReport } from './contract.ts';
import type { MirrorJobs } from './jobs.ts';
import type { Known } from './known.ts';
import { retrying } from './retry.ts';
import { recordOf, withUpstream, type UpstreamRecord } from './state.ts';
import type { Tables } from './tables.ts';

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
}

/** Attempts within this time after an upstream was configured are its first round. */
const firstRoundMs = 60_000;

const unchanged: Changes = { added: 0, withdrawn: 0, rewritten: 0 };

/** Refreshes catalogs: one sync per upstream at a time, whoever asks. */
export class Syncs {
  readonly #parts: SyncParts;
  readonly #flights = new SingleFlight<SyncReport>();
  readonly #begunMs = new Map<string, number>();

  constructor(parts: SyncParts) {
    this.#parts = parts;
  }

  /** Answers when the new listing is served. Rejects with the fault that the status shows from then on. */
  sync(known: Known): Promise<SyncReport> {
    return this.#flights.run(known.name, () => this.#sync(known));
  }

  /** The sync that is under way. */
  underWay(known: Known): Promise<SyncReport> | undefined {
    return this.#flights.underWay(known.name);
  }

  /** When the last one began, by `Clock.elapsed`. */
  begunMs(known: Known): number {
    return this.#begunMs.get(known.name) ?? -Infinity;
  }

  /** Adds a claim that was found by name, so that it is listed from then on. */
  async admit(known: Known, claim: Claim): Promise<void> {
    const { committed, tables, jobs, clock } = this.#parts;
    await committed.transact(async (state) => {
      const record = recordOf(state, known.name) ?? known.record;
      const found = [{ ...claim, since: timestamp(clock.now()) }];
      const admitted = await jobs.run('admit', { known: known.catalog.table, found });
      if (admitted.digest === record.catalog) return undefined;
      return withUpstream(state, known.name, { ...record, catalog: await tables.save('catalog', admitted) });
    });
    await this.#parts.onListed(known);
  }

  idle(): Promise<void> {
    return this.#flights.idle();
  }

  async #sync(known: Known): Promise<SyncReport> {
    const { clock, log } = this.#parts;
    const startedMs = clock.elapsed();
    this.#begunMs.set(known.name, startedMs);
    known.attempts = { ...known.attempts, lastAttemptMs: clock.now() };
    try {
      const changes = await this.#list(known);
      await this.#parts.onListed(known);
      if (!known.settings.unlisted && !offersAnything(known)) throw nothingThere(known, known.rejected);
      const { fault: _, ...attempts } = known.attempts;
      known.attempts = { ...attempts, failures: 0, lastSuccessMs: clock.now() };
      const report = this.#report(known, changes, Math.round(clock.elapsed() - startedMs));
      log.info({ ...report }, 'synced');
      return report;
    } catch (error) {
      throw this.#fail(known, error);
    }
  }

  async #list(known: Known): Promise<Changes | undefined> {
    const { clock, signal } = this.#parts;
    const listing = await retrying(() => known.settings.upstream.list(known.validator, signal), {
      attempts: known.settings.retries,
      clock,
      signal,
    });
    if (listing !== 'unchanged') return this.#commit(known, listing);
    if (known.steady === known.record.catalog) return undefined;
    const changes = await this.#reconcile(known, undefined);
    if (!changes) known.steady = known.record.catalog;
    return changes;
  }

  async #commit(known: Known, listing: Listing): Promise<Changes | undefined> {
    if (!known.listed && listing.claims.text.byteLength === 0 && !known.settings.unlisted) {
      throw nothingThere(known, listing.rejected);
    }
    // what was found by name is not missing from a listing that lists nothing
    if (known.listed && listing.claims.text.byteLength === 0 && known.settings.unlisted) return undefined;
    if (known.fresh.size > 0) await this.#parts.flush();
    const changes = await this.#reconcile(known, listing);
    known.validator = listing.validator;
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
  async #reconcile(known: Known, listing: Listing | undefined): Promise<Changes | undefined> {
    const { committed, tables, jobs, clock } = this.#parts;
    let changes: Changes | undefined;
    await committed.transact(async (state) => {
      const record = recordOf(state, known.name) ?? known.record;
      const { catalog: before, snapshot, fresh } = known;
      const held = { held: snapshot.table, fresh: [...fresh.values()] };
      const input = { ...held, known: before.table, now: this.#dateOfNews(record) };
      const reconciled = await (listing
        ? jobs.run('reconcile', { ...input, listed: listing.claims })
        : jobs.run('repeat', input));
      changes = undefined;
      if (reconciled.digest === record.catalog) return undefined;
      changes = reconciled.changes;
      const catalog = await tables.save('catalog', reconciled);
      const said = listing && { url: known.settings.url, validator: listing.validator, rejected: listing.rejected };
      return withUpstream(state, known.name, { ...record, ...said, catalog, listedAt: timestamp(clock.now()) });
    });
    return changes;
  }

  /** What a first round brings counts from when the upstream was configured, so that upstreams configured together tie. */
  #dateOfNews(record: UpstreamRecord): string {
    const nowMs = this.#parts.clock.now();
    const isFirst = record.catalog === undefined;
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
    const fault = asFault(error, (other) => {
      log.error({ upstream: known.name, err: other }, 'a sync failed in an unexpected way');
      return new Fault('upstream-failed', `${known.name}: the sync failed.`, 'The log has the details.', {
        cause: other,
      });
    });
    known.attempts = { ...known.attempts, failures: known.attempts.failures + 1, fault };
    log.warn({ upstream: known.name, code: fault.code, advice: fault.advice }, fault.message);
    return fault;
  }
}

/** Whether anything is left of what was listed: not all of it excluded, and not all of it something else than charts. */
function offersAnything({ catalog, survey, offers }: Known): boolean {
  if (survey?.versions === 0) return false;
  for (const chart of catalog.charts()) if (offers(chart)) return true;
  return false;
}

function nothingThere(known: Known, rejected: Listing['rejected']): Fault {
  const dropped = Object.values(rejected).reduce((sum, count) => sum + count, 0);
  const what = known.listed ? 'nothing it lists is a chart we are to offer' : 'the first listing has no charts';
  return new Fault(
    'no-charts-found',
    `${known.name}: ${what}${dropped > 0 ? ` (${dropped} rows were dropped)` : ''}.`,
    'Check the url and the charts option; an empty repository is listed as soon as it has a chart.',
  );
}
