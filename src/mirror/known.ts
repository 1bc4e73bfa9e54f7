import { Catalog, emptyCatalog, type KnownClaim } from '../chart/catalog.ts';
import type { Validator } from '../chart/catalog.ts';
import type { Digest } from '../chart/digest.ts';
import type { Fault } from '../chart/fault.ts';
import { emptySnapshot, Snapshot, type KeptVersion } from '../chart/holding.ts';
import { nameFilter } from '../chart/names.ts';
import type { Survey } from '../chart/survey.ts';
import type { SharedTable } from '../lib/shared-table.ts';
import type { UpstreamSettings } from './settings.ts';
import type { UpstreamRecord } from './state.ts';

/** How the attempts at an upstream went. Times in milliseconds since the epoch. */
export interface Attempts {
  readonly lastAttemptMs?: number;
  readonly lastSuccessMs?: number;
  readonly nextAttemptMs?: number;
  readonly failures: number;
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
  /** Whether it may offer a chart of this name. */
  readonly offers: (chart: string) => boolean;
  record: UpstreamRecord;
  catalog: Catalog = emptyCatalog;
  snapshot: Snapshot = emptySnapshot;
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
  /** Described, not committed yet. */
  readonly described: KnownClaim[] = [];
  /** Held, not committed yet. */
  readonly fresh = new Map<string, KeptVersion>();
  readonly #decoded = new Map<string, KeptVersion>();

  constructor(settings: UpstreamSettings, record: UpstreamRecord) {
    this.settings = settings;
    this.offers = nameFilter(settings.charts);
    this.record = record;
  }

  get name(): string {
    return this.settings.name;
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
    if (tables.catalog) this.catalog = new Catalog(tables.catalog);
    if (tables.snapshot) this.snapshot = new Snapshot(tables.snapshot);
    this.#decoded.clear();
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
