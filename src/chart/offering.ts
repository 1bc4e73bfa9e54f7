import { isWithdrawn, type Catalog, type ChartVersion } from './catalog.ts';
import type { KeptVersion, Snapshot } from './holding.ts';
import { nameFilter } from './names.ts';
import { versionFilter, type VersionRules } from './ranges.ts';
import { lapsesMs, verdictBy, type Verdict, type VerifyMode, type VerifyRules } from './verdict.ts';

/** Which of its versions an upstream may offer. Plain data, which crosses to threads and into the store. */
export interface OfferRules {
  /** Names and globs of charts, as `nameFilter` reads them. */
  readonly charts: readonly string[];
  readonly versions: VersionRules;
  /** Whether versions that upstream no longer lists are offered still. */
  readonly withdrawn: 'keep' | 'drop';
  /** What nobody may fetch any more is no offer. */
  readonly heldOnly: boolean;
  /** How provenance is checked; absent where it is not. */
  readonly verify?: VerifyRules | undefined;
}

/** Why an upstream does not offer a version that it lists. */
export type OfferRule = 'not-a-chart' | 'charts' | 'versions' | 'withdrawn' | 'retired' | 'verify';

/** One upstream of a repository: what it lists, what is held of it, and which of that it may offer. */
export class Offering {
  readonly catalog: Catalog;
  readonly snapshot: Snapshot;
  /** Whether it may provide a chart of this name. */
  readonly mayName: (chart: string) => boolean;
  readonly #rules: OfferRules;
  readonly #mayHave: (chart: string, version: string) => boolean;

  constructor(catalog: Catalog, snapshot: Snapshot, rules: OfferRules) {
    this.catalog = catalog;
    this.snapshot = snapshot;
    this.#rules = rules;
    this.mayName = nameFilter(rules.charts);
    this.#mayHave = versionFilter(rules.versions);
  }

  /** Whether it may provide this version of a chart, listed or not. */
  mayHave(chart: string, version: string): boolean {
    return this.mayName(chart) && this.#mayHave(chart, version);
  }

  /** Why a listed version is not offered; undefined when it is. */
  hiddenBy(version: ChartVersion): OfferRule | undefined {
    // tags that turned out to be no charts never are
    if (version.claims.every((claim) => claim.refused !== undefined)) return 'not-a-chart';
    if (!this.mayName(version.chart)) return 'charts';
    if (!this.#mayHave(version.chart, version.version)) return 'versions';
    if (this.#rules.withdrawn === 'drop' && isWithdrawn(version)) return 'withdrawn';
    return this.#hiddenAsHeld(version);
  }

  #hiddenAsHeld({ chart, version }: ChartVersion): 'retired' | 'verify' | undefined {
    if (!this.#rules.heldOnly && this.verifies !== 'require') return undefined;
    const held = this.snapshot.find(chart, version);
    if (!held) return this.#rules.heldOnly ? 'retired' : undefined;
    return this.admits(held) === false ? 'verify' : undefined;
  }

  /** What becomes of provenance that is not valid; undefined where it is not checked. */
  get verifies(): VerifyMode | undefined {
    return this.#rules.verify?.mode;
  }

  /** What was judged of a version by the keys that count now; undefined while nothing was, or nothing is to be. */
  verdictOf(kept: KeptVersion): Verdict | undefined {
    return verdictBy(this.#rules.verify, kept);
  }

  /** Whether the provenance of held bytes is still to be judged at a time, or to be judged again: epoch milliseconds. */
  awaitsVerdict(kept: KeptVersion, nowMs: number): boolean {
    if (this.verifies === undefined) return false;
    const verdict = this.verdictOf(kept);
    return verdict === undefined || lapsesMs(verdict) <= nowMs;
  }

  /** Whether held bytes may be offered for their provenance; undefined while that must be judged first. */
  admits(kept: KeptVersion): boolean | undefined {
    if (this.verifies !== 'require') return true;
    const verdict = this.verdictOf(kept);
    return verdict && verdict.result === 'valid';
  }

  /** Whether a version that is not refused may not leave before its provenance is judged. */
  mustBeJudged(kept: KeptVersion | undefined): boolean {
    return this.verifies === 'require' && (kept === undefined || this.admits(kept) === undefined);
  }

  /** Whether a listed version is offered. */
  offers(version: ChartVersion): boolean {
    return this.hiddenBy(version) === undefined;
  }

  /** One version by its exact text, if it is offered. */
  find(chart: string, version: string): ChartVersion | undefined {
    const found = this.catalog.find(chart, version);
    return found && this.offers(found) ? found : undefined;
  }

  /** The versions of a chart that are offered, newest first. */
  *versions(chart: string): IterableIterator<ChartVersion> {
    for (const version of this.catalog.versions(chart)) if (this.offers(version)) yield version;
  }
}
