import { Catalog, emptyCatalog, type KnownClaim } from '../chart/catalog.ts';
import type { Validator } from '../chart/catalog.ts';
import type { Digest } from '../chart/digest.ts';
import type { Fault } from '../chart/fault.ts';
import { currentOf, emptySnapshot, Snapshot, type KeptVersion } from '../chart/holding.ts';
import { Offering, type OfferRules } from '../chart/offering.ts';
import type { Survey } from '../chart/survey.ts';
import type { Clock } from '../lib/clock.ts';
import type { SharedTable } from '../lib/shared-table.ts';
import { Tally } from '../lib/tally.ts';
import { Brake } from './brake.ts';
import { Failures } from './failures.ts';
import type { UpstreamSettings } from './settings.ts';
import type { UpstreamRecord } from './state.ts';

/** How the attempts at an upstream went. Times in milliseconds since the epoch. */
export interface Attempts {
  readonly lastAttemptMs?: number;
  readonly lastSuccessMs?: number;
  readonly nextAttemptMs?: number;
  readonly failures: number;
  /** Until when the tags of a registry were looked at again. */
  readonly checkedMs?: number;
  readonly fault?: Fault;
}

/** What was replaced. */
interface Tables {
  readonly catalog: SharedTable | undefined;
  readonly snapshot: SharedTable | undefined;
}

const maxDecoded = 20_000;

/**
 * Everything known of one upstream in this process: what was committed, what was fetched since, how attempts went.
 * Committed tables are replaced whole.
 */
export class Known {
  readonly settings: UpstreamSettings;
  readonly rules: OfferRules;
  /** Versions that could not be fetched ahead. */
  readonly failures: Failures;
  /** Whether it wants to be left alone. */
  readonly brake: Brake;
  /** How syncs and fills ended, for the metrics. */
  readonly syncs = new Tally();
  readonly fills = new Tally();
  record: UpstreamRecord;
  offering: Offering;
  /** Why what the store has of it cannot be used: nothing may be committed then, since it would forget. */
  damage: Fault | undefined;
  survey: Survey | undefined;
  /** The catalog that the same listing again does not change. */
  steady: Digest | undefined;
  /** Committed, but not looked over yet. */
  unsurveyed = true;
  /** Committed, and the index does not say it yet. */
  unserved = true;
  /** Validators of the last answer; newer than the record's when an answer changed nothing. */
  validator: Validator | undefined;
  rejected: Readonly<Record<string, number>> = {};
  attempts: Attempts = { failures: 0 };
  /** Has the schedule work out anew when the next attempt is. Only while it waits for one. */
  plannedAnew: (() => void) | undefined;
  /** Described, not committed yet. */
  readonly described: KnownClaim[] = [];
  /** Held, not committed yet. */
  readonly fresh = new Map<string, KeptVersion>();
  readonly #decoded = new Map<string, KeptVersion>();

  constructor(settings: UpstreamSettings, record: UpstreamRecord, clock: Clock) {
    const { charts, withdrawn, retired } = settings;
    this.settings = settings;
    this.rules = { charts, withdrawn, heldOnly: retired };
    this.failures = new Failures(clock);
    this.brake = new Brake(settings.name, clock);
    this.record = record;
    this.offering = new Offering(emptyCatalog, emptySnapshot, this.rules);
  }

  get name(): string {
    return this.settings.name;
  }

  get catalog(): Catalog {
    return this.offering.catalog;
  }

  get snapshot(): Snapshot {
    return this.offering.snapshot;
  }

  /** How it crosses to a thread. */
  get member(): { readonly catalog: SharedTable; readonly snapshot: SharedTable; readonly rules: OfferRules } {
    return { catalog: this.catalog.table, snapshot: this.snapshot.table, rules: this.rules };
  }

  /** Whether it was ever listed. */
  get listed(): boolean {
    return this.record.catalog !== undefined;
  }

  /** Takes over what was committed: by this process, or, `foreign`, by another one. */
  adopt(record: UpstreamRecord, tables: Tables, foreign: boolean): void {
    this.#noteNews(tables, foreign);
    if (record.catalog !== this.record.catalog || !this.validator) this.validator = this.#validatorOf(record);
    if (record.rejected) this.rejected = record.rejected;
    this.record = record;
    const catalog = tables.catalog ? new Catalog(tables.catalog) : this.catalog;
    const snapshot = tables.snapshot ? new Snapshot(tables.snapshot) : this.snapshot;
    this.offering = new Offering(catalog, snapshot, this.rules);
    this.damage = undefined;
    this.#decoded.clear();
    for (const kept of this.fresh.values()) this.#dropSuperseded(kept);
  }

  /** What others accepted meanwhile goes before what was fetched here. */
  #dropSuperseded(kept: KeptVersion): void {
    const committed = this.snapshot.find(kept.chart, kept.version);
    const counts = committed && currentOf(committed, kept);
    if (counts && counts.archive.digest !== kept.archive.digest) this.fresh.delete(keyOf(kept.chart, kept.version));
  }

  /** What another address answered says nothing about this one. */
  #validatorOf({ url, validator }: UpstreamRecord): Validator | undefined {
    return url === this.settings.url ? validator : undefined;
  }

  /** Of the holdings of this process it is known whether they change what the index says. */
  #noteNews({ catalog, snapshot }: Tables, foreign: boolean): void {
    this.unsurveyed ||= catalog !== undefined || snapshot !== undefined;
    this.unserved ||= catalog !== undefined || (foreign && snapshot !== undefined);
  }

  /** Adds what was held since the last commit, unless something better is known. */
  hold(kept: KeptVersion): void {
    const earlier = this.held(kept.chart, kept.version);
    this.fresh.set(keyOf(kept.chart, kept.version), earlier ? currentOf(earlier, kept) : kept);
  }

  /** What is held of a version, as far as this process knows without asking the store. */
  held(chart: string, version: string): KeptVersion | undefined {
    const key = keyOf(chart, version);
    const known = this.fresh.get(key) ?? this.#decoded.get(key);
    if (known) return known;
    const kept = this.snapshot.find(chart, version);
    if (kept) {
      if (this.#decoded.size >= maxDecoded) this.#decoded.clear();
      this.#decoded.set(key, kept);
    }
    return kept;
  }
}

/** One name for a chart version within an upstream. */
export function keyOf(chart: string, version: string): string {
  return `${chart}/${version}`;
}
