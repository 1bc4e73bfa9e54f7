import fc from 'fast-check';

import type { KnownClaim } from '../../src/chart/claim.ts';
import type { OfferRules } from '../../src/chart/offering.ts';
import type { Member } from '../../src/chart/ownership.ts';
import { noRules, type DenyRule, type RepositoryRules } from '../../src/chart/rules.ts';
import { Selection, type Offered } from '../../src/chart/select.ts';
import { claimed, day, digestNamed, everything, held, member } from './selections.ts';

/** Every chart and version that random upstreams may list, and one that none does. */
export const charts = ['nginx', 'NGINX', 'corp-app', 'constructor', 'unlisted'];
export const versions = ['1.0.0', 'v1.0', '1.1.0-rc.1', '2.0.0', '2.0.0+a', '9.9.9'];

const dayMs = 24 * 3_600_000;
const digests = ['a', 'b', 'c'].map(digestNamed);

/** One upstream before it is put together. */
export interface PlainMember {
  readonly name: string;
  readonly claims: readonly KnownClaim[];
  readonly held: readonly (readonly [chart: string, version: string])[];
  readonly rules: OfferRules;
}

/** Upstreams in order, and the rules of a repository of them. */
export interface World {
  readonly members: readonly PlainMember[];
  readonly rules: RepositoryRules;
  readonly nowMs: number;
}

const claim: fc.Arbitrary<KnownClaim> = fc
  .record({
    chart: fc.constantFrom(...charts.slice(0, 4)),
    version: fc.constantFrom(...versions.slice(0, 5)),
    since: fc.integer({ min: 2, max: 5 }).map(day),
    created: fc.option(fc.integer({ min: 1, max: 9 }).map(day), { nil: undefined }),
    digest: fc.option(fc.constantFrom(...digests), { nil: undefined }),
    metadata: fc.constantFrom('{}', '{}', '{"deprecated":true}', undefined),
    missing: fc.constantFrom(undefined, undefined, 3),
    refused: fc.constantFrom(undefined, undefined, undefined, 'not-a-chart' as const),
    named: fc.constantFrom(undefined, undefined, true as const),
  })
  .map(({ chart, version, ...more }) => claimed(chart, version, more));

const ranges = fc.constantFrom(
  [],
  [['*', '>=1.1']] as const,
  [['nginx', '<2']] as const,
  [
    ['corp-*', '2'],
    ['*', '*'],
  ] as const,
);
const names = fc.constantFrom(['*'], ['nginx', 'corp-*'], ['!corp-*'], ['*', '!NGINX']);

const offerRules: fc.Arbitrary<OfferRules> = fc.record({
  charts: fc.oneof({ weight: 3, arbitrary: fc.constant(['*']) }, names),
  versions: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, ranges),
  withdrawn: fc.constantFrom('keep', 'keep', 'drop'),
  heldOnly: fc.constantFrom(false, false, false, true),
});

/** Some upstreams; their names are their places in the order in which they were made. */
export const someMembers: fc.Arbitrary<readonly PlainMember[]> = fc
  .array(
    fc.record({
      claims: fc.array(claim, { maxLength: 8 }),
      held: fc.array(fc.tuple(fc.constantFrom(...charts), fc.constantFrom(...versions)), { maxLength: 3 }),
      rules: offerRules,
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((all) => all.map((one, at) => ({ ...one, name: 'abcd'[at] ?? '' })));

/** Entries of `deny`. */
export const someDenials: fc.Arbitrary<readonly DenyRule[]> = fc.subarray([
  { text: 'nginx@<2', chart: 'nginx', range: '<2' },
  { text: 'Corp-*', chart: 'Corp-*' },
  { text: '*@9.9.9', chart: '*', range: '9.9.9' },
  { text: '*@a', chart: '*', digest: digestNamed('a') },
  { text: 'nginx@held', chart: 'nginx', digest: held('nginx', '2.0.0').archive.digest },
]);

export const someRules: fc.Arbitrary<RepositoryRules> = fc.record({
  overlap: fc.constantFrom('first', 'merge'),
  owners: fc.subarray([
    ['corp-app', 'b'],
    ['CORP-*', 'a'],
    ['con*', 'c'],
  ] as const),
  deny: someDenials,
  charts: names,
  versions: ranges,
  prereleases: fc.boolean(),
  deprecated: fc.boolean(),
  listNewest: fc.constantFrom(undefined, 1, 2),
  cooldownMs: fc.constantFrom(0, 0, dayMs, 5 * dayMs),
});

export const someWorld: fc.Arbitrary<World> = fc.record({
  members: someMembers,
  rules: fc.oneof(someRules, fc.constant(noRules)),
  nowMs: fc.integer({ min: 4, max: 40 }).map((half) => Date.parse(day(1)) + half * (dayMs / 2)),
});

/** The upstreams as a repository has them, from their plain claims: nothing is shared with another call. */
export function membersOf(all: readonly PlainMember[]): readonly Member[] {
  return all.map(({ name, claims, held: names_, rules }) =>
    member(name, claims, { ...everything, ...rules, holdings: names_.map((one) => held(...one)) }),
  );
}

/** What the repository offers. */
export function selectionIn({ members, rules, nowMs }: World): Selection {
  return new Selection(membersOf(members), rules, nowMs);
}

/** Everything offered: by chart, newest first. */
export function everythingOffered(
  selection: Selection,
): readonly (readonly [chart: string, all: readonly Offered[]])[] {
  return charts.map((chart) => [chart, [...selection.offered(chart)]] as const);
}

/** The same as words that compare: upstream by name, chart, version and source. */
export function wordsOffered(selection: Selection): string[] {
  return everythingOffered(selection).flatMap(([chart, all]) =>
    all.map(({ member: at, version }) => `${selection.members[at]?.name} ${chart} ${version.version}`),
  );
}
