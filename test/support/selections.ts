import { Catalog, claimTable } from '../../src/chart/catalog.ts';
import type { KnownClaim } from '../../src/chart/claim.ts';
import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { mergeHoldings, Snapshot, type KeptVersion } from '../../src/chart/holding.ts';
import { Offering, type OfferRules } from '../../src/chart/offering.ts';
import type { Member } from '../../src/chart/ownership.ts';
import { noRules, type RepositoryRules } from '../../src/chart/rules.ts';
import { Selection, type Decision } from '../../src/chart/select.ts';
import { tableOf } from '../../src/lib/shared-table.ts';

/** The n-th of January 2026, as catalogs write it. */
export function day(number: number): string {
  return `2026-01-${String(number).padStart(2, '0')}T00:00:00Z`;
}

/** What an upstream that may offer everything offers by. */
export const everything: OfferRules = { charts: ['*'], versions: [], withdrawn: 'keep', heldOnly: false };

/** A described claim of a chart repository, known since the first day. */
export function claimed(chart: string, version: string, more: Partial<KnownClaim> = {}): KnownClaim {
  return { chart, version, source: 'x', since: day(1), metadata: '{}', ...more };
}

/** Bytes to tell apart. */
export function digestNamed(name: string): Digest {
  return digestOf(Buffer.from(name));
}

/** A version that is held. */
export function held(chart: string, version: string, more: Partial<KeptVersion> = {}): KeptVersion {
  const archive = { mediaType: 'application/gzip', digest: digestNamed(`${chart} ${version}`), size: 1 };
  return { chart, version, archive, heldAt: day(1), ...more };
}

/** An upstream as a repository has it. */
export function member(
  name: string,
  claims: readonly KnownClaim[],
  { holdings = [], ...rules }: Partial<OfferRules> & { readonly holdings?: readonly KeptVersion[] } = {},
): Member {
  const snapshot = new Snapshot(mergeHoldings(tableOf([]), holdings));
  return { name, offering: new Offering(new Catalog(claimTable(claims)), snapshot, { ...everything, ...rules }) };
}

/** What a repository offers on a day of January 2026, the last one unless it is said. */
export function selectionOf(
  members: readonly Member[],
  rules: Partial<RepositoryRules> = {},
  now: string = day(31),
): Selection {
  return new Selection(members, { ...noRules, ...rules }, Date.parse(now));
}

/** What is offered of a chart, newest first, as `upstream version`. */
export function offeredOf(selection: Selection, chart: string): string[] {
  return [...selection.offered(chart)].map(
    ({ member: at, version }) => `${selection.members[at]?.name} ${version.version}`,
  );
}

/** The same of what lists show. */
export function listedOf(selection: Selection, chart: string): string[] {
  return [...selection.listed(chart)].map(
    ({ member: at, version }) => `${selection.members[at]?.name} ${version.version}`,
  );
}

/** A decision in a few words: `a 1.0.0`, `denied nginx@<2`, `hidden by versions`, `hidden by a: retired`, `absent, a or b`. */
export function wordsOfDecision({ members }: Selection, decision: Decision): string {
  const nameOf = (at: number): string => members[at]?.name ?? 'nobody';
  if (decision.outcome === 'offered') return `${nameOf(decision.member)} ${decision.version.version}`;
  if (decision.outcome === 'denied') return `denied ${decision.rule.text}`;
  if (decision.outcome === 'absent') return `absent, ${decision.candidates.map(nameOf).join(' or ') || 'nobody'}`;
  const { rule } = decision;
  if (rule.by === 'upstream') return `hidden by ${nameOf(rule.member)}: ${rule.option}`;
  return rule.option === 'cooldown' ? `hidden until ${rule.until}` : `hidden by ${rule.option}`;
}
