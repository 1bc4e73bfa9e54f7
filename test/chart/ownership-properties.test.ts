import fc from 'fast-check';
import { expect, it } from 'vitest';

import { Catalog } from '../../src/chart/catalog.ts';
import type { KnownClaim } from '../../src/chart/claim.ts';
import { Snapshot } from '../../src/chart/holding.ts';
import { nameFilter } from '../../src/chart/names.ts';
import { Offering } from '../../src/chart/offering.ts';
import { contests } from '../../src/chart/ownership.ts';
import { noRules } from '../../src/chart/rules.ts';
import { Selection } from '../../src/chart/select.ts';
import { canonicalVersion } from '../../src/chart/version.ts';
import { tableOf } from '../../src/lib/shared-table.ts';
import { textOf } from '../support/indexes.ts';
import {
  charts,
  membersOf,
  selectionIn,
  someMembers,
  someWorld,
  versions,
  wordsOffered,
  type PlainMember,
  type World,
} from '../support/selection-worlds.ts';
import { claimed, day, everything, wordsOfDecision } from '../support/selections.ts';

/** When an upstream first saw something that may be a chart; `late` when never. */
function sightOf({ claims, rules }: PlainMember, wanted: (claim: KnownClaim) => boolean): string {
  if (!nameFilter(rules.charts)(claims.find(wanted)?.chart ?? '')) return 'late';
  const sights = claims.filter((claim) => wanted(claim) && claim.refused === undefined).map(({ since }) => since);
  return sights.sort()[0] ?? 'late';
}

/** Who saw it first, by name: the first of those who tie, undefined when nobody did. */
function firstToSee(members: readonly PlainMember[], wanted: (claim: KnownClaim) => boolean): string | undefined {
  const sights = members.map((one) => sightOf(one, wanted));
  const first = sights.toSorted()[0] ?? 'late';
  return first === 'late' ? undefined : members[sights.indexOf(first)]?.name;
}

function reservedFor({ rules }: World, chart: string): string | undefined {
  const glob = (pattern: string) => nameFilter([pattern.toLowerCase()])(chart.toLowerCase());
  const exact = rules.owners.find(([name]) => name.toLowerCase() === chart.toLowerCase());
  return (exact ?? rules.owners.find(([name]) => glob(name)))?.[1];
}

/** Every decision, as words, with who owns what. */
function said(selection: Selection): string[] {
  return charts.flatMap((chart) => [
    `${chart}: ${nameOf(selection, selection.ownerOf(chart))}`,
    ...versions.map((version) => `${version} ${wordsOfDecision(selection, selection.decide(chart, version))}`),
  ]);
}

function nameOf({ members }: Selection, owner: number | 'by-version' | undefined): string {
  return typeof owner === 'number' ? (members[owner]?.name ?? 'nobody') : (owner ?? 'anybody');
}

it('every replica says the same, whatever it was asked before and whoever worked out the owners', () => {
  fc.assert(
    fc.property(someWorld, fc.shuffledSubarray(charts, { minLength: charts.length }), (world, order) => {
      const one = selectionIn(world);
      for (const chart of order) one.decide(chart, '2.0.0');
      // the other reads what is stored, and is told who owns what
      const stored = membersOf(world.members).map(({ name, offering: { catalog, snapshot } }, at) => {
        const tables = [catalog.table, snapshot.table].map((table) => tableOf([textOf(table)])) as [never, never];
        const rules = world.members[at]?.rules ?? everything;
        return { name, offering: new Offering(new Catalog(tables[0]), new Snapshot(tables[1]), rules) };
      });
      const other = new Selection(stored, world.rules, world.nowMs, new Map(one.owners));
      expect(wordsOffered(other)).toEqual(wordsOffered(one));
      expect(said(other)).toEqual(said(one));
    }),
  );
});

it('the order of the upstreams matters among those only that have listed a name as long', () => {
  fc.assert(
    fc.property(someWorld, fc.infiniteStream(fc.nat()), (world, random) => {
      // no two of them see anything on the same day
      const members = world.members.map((one, at) => ({
        ...one,
        claims: one.claims.map((claim) => ({ ...claim, since: claim.since.replace('T00', `T0${at}`) })),
      }));
      const shuffled = members.map((one) => ({ one, at: random.next().value ?? 0 })).sort((a, b) => a.at - b.at);
      const other = selectionIn({ ...world, members: shuffled.map(({ one }) => one) });
      expect(wordsOffered(other)).toEqual(wordsOffered(selectionIn({ ...world, members })));
    }),
  );
});

it('the time matters to nothing but a cooldown', () => {
  fc.assert(
    fc.property(someWorld, fc.nat(), (world, nowMs) => {
      const rules = { ...world.rules, cooldownMs: 0 };
      expect(said(selectionIn({ ...world, rules, nowMs }))).toEqual(said(selectionIn({ ...world, rules })));
    }),
  );
});

it('under first a name belongs to whom it is reserved for, else to whoever saw it first, and nobody else provides it', () => {
  fc.assert(
    fc.property(someWorld, (world) => {
      const selection = selectionIn({ ...world, rules: { ...world.rules, overlap: 'first' } });
      for (const chart of charts) {
        const reserved = reservedFor(world, chart);
        const isMember = world.members.some(({ name }) => name === reserved);
        const first = firstToSee(world.members, (claim) => claim.chart === chart) ?? 'anybody';
        const owner = reserved === undefined ? first : isMember ? reserved : 'nobody';
        expect(nameOf(selection, selection.ownerOf(chart))).toBe(owner);
        for (const { member } of selection.offered(chart)) expect(selection.members[member]?.name).toBe(owner);
      }
    }),
  );
});

it('under merge each version, however it is spelled, has one provider: whoever saw it first', () => {
  fc.assert(
    fc.property(someWorld, (world) => {
      const selection = selectionIn({ ...world, rules: { ...world.rules, overlap: 'merge' } });
      for (const chart of charts) {
        const reserved = reservedFor(world, chart);
        for (const { member, version } of selection.offered(chart)) {
          const isSame = (claim: KnownClaim) =>
            claim.chart === chart && canonicalVersion(claim.version) === canonicalVersion(version.version);
          expect(selection.members[member]?.name).toBe(reserved ?? firstToSee(world.members, isSame));
        }
      }
    }),
  );
});

it('nobody but who may provide a version is asked for it', () => {
  fc.assert(
    fc.property(someWorld, (world) => {
      const selection = selectionIn(world);
      for (const chart of charts) {
        for (const version of versions) {
          const names = selection.candidates(chart, version).map((at) => selection.members[at]?.name);
          const isMeant = (claim: KnownClaim) =>
            claim.chart === chart &&
            (world.rules.overlap === 'first' || canonicalVersion(claim.version) === canonicalVersion(version));
          const only = reservedFor(world, chart) ?? firstToSee(world.members, isMeant);
          if (only !== undefined) expect(names.every((name) => name === only)).toBe(true);
          else expect(names).toEqual(mayHave(selection, chart, version));
        }
      }
    }),
  );
});

function mayHave({ members }: Selection, chart: string, version: string): string[] {
  return members.filter(({ offering }) => offering.mayHave(chart, version)).map(({ name }) => name);
}

it('an upstream that goes, or comes later, changes nothing of the names that others provide', () => {
  const late = fc.array(fc.tuple(fc.constantFrom(...charts), fc.constantFrom(...versions)), { maxLength: 6 });
  fc.assert(
    fc.property(someWorld, fc.nat(4), late, (world, place, names) => {
      const rules = { ...world.rules, overlap: 'first' as const };
      const before = selectionIn({ ...world, rules });
      const claims = names.map((one) => claimed(...one, { since: day(6) }));
      const members = world.members.toSpliced(place, 0, { name: 'z', claims, held: [], rules: everything });
      const after = selectionIn({ ...world, rules, members });
      for (const chart of charts) {
        const owner = nameOf(before, before.ownerOf(chart));
        if (owner !== 'anybody') expect(saidOf(after, chart)).toEqual(saidOf(before, chart));
        for (const { name } of world.members.filter((one) => one.name !== owner && owner !== 'anybody')) {
          const without = selectionIn({ ...world, rules, members: world.members.filter((one) => one.name !== name) });
          expect(saidOf(without, chart)).toEqual(saidOf(before, chart));
        }
      }
    }),
  );
});

function saidOf(selection: Selection, chart: string): string[] {
  return versions.map((version) => wordsOfDecision(selection, selection.decide(chart, version)));
}

it('contested is exactly what an upstream lists as a chart, may offer, and does not provide', () => {
  fc.assert(
    fc.property(someMembers, fc.constantFrom('first', 'merge'), someWorld, (plain, overlap, { rules: { owners } }) => {
      const members = membersOf(plain);
      const selection = new Selection(members, { ...noRules, overlap, owners }, 0);
      const found = contests(members, selection.owners, (chart) => selection.providers(chart));
      for (const [at, { claims, rules }] of plain.entries()) {
        const named = (chart: string, version: string) =>
          found[at]?.some((one) => one.chart === chart && (one.version ?? version) === version) ?? false;
        for (const { chart, version } of claims) {
          const isChart = claims.some((one) => one.chart === chart && one.version === version && !one.refused);
          const isOwn = selection.providerOf(chart, version) === at;
          if (isChart) expect(named(chart, version)).toBe(nameFilter(rules.charts)(chart) && !isOwn);
        }
        for (const { owner } of found[at] ?? []) expect(owner).not.toBe(at);
      }
    }),
  );
});
