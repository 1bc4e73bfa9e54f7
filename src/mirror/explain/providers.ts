import { neverSeen } from '../../chart/catalog.ts';
import { lookUp } from '../../chart/names.ts';
import type { Selection } from '../../chart/select.ts';
import { canonicalVersion } from '../../chart/version.ts';
import { excluderOf } from '../offering/refusals.ts';

/** Which member of a repository provides a chart, or one version of it, and why that one. */
export interface ProviderWords {
  /** Also the one that alone may, and does not list it; absent where nobody lists it, or each version has its own. */
  readonly provider?: string | undefined;
  /** One sentence. */
  readonly reason: string;
  /** Others that list it. */
  readonly contestedBy: readonly string[];
}

/** Says who provides a chart in a repository; with `version`, an exact text, that version. */
export function providerWords(selection: Selection, chart: string, version?: string): ProviderWords {
  const owner = selection.ownerOf(chart);
  const at = version === undefined ? owner : selection.soleProviderOf(chart, version);
  const isSplit = owner === 'by-version';
  const provider = typeof at === 'number' ? selection.members[at]?.name : undefined;
  // the name is what is owned, unless each version is
  const claimants = sightings(selection, chart, isSplit ? version : undefined);
  const listing = version === undefined ? claimants : sightings(selection, chart, version);
  const contestedBy = at === 'by-version' ? [] : listing.map(({ name }) => name).filter((name) => name !== provider);
  return { provider, reason: reasonFor(selection, { chart, at, provider, claimants }), contestedBy };
}

/** A member that lists something, and when it was first seen there: RFC 3339. */
interface Sighting {
  readonly name: string;
  readonly first: string;
}

/** Who lists a chart, or a version of it however it is spelt; the first in order first. */
function sightings({ members }: Selection, chart: string, version: string | undefined): readonly Sighting[] {
  const canonical = version && canonicalVersion(version);
  return members.flatMap(({ name, offering }) => {
    if (!offering.mayName(chart)) return [];
    let first = neverSeen;
    for (const [spelling, sight] of offering.catalog.sights(chart)) {
      if ((canonical === undefined || canonicalVersion(spelling) === canonical) && sight < first) first = sight;
    }
    return first === neverSeen ? [] : [{ name, first }];
  });
}

interface Case {
  readonly chart: string;
  readonly at: number | 'by-version' | undefined;
  readonly provider: string | undefined;
  readonly claimants: readonly Sighting[];
}

function reasonFor(selection: Selection, { chart, at, provider, claimants }: Case): string {
  const reserved = reservedFor(selection.rules.owners, chart);
  const own = claimants.find(({ name }) => name === provider);
  if (reserved) {
    const [pattern, upstream] = reserved;
    return `The option owners reserves ${pattern} for ${upstream}${own ? '' : ', which does not list it'}.`;
  }
  if (at === 'by-version')
    return 'Each version is provided by the upstream that has listed it longest (overlap: merge).';
  if (!own) return unprovidedWords(selection, chart);
  return firstOf(own, claimants);
}

/** That nobody who may provide a chart lists it; one sentence. */
export function unprovidedWords(selection: Selection, chart: string): string {
  const excluder = selection.members[excluderOf(selection, chart) ?? -1]?.name;
  if (excluder === undefined) return 'No upstream of this repository lists it.';
  return `${excluder} lists it, and its option charts leaves the name out; no other upstream of this repository lists it.`;
}

/** The entry of `owners` that is for a chart. */
function reservedFor(owners: Selection['rules']['owners'], chart: string): readonly [string, string] | undefined {
  return lookUp(
    owners.map((entry) => [entry[0], entry] as const),
    { anyCase: true },
  )(chart)[0];
}

function firstOf({ name, first }: Sighting, claimants: readonly Sighting[]): string {
  const others = claimants.filter((one) => one.name !== name);
  if (others.length === 0) return 'No other upstream of this repository lists it.';
  const alike = others.filter((one) => one.first === first).map((one) => one.name);
  if (alike.length > 0)
    return `It has listed it since ${first}, as long as ${alike.join(' and ')}, and comes first in upstreams.`;
  const next = others.reduce((earliest, one) => (one.first < earliest.first ? one : earliest));
  return `It has listed it longest, since ${first}; ${next.name} has since ${next.first}.`;
}
