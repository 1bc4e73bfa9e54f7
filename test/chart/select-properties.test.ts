import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { OfferRules } from '../../src/chart/offering.ts';
import type { RepositoryRules } from '../../src/chart/rules.ts';
import type { Decision, Selection } from '../../src/chart/select.ts';
import { canonicalVersion, newestFirst, sortable } from '../../src/chart/version.ts';
import {
  charts,
  everythingOffered,
  selectionIn,
  someDenials,
  someRules,
  someWorld,
  versions,
  wordsOffered,
  type World,
} from '../support/selection-worlds.ts';
import { claimed, day, wordsOfDecision } from '../support/selections.ts';

function each(selection: Selection, check: (decision: Decision, chart: string, version: string) => void): void {
  for (const chart of charts) {
    for (const version of versions) check(selection.decide(chart, version), chart, version);
  }
}

function expectLess(stricter: World, laxer: World): void {
  const all = new Set(wordsOffered(selectionIn(laxer)));
  expect(wordsOffered(selectionIn(stricter)).filter((word) => !all.has(word))).toEqual([]);
}

it('what is decided of a version is what stands in the list, for every version', () => {
  fc.assert(
    fc.property(someWorld, (world) => {
      const selection = selectionIn(world);
      const offered = new Map(
        everythingOffered(selection).flatMap(([chart, all]) =>
          all.map((one) => [`${chart} ${one.version.version}`, one] as const),
        ),
      );
      each(selection, (decision, chart, version) => {
        const one = offered.get(`${chart} ${version}`);
        expect(decision.outcome === 'offered').toBe(one !== undefined);
        if (one) expect(decision).toEqual(one);
      });
    }),
  );
});

it('a list has the newest of what is offered and described, newest first, and no version twice', () => {
  fc.assert(
    fc.property(someWorld, (world) => {
      const selection = selectionIn(world);
      for (const [chart, all] of everythingOffered(selection)) {
        const texts = all.map(({ version }) => sortable(version.version));
        expect(texts).toEqual(texts.toSorted(newestFirst));
        const owners = new Map(all.map(({ member, version }) => [canonicalVersion(version.version), member]));
        for (const { member, version } of all) expect(owners.get(canonicalVersion(version.version))).toBe(member);
        const described = all.filter(({ version }) =>
          version.claims.some(({ metadata, refused }) => metadata && !refused),
        );
        const shown = [...selection.listed(chart)].map(({ member, version }) => [member, version]);
        expect(shown).toEqual(
          described.map(({ member, version }) => [member, version]).slice(0, world.rules.listNewest),
        );
      }
    }),
  );
});

it('a chart that is listed is among the charts', () => {
  fc.assert(
    fc.property(someWorld, (world) => {
      const selection = selectionIn(world);
      const names = [...selection.charts()];
      expect(names).toEqual([...new Set(names)].sort());
      for (const [chart, all] of everythingOffered(selection)) if (all.length > 0) expect(names).toContain(chart);
    }),
  );
});

const stricterRules: fc.Arbitrary<(rules: RepositoryRules) => RepositoryRules> = fc.oneof(
  someDenials.map((deny) => (rules: RepositoryRules) => ({ ...rules, deny: [...rules.deny, ...deny] })),
  fc.constantFrom<(rules: RepositoryRules) => RepositoryRules>(
    (rules) => ({ ...rules, charts: [...rules.charts, '!nginx'] }),
    (rules) => ({ ...rules, versions: [['*', 'not a range']] }),
    (rules) => ({ ...rules, versions: rules.versions.length === 0 ? [['*', '>=1.1']] : rules.versions }),
    (rules) => ({ ...rules, prereleases: false }),
    (rules) => ({ ...rules, deprecated: false }),
    (rules) => ({ ...rules, cooldownMs: rules.cooldownMs + 3 * 24 * 3_600_000 }),
  ),
);

it('a filter only ever takes away', () => {
  fc.assert(
    fc.property(someWorld, stricterRules, (world, stricter) => {
      expectLess({ ...world, rules: stricter(world.rules) }, world);
    }),
  );
});

it('what an upstream may offer of a name that it may have only ever takes away, and gives nothing to others', () => {
  const stricter = fc.constantFrom<Partial<OfferRules>>(
    { versions: [['*', '>=2']] },
    { withdrawn: 'drop' },
    { heldOnly: true },
  );
  fc.assert(
    fc.property(someWorld, fc.nat(3), stricter, (world, at, more) => {
      const members = world.members.map((one, place) =>
        place === at ? { ...one, rules: { ...one.rules, versions: [], ...more } } : one,
      );
      const lax = world.members.map((one, place) =>
        place === at ? { ...one, rules: { ...one.rules, versions: [] } } : one,
      );
      expectLess({ ...world, members }, { ...world, members: lax });
    }),
  );
});

it('lists that show the newest few only change nothing of what is decided', () => {
  fc.assert(
    fc.property(someWorld, fc.constantFrom(undefined, 1, 3), (world, listNewest) => {
      const other = selectionIn({ ...world, rules: { ...world.rules, listNewest } });
      expect(wordsOffered(other)).toEqual(wordsOffered(selectionIn(world)));
    }),
  );
});

it('what is denied by its name is denied whoever lists it, and nothing that is denied is offered', () => {
  fc.assert(
    fc.property(someWorld, someDenials, (world, deny) => {
      const selection = selectionIn({ ...world, rules: { ...world.rules, deny } });
      const empty = selectionIn({ ...world, members: [], rules: { ...world.rules, deny } });
      each(empty, (decision, chart, version) => {
        if (decision.outcome !== 'denied') return;
        expect(selection.decide(chart, version)).toEqual(decision);
      });
      for (const [, all] of everythingOffered(selection)) {
        for (const { version, held } of all) {
          const own = held ? [held.archive.digest] : version.claims.map(({ digest }) => digest);
          // the digests that are denied are of charts of any name, or of nginx
          const denied = deny.filter(
            ({ chart, digest }) => digest && (chart === '*' || /^nginx$/i.test(version.chart)),
          );
          for (const one of denied) expect(own).not.toContain(one.digest);
        }
      }
    }),
  );
});

it('what is decided of a chart depends on no other chart', () => {
  fc.assert(
    fc.property(someWorld, fc.constantFrom(...charts), (world, chart) => {
      // since when there is a first listing is told from all of it
      const anchored = world.members.map((one) => ({
        ...one,
        claims: [...one.claims, claimed('anchor', '1.0.0', { since: day(2) })],
      }));
      const alone = anchored.map((one) => ({
        ...one,
        claims: one.claims.filter((claim) => claim.chart === chart || claim.chart === 'anchor'),
      }));
      const [all, only] = [selectionIn({ ...world, members: anchored }), selectionIn({ ...world, members: alone })];
      for (const version of versions) {
        expect(wordsOfDecision(only, only.decide(chart, version))).toBe(
          wordsOfDecision(all, all.decide(chart, version)),
        );
      }
      expect(only.changesMs(chart)).toBe(all.changesMs(chart));
    }),
  );
});

it('time only adds to what is offered, and the next change is exactly when it is announced', () => {
  fc.assert(
    fc.property(someWorld, someRules, (world, rules) => {
      const cooling = { ...world, rules: { ...rules, cooldownMs: 3 * 24 * 3_600_000 } };
      const now = selectionIn(cooling);
      const changesMs = Math.min(...charts.map((chart) => now.changesMs(chart)));
      const at = (nowMs: number): string[] => wordsOffered(selectionIn({ ...cooling, nowMs }));
      const before = wordsOffered(now);
      if (changesMs === Infinity) {
        expect(at(world.nowMs + 1000 * 24 * 3_600_000)).toEqual(before);
        return;
      }
      expect(changesMs).toBeGreaterThan(world.nowMs);
      expect(at(changesMs - 1)).toEqual(before);
      const after = at(changesMs);
      expect(after.length).toBeGreaterThan(before.length);
      expect(before.filter((word) => !after.includes(word))).toEqual([]);
    }),
  );
});
