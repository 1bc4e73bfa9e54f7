import { isWithdrawn, type Catalog, type ChartVersion } from './catalog.ts';
import type { Snapshot } from './holding.ts';
import { nameFilter } from './names.ts';

/** Which of its versions an upstream may offer. Plain data, which crosses to threads. */
export interface OfferRules {
  /** Names and globs of charts, as `nameFilter` reads them. */
  readonly charts: readonly string[];
  /** Whether versions that upstream no longer lists are offered still. */
  readonly withdrawn: 'keep' | 'drop';
  /** What nobody may fetch any more is no offer. */
  readonly heldOnly: boolean;
}

/** One upstream of a repository: what it lists, what is held of it, and which of that it may offer. */
export class Offering {
  readonly catalog: Catalog;
  readonly snapshot: Snapshot;
  readonly #rules: OfferRules;
  readonly #mayName: (chart: string) => boolean;

  constructor(catalog: Catalog, snapshot: Snapshot, rules: OfferRules) {
    this.catalog = catalog;
    this.snapshot = snapshot;
    this.#rules = rules;
    this.#mayName = nameFilter(rules.charts);
  }

  /** Whether it may provide a chart of this name. */
  mayName(chart: string): boolean {
    return this.#mayName(chart);
  }

  /** Whether a version of a chart that it provides is offered. Tags that turned out to be no charts never are. */
  offers(version: ChartVersion): boolean {
    if (version.claims.every((claim) => claim.refused !== undefined)) return false;
    if (this.#rules.withdrawn === 'drop' && isWithdrawn(version)) return false;
    return !this.#rules.heldOnly || this.snapshot.find(version.chart, version.version) !== undefined;
  }

  /** Whether a version that is held is offered. Nothing is looked up where no rule can be against it. */
  offersHeld(chart: string, version: string): boolean {
    return this.#rules.withdrawn === 'keep' || this.find(chart, version) !== undefined;
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
