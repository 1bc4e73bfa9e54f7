import { isWithdrawn, type Catalog, type ChartVersion } from './catalog.ts';
import type { Snapshot } from './holding.ts';
import { nameFilter } from './names.ts';
import { versionFilter, type VersionRules } from './ranges.ts';

/** Which of its versions an upstream may offer. Plain data, which crosses to threads and into the store. */
export interface OfferRules {
  /** Names and globs of charts, as `nameFilter` reads them. */
  readonly charts: readonly string[];
  readonly versions: VersionRules;
  /** Whether versions that upstream no longer lists are offered still. */
  readonly withdrawn: 'keep' | 'drop';
  /** What nobody may fetch any more is no offer. */
  readonly heldOnly: boolean;
}

/** Why an upstream does not offer a version that it lists. */
export type OfferRule = 'not-a-chart' | 'charts' | 'versions' | 'withdrawn' | 'retired';

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
    if (this.#rules.heldOnly && !this.snapshot.find(version.chart, version.version)) return 'retired';
    return undefined;
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
