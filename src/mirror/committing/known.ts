import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import { Catalog, emptyCatalog } from '../../chart/catalog.ts';
import type { KnownClaim } from '../../chart/claim.ts';
import type { Validator } from '../../chart/claim.ts';
import type { Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { currentOf, emptySnapshot, Snapshot, type KeptVersion } from '../../chart/holding.ts';
import { Offering, type OfferRules } from '../../chart/offering.ts';
import type { Survey } from '../../chart/survey.ts';
import type { IndexMember } from '../../formats/index-rendering.ts';
import type { Clock } from '../../lib/clock.ts';
import type { SharedTable } from '../../lib/shared-table.ts';
import { Tally } from '../../lib/tally.ts';
import { noteUnseenGarbage } from '../../lib/unseen-garbage.ts';
import { offerRulesOf, type UpstreamSettings } from '../settings.ts';
import { Brake } from './brake.ts';
import { Failures } from './failures.ts';
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
  /** Tells it apart from others of its name. */
  readonly id = randomUUID();
  readonly settings: UpstreamSettings;
  readonly rules: OfferRules;
  /** Versions that could not be fetched ahead. */
  readonly failures: Failures;
  /** Whether it wants to be left alone. */
  readonly brake: Brake;
  /** How syncs and fills ended, for the metrics. */
  readonly syncs: Tally;
  readonly fills: Tally;
  record: UpstreamRecord;
  offering: Offering;
  /** Why what the store has of it cannot be used: nothing may be committed then, since it would forget. */
  damage: Fault | undefined;
  survey: Survey | undefined;
  /** The catalog that the same listing again does not change. */
  steady: Digest | undefined;
  /** Committed, but not looked over yet. */
  unsurveyed = true;
  /** How often something was committed that an index may have to say. */
  news = 0;
  /** Validators of the last answer; newer than the record's when an answer changed nothing. */
  validator: Validator | undefined;
  rejected: Readonly<Record<string, number>>;
  attempts: Attempts;
  /** Has the schedule work out anew when the next attempt is. Only while it waits for one. */
  plannedAnew: (() => void) | undefined;
  /** Described, not committed yet. */
  readonly described: KnownClaim[];
  /** Held, not committed yet. */
  readonly fresh: Map<string, KeptVersion>;
  readonly #decoded = new Map<string, KeptVersion>();
  readonly #term = new AbortController();
  #successor: Known | undefined;

  /** `before` is what was known under its earlier settings: what is under way there is not lost here. */
  constructor(settings: UpstreamSettings, clock: Clock, before?: Known) {
    const past = before ?? nothingYet();
    // what went wrong at one address says nothing of another
    const there = past.settings?.url === settings.url ? past : nothingYet();
    this.settings = settings;
    this.rules = offerRulesOf(settings);
    this.failures = there.failures ?? new Failures(clock);
    this.brake = new Brake(settings.name, clock);
    this.brake.limitUntil(there.brake?.limitedUntil ?? 0);
    this.syncs = past.syncs;
    this.fills = past.fills;
    this.described = there.described;
    this.fresh = past.fresh;
    this.record = past.record;
    this.rejected = past.rejected;
    this.damage = past.damage;
    this.attempts = { failures: 0 };
    this.offering = new Offering(past.catalog, past.snapshot, this.rules);
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
  get member(): IndexMember {
    const { catalog, snapshot } = this.record;
    const edition = `${catalog ?? ''} ${snapshot ?? ''}`;
    return { name: this.name, catalog: this.catalog.table, snapshot: this.snapshot.table, edition, rules: this.rules };
  }

  /** Ends when these settings hold no more: others took their place, or nobody wants this upstream any more. */
  get term(): AbortSignal {
    return this.#term.signal;
  }

  /** The one whose settings hold now: itself, also when nobody wants this upstream any more. */
  get latest(): Known {
    return this.#successor?.latest ?? this;
  }

  /** Ends its term, and hands over to another one of its name. What is under way for requests goes on; no listing does. */
  dismiss(successor?: Known): void {
    this.#successor = successor;
    if (successor) successor.#takeOver(this);
    const message = `${this.name}: its configuration was changed meanwhile.`;
    this.#term.abort(new Fault('unavailable', message, 'Try again.', { retryAfterMs: 1_000 }));
  }

  /** An operator had a hand in it: what failed is tried now, unless upstream said when. */
  #takeOver({ settings: { url }, attempts, record, rejected }: Known): void {
    const isThere = url === this.settings.url;
    const { fault, nextAttemptMs, failures, ...times } = attempts;
    const isLimited = fault?.code === 'rate-limited' && nextAttemptMs !== undefined;
    const troubles = isThere && fault ? { fault, failures, ...(isLimited && { nextAttemptMs }) } : { failures: 0 };
    this.attempts = { ...times, ...troubles };
    if (record.catalog === this.record.catalog) this.rejected = rejected;
    this.failures.hurry();
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
    // about as much as the one whose place it takes
    noteUnseenGarbage(bytesOf(tables.catalog));
    const catalog = tables.catalog ? new Catalog(tables.catalog) : this.catalog;
    const snapshot = tables.snapshot ? new Snapshot(tables.snapshot) : this.snapshot;
    this.offering = new Offering(catalog, snapshot, this.rules);
    this.damage = undefined;
    this.#decoded.clear();
    if (foreign && tables.snapshot) for (const kept of this.fresh.values()) this.#catchUp(kept);
  }

  /** Whether a verdict has lapsed since it was looked over: epoch milliseconds. */
  isLapsed(nowMs: number): boolean {
    return (this.survey?.lapsesMs ?? Infinity) <= nowMs;
  }

  /** Whether the store knows it. */
  get isRegistered(): boolean {
    return this.record.since !== '';
  }

  /** The store knows it no more: it is as new as one that was just configured. */
  forget(): void {
    this.record = { since: '' };
    this.validator = undefined;
    this.steady = undefined;
    this.rejected = {};
    this.damage = undefined;
    this.described.length = 0;
    this.fresh.clear();
    this.#decoded.clear();
    this.offering = new Offering(emptyCatalog, emptySnapshot, this.rules);
    this.unsurveyed = true;
    this.news += 1;
  }

  /** What others committed meanwhile is not forgotten for what was fetched here, and what they accepted goes before it. */
  #catchUp(kept: KeptVersion): void {
    const committed = this.snapshot.find(kept.chart, kept.version);
    if (!committed) return;
    const key = keyOf(kept.chart, kept.version);
    const counts = currentOf(committed, kept);
    const isCommitted = counts.archive.digest !== kept.archive.digest || isDeepStrictEqual(counts, committed);
    if (isCommitted) this.fresh.delete(key);
    else this.fresh.set(key, counts);
  }

  /** What another address answered says nothing about this one. */
  #validatorOf({ url, validator }: UpstreamRecord): Validator | undefined {
    return url === this.settings.url ? validator : undefined;
  }

  /** Of the holdings of this process it is known whether they change what the index says: they do where only they are offered. */
  #noteNews({ catalog, snapshot }: Tables, foreign: boolean): void {
    this.unsurveyed ||= catalog !== undefined || snapshot !== undefined;
    if (catalog !== undefined || ((foreign || this.rules.heldOnly) && snapshot !== undefined)) this.news += 1;
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

type Past = Pick<Known, 'syncs' | 'fills' | 'described' | 'fresh' | 'record' | 'rejected' | 'damage'> &
  Pick<Known, 'catalog' | 'snapshot'> &
  Partial<Pick<Known, 'settings' | 'failures' | 'brake'>>;

function nothingYet(): Past {
  const tallies = { syncs: new Tally(), fills: new Tally() };
  const tables = { record: { since: '' }, damage: undefined, catalog: emptyCatalog, snapshot: emptySnapshot };
  return { ...tallies, ...tables, described: [], fresh: new Map<string, KeptVersion>(), rejected: {} };
}

/** One name for a chart version within an upstream. */
export function keyOf(chart: string, version: string): string {
  return `${chart}/${version}`;
}

function bytesOf(table: SharedTable | undefined): number {
  return table?.texts.reduce((sum, { byteLength }) => sum + byteLength, 0) ?? 0;
}
