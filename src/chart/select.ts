import type { Catalog, ChartVersion } from './catalog.ts';
import { compareText } from './version.ts';

/** One upstream of a repository: what it has, and which of its names it may offer. */
export interface Member {
  readonly catalog: Catalog;
  readonly offers: (chart: string) => boolean;
}

/**
 * Which member provides each chart name, names in order (design decision 11): the one that has listed the name longest
 * provides all of its versions, ties go by the order of the members. Computed from the committed catalogs alone.
 */
export function selectOwners(members: readonly Member[]): ReadonlyMap<string, number> {
  const claimants = new Map<string, number[]>();
  members.forEach((member, at) => {
    for (const chart of member.catalog.charts()) {
      if (!member.offers(chart)) continue;
      const others = claimants.get(chart);
      if (others) others.push(at);
      else claimants.set(chart, [at]);
    }
  });
  const owners = [...claimants].map(([chart, own]) => [chart, longestKnown(chart, own, members)] as const);
  return new Map(owners.sort(([a], [b]) => compareText(a, b)));
}

/** By member: how many names it lists and may not provide. */
export function countContested(members: readonly Member[], owners: ReadonlyMap<string, number>): readonly number[] {
  return members.map(
    ({ catalog, offers }, at) =>
      [...catalog.charts()].filter((chart) => offers(chart) && owners.get(chart) !== at).length,
  );
}

function longestKnown(chart: string, claimants: readonly number[], members: readonly Member[]): number {
  const [first = 0, ...others] = claimants;
  if (others.length === 0) return first;
  const since = (at: number) => firstSight(chart, members[at]);
  return others.reduce((owner, at) => (compareText(since(at), since(owner)) < 0 ? at : owner), first);
}

/** RFC 3339 in UTC with whole seconds, which orders as text. Where there are only things that are no charts: never. */
function firstSight(chart: string, member: Member | undefined): string {
  const sights = [...(member?.catalog.versions(chart) ?? [])]
    .filter(isOffered)
    .flatMap(({ claims }) => claims.map((claim) => claim.since));
  return sights.reduce((first, one) => (one < first ? one : first), '9999');
}

/** What one repository offers. */
export class Selection {
  readonly #catalogs: readonly Catalog[];
  readonly owners: ReadonlyMap<string, number>;

  /** The catalogs of `members` as they are now; `owners` when they were computed elsewhere. */
  constructor(members: readonly Member[], owners: ReadonlyMap<string, number> = selectOwners(members)) {
    this.#catalogs = members.map(({ catalog }) => catalog);
    this.owners = owners;
  }

  charts(): Iterable<string> {
    return this.owners.keys();
  }

  /** Which member provides a chart; undefined when none does. */
  ownerOf(chart: string): number | undefined {
    return this.owners.get(chart);
  }

  *versions(chart: string): IterableIterator<ChartVersion> {
    const catalog = this.#catalogOf(chart);
    if (!catalog) return;
    for (const version of catalog.versions(chart)) if (isOffered(version)) yield version;
  }

  find(chart: string, version: string): ChartVersion | undefined {
    const found = this.#catalogOf(chart)?.find(chart, version);
    return found && isOffered(found) ? found : undefined;
  }

  #catalogOf(chart: string): Catalog | undefined {
    const owner = this.owners.get(chart);
    return owner === undefined ? undefined : this.#catalogs[owner];
  }
}

/** A registry's tags that turned out to be no charts are remembered, and never offered. */
function isOffered(version: ChartVersion): boolean {
  return version.claims.some((claim) => claim.refused === undefined);
}
