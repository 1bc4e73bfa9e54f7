import { tableOf, TableReader, type SharedTable } from '../lib/shared-table.ts';
import {
  decodeClaim,
  decodeMemory,
  encodeClaim,
  isSeenBefore,
  type Claim,
  type KnownClaim,
  type Memory,
} from './claim.ts';
import type { Digest } from './digest.ts';
import { compareText, newestFirst, sortable } from './version.ts';

/** One chart version with everything claimed of it, in upstream's order: the first speaks until bytes are held. */
export interface ChartVersion {
  readonly chart: string;
  readonly version: string;
  readonly claims: readonly KnownClaim[];
}

/** After this many good listings without it a version counts as withdrawn. */
export const absencesUntilWithdrawn = 3;

/** Whether upstream no longer has this version. */
export function isWithdrawn(version: ChartVersion): boolean {
  return version.claims.every((claim) => (claim.missing ?? 0) >= absencesUntilWithdrawn);
}

/** Later than any time: of what was never seen. */
export const neverSeen = '9999';

/**
 * When a version was first seen: RFC 3339 in UTC with whole seconds, which orders as text. `neverSeen` when it is no
 * chart. What a rule hides was seen.
 */
export function firstSightOf({ claims }: ChartVersion): string {
  return claims.reduce(earlier, neverSeen);
}

function earlier(first: string, { since = '', refused }: Memory): string {
  return refused === undefined && since < first ? since : first;
}

/** Whether everything that upstream lists now promises other bytes than the ones held. No digest promises nothing. */
export function isRewritten(claims: readonly KnownClaim[], held: Digest): boolean {
  const present = claims.filter((claim) => !claim.missing);
  return present.length > 0 && present.every((claim) => claim.digest !== undefined && claim.digest !== held);
}

/**
 * What one upstream offers: charts in the order of their names, versions newest first. Immutable, in shared memory;
 * a row becomes an object only when it is asked for.
 */
export class Catalog {
  readonly #rows: TableReader;
  readonly #sights = new Map<string, readonly Sight[]>();
  #firstListing: string | undefined;

  constructor(table: SharedTable) {
    this.#rows = new TableReader(table);
  }

  get table(): SharedTable {
    return this.#rows.table;
  }

  /** Chart names in order. */
  charts(): IterableIterator<string> {
    return this.#rows.groups();
  }

  has(chart: string): boolean {
    return this.#rows.linesOf(chart) !== undefined;
  }

  /** One version by its exact text. */
  find(chart: string, version: string): ChartVersion | undefined {
    const lines = this.#rows.find(chart, version);
    return lines && { chart, version, claims: this.#claims(lines) };
  }

  /** The texts of a chart's versions of which something that is claimed has this digest. */
  naming(chart: string, digest: Digest): readonly string[] {
    return [...new Set(this.#rows.linesWith(chart, digest).map((line) => decodeClaim(line).version))];
  }

  /** A chart's versions, newest first. */
  *versions(chart: string): IterableIterator<ChartVersion> {
    const lines = this.#rows.linesOf(chart);
    if (!lines) return;
    let claims: KnownClaim[] = [];
    for (let at = lines[0]; at < lines[1]; at += 1) {
      const claim = decodeClaim(this.#rows.line(at));
      const previous = claims[0];
      if (previous && previous.version !== claim.version) {
        yield { chart, version: previous.version, claims };
        claims = [];
      }
      claims.push(claim);
    }
    if (claims[0]) yield { chart, version: claims[0].version, claims };
  }

  /** The texts of a chart's versions, newest first; those that several rows have, several times. */
  *spellings(chart: string): IterableIterator<string> {
    const [first, end] = this.#rows.linesOf(chart) ?? [0, 0];
    for (let at = first; at < end; at += 1) yield this.#rows.column(at, 1);
  }

  /** The texts of a chart's versions, newest first, each with its first sight as `firstSightOf` says it. Read once. */
  sights(chart: string): readonly Sight[] {
    const known = this.#sights.get(chart);
    if (known) return known;
    const sights = [...this.#readSights(chart)];
    // strangers can ask for any name
    if (sights.length > 0) this.#sights.set(chart, sights);
    return sights;
  }

  *#readSights(chart: string): IterableIterator<Sight> {
    const [start, end] = this.#rows.linesOf(chart) ?? [0, 0];
    for (let at = start; at < end;) {
      const version = this.#rows.column(at, 1);
      let first = neverSeen;
      do {
        first = earlier(first, this.#memory(at));
        at += 1;
      } while (at < end && this.#rows.column(at, 1) === version);
      yield [version, first];
    }
  }

  /** Whether something under a name may be a chart: not all of it was found to be something else. */
  hasCharts(chart: string): boolean {
    // mostly the first row says so
    for (const [, first] of this.#readSights(chart)) if (first !== neverSeen) return true;
    return false;
  }

  /** When a chart was first seen here, whatever became of it since; `neverSeen` when all there is are no charts. */
  firstSight(chart: string): string {
    return this.sights(chart).reduce((earliest, [, first]) => (first < earliest ? first : earliest), neverSeen);
  }

  /** Since when the versions of the first good listing are known; what was found by name belongs to none. */
  get firstListing(): string {
    if (this.#firstListing !== undefined) return this.#firstListing;
    let first = Buffer.from(neverSeen);
    for (let at = 0; at < this.#rows.size; at += 1) {
      if (!isSeenBefore(this.#rows.line(at), first)) continue;
      const { since = '', named } = this.#memory(at);
      if (!named) first = Buffer.from(since);
    }
    return (this.#firstListing = first.toString());
  }

  /** Every version of every chart. */
  *all(): IterableIterator<ChartVersion> {
    for (const chart of this.charts()) yield* this.versions(chart);
  }

  #memory(at: number): Memory {
    return decodeMemory(this.#rows.column(at, 5));
  }

  #claims([first, end]: readonly [number, number]): KnownClaim[] {
    return Array.from({ length: end - first }, (_, at) => decodeClaim(this.#rows.line(first + at)));
  }
}

/** A catalog without rows. */
export const emptyCatalog = new Catalog(tableOf([]));

/** A version's text, and when it was first seen. */
type Sight = readonly [version: string, first: string];

/** Claims in a catalog's order: by name, newest first, and within one version as they came. */
export function sortClaims<T extends Claim>(claims: readonly T[]): T[] {
  return claims
    .map((claim, at) => ({ claim, at, version: sortable(claim.version) }))
    .sort((a, b) => compareText(a.claim.chart, b.claim.chart) || newestFirst(a.version, b.version) || a.at - b.at)
    .map(({ claim }) => claim);
}

/** A table of claims in a catalog's order. */
export function claimTable(claims: readonly Claim[]): SharedTable {
  return tableOf(sortClaims(claims).map(encodeClaim));
}
