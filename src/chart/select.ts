import type { ChartVersion } from './catalog.ts';
import type { Offering } from './offering.ts';
import { compareText } from './version.ts';

/**
 * Which member provides each chart name, names in order (design decision 11): the one that has listed the name longest
 * provides all of its versions, ties go by the order of the members. Computed from the committed catalogs alone.
 */
export function selectOwners(members: readonly Offering[]): ReadonlyMap<string, number> {
  const claimants = new Map<string, number[]>();
  members.forEach((member, at) => {
    for (const chart of member.catalog.charts()) {
      if (!member.mayName(chart)) continue;
      const others = claimants.get(chart);
      if (others) others.push(at);
      else claimants.set(chart, [at]);
    }
  });
  const owners = [...claimants].map(([chart, own]) => [chart, longestKnown(chart, own, members)] as const);
  return new Map(owners.sort(([a], [b]) => compareText(a, b)));
}

/** By member: how many names it lists and may not provide. */
export function countContested(members: readonly Offering[], owners: ReadonlyMap<string, number>): readonly number[] {
  return members.map(
    (member, at) =>
      [...member.catalog.charts()].filter((chart) => member.mayName(chart) && owners.get(chart) !== at).length,
  );
}

function longestKnown(chart: string, claimants: readonly number[], members: readonly Offering[]): number {
  const [first = 0, ...others] = claimants;
  if (others.length === 0) return first;
  const since = (at: number) => firstSight(chart, members[at]);
  return others.reduce((owner, at) => (compareText(since(at), since(owner)) < 0 ? at : owner), first);
}

/**
 * RFC 3339 in UTC with whole seconds, which orders as text. Where there are only things that are no charts: never.
 * What a rule hides counts: an owner that lost all of its versions is the owner still.
 */
function firstSight(chart: string, member: Offering | undefined): string {
  const sights = [...(member?.catalog.versions(chart) ?? [])]
    .flatMap(({ claims }) => claims)
    .filter(({ refused }) => refused === undefined)
    .map(({ since }) => since);
  return sights.reduce((first, one) => (one < first ? one : first), '9999');
}

/** What one repository offers. */
export class Selection {
  readonly #members: readonly Offering[];
  readonly owners: ReadonlyMap<string, number>;

  /** The members as they are now; `owners` when they were computed elsewhere. */
  constructor(members: readonly Offering[], owners: ReadonlyMap<string, number> = selectOwners(members)) {
    this.#members = members;
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
    const owner = this.#ownerOf(chart);
    if (owner) yield* owner.versions(chart);
  }

  find(chart: string, version: string): ChartVersion | undefined {
    return this.#ownerOf(chart)?.find(chart, version);
  }

  #ownerOf(chart: string): Offering | undefined {
    const owner = this.owners.get(chart);
    return owner === undefined ? undefined : this.#members[owner];
  }
}
