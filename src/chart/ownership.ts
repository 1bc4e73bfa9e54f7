import { neverSeen } from './catalog.ts';
import { lookUp } from './names.ts';
import type { Offering } from './offering.ts';
import type { RepositoryRules } from './rules.ts';
import { canonicalVersion, compareText } from './version.ts';

/** An upstream as a repository has it. */
export interface Member {
  readonly name: string;
  readonly offering: Offering;
}

/** Which member provides a chart, by its place; or that each version has a provider of its own. */
export type Owner = number | 'by-version';

/** By name, names in order. */
export type Owners = ReadonlyMap<string, Owner>;

/**
 * Which member alone may provide a chart by the configuration, by its place; undefined when any may. A name that is
 * reserved for who is no member has the place -1: nobody provides it.
 */
export function reservations(
  members: readonly Member[],
  { owners }: RepositoryRules,
): (chart: string) => number | undefined {
  const places = owners.map(
    ([chart, upstream]) => [chart, members.findIndex(({ name }) => name === upstream)] as const,
  );
  const reserved = lookUp(places, { anyCase: true });
  return (chart) => reserved(chart)[0];
}

/**
 * Which member provides each chart name that one lists, names in order (design decision 11): the one that the name is
 * reserved for, whether it lists it or not; else the one that has listed the name longest, also when none of its versions
 * is offered; ties go by the order of the members. Computed from the committed catalogs alone.
 */
export function selectOwners(members: readonly Member[], rules: RepositoryRules): Owners {
  const reserved = reservations(members, rules);
  const owners = [...claimantsByName(members)].map(
    ([chart, claimants]) => [chart, reserved(chart) ?? ownerAmong(chart, claimants, { members, rules })] as const,
  );
  return new Map(owners.sort(([a], [b]) => compareText(a, b)));
}

function claimantsByName(members: readonly Member[]): ReadonlyMap<string, readonly number[]> {
  const claimants = new Map<string, number[]>();
  for (const [at, { offering }] of members.entries()) {
    for (const chart of offering.catalog.charts()) {
      if (!claims(offering, chart)) continue;
      const others = claimants.get(chart);
      if (others) others.push(at);
      else claimants.set(chart, [at]);
    }
  }
  return claimants;
}

/** What is only listed as something else than charts claims no name, and neither does what may not be offered. */
function claims({ catalog, mayName }: Offering, chart: string): boolean {
  return mayName(chart) && catalog.hasCharts(chart);
}

function ownerAmong(
  chart: string,
  claimants: readonly number[],
  { members, rules }: { readonly members: readonly Member[]; readonly rules: RepositoryRules },
): Owner {
  const [first = 0, ...others] = claimants;
  if (others.length === 0) return first;
  if (rules.overlap === 'merge') return 'by-version';
  const sight = (at: number): string => members[at]?.offering.catalog.firstSight(chart) ?? neverSeen;
  return others.reduce((owner, at) => (sight(at) < sight(owner) ? at : owner), first);
}

/** What a member lists and may not provide: a name, or under `merge` one version of it. */
export interface Contest {
  readonly chart: string;
  readonly version?: string | undefined;
  /** Who provides it, or alone may, by its place. */
  readonly owner: number;
}

/** By member: what it lists and may not provide here. `providers` as `Selection.providers`. */
export function contests(
  members: readonly Member[],
  owners: Owners,
  providers: (chart: string) => ReadonlyMap<string, number>,
): readonly (readonly Contest[])[] {
  return members.map(({ offering }, at) => {
    const found: Contest[] = [];
    for (const chart of offering.catalog.charts()) {
      const owner = owners.get(chart);
      if (owner === undefined || owner === at || !claims(offering, chart)) continue;
      if (owner === 'by-version') found.push(...contestedVersions(chart, offering, providers(chart), at));
      else found.push({ chart, owner });
    }
    return found;
  });
}

function contestedVersions(
  chart: string,
  { catalog }: Offering,
  providers: ReadonlyMap<string, number>,
  at: number,
): readonly Contest[] {
  return catalog.sights(chart).flatMap(([version, sight]) => {
    const owner = providers.get(canonicalVersion(version));
    return sight === neverSeen || owner === undefined || owner === at ? [] : [{ chart, version, owner }];
  });
}
