import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { openLog } from '../../src/lib/log.ts';
import type { OwnerChange, PlannedChart } from '../../src/mirror/contract/plan.ts';
import { planner } from '../../src/mirror/offering/plan.ts';
import { ServingNote, servingOf } from '../../src/mirror/offering/serving.ts';
import { TestEngine } from '../support/engine.ts';
import { jobsHere } from '../support/kept-store.ts';
import { configuration, history, openWorld } from './random-world.ts';

/** What each repository lists: who provides which version of which chart. */
type Listing = ReadonlyMap<string, ReadonlyMap<string, string>>;

const log = openLog({ level: 'error', format: 'json' }, { write: () => undefined });

function settingsOf({ engine }: TestEngine) {
  const upstreams = engine.known.map(({ settings }) => settings);
  return { upstreams, repositories: engine.repositories.all.map(({ settings }) => settings) };
}

/** The index as clients read it, and who provides its rows. Nothing while there is none. */
function listingOf({ engine, reader }: TestEngine, repository: string): Listing {
  if (!engine.repositories.all.some(({ name }) => name === repository)) return new Map();
  const { built } = engine.repositories.find(repository);
  if (!built) return new Map();
  const index = JSON.parse(Buffer.concat(built.identity).toString()) as {
    entries: Record<string, { version: string }[]>;
  };
  const catalog = reader.catalog(repository);
  const { selection } = engine.repositories.find(repository).offer;
  return new Map(
    Object.entries(index.entries).map(([chart, rows]) => {
      const members = new Map([...catalog.listed(chart)].map(({ version, member }) => [version.version, member]));
      const nameOf = (version: string) => selection.members[members.get(version) ?? -1]?.name ?? 'nobody';
      return [chart, new Map(rows.map(({ version }) => [version, nameOf(version)]))];
    }),
  );
}

/** What the first has and the second has not. */
function without(some: Listing, others: Listing): readonly PlannedChart[] {
  return [...some].flatMap(([chart, rows]) => {
    const versions = [...rows.keys()].filter((version) => !others.get(chart)?.has(version));
    return versions.length > 0 ? [{ chart, versions }] : [];
  });
}

/** Rows of both that somebody else provides. */
function movedRows(before: Listing, after: Listing): readonly Required<OwnerChange>[] {
  return [...before].flatMap(([chart, rows]) =>
    [...rows].flatMap(([version, from]) => {
      const to = after.get(chart)?.get(version);
      return to === undefined || to === from ? [] : [{ chart, version, from, to }];
    }),
  );
}

/** What is said to change owner does, and what does is said to. */
function expectOwners(owners: readonly OwnerChange[], was: Listing, is: Listing): void {
  for (const { chart, version, from, to } of movedRows(was, is)) {
    const whole = { chart, from, to };
    expect(owners.some(isLike(whole)) || owners.some(isLike({ ...whole, version }))).toBe(true);
  }
  for (const { chart, version, from, to } of owners) {
    expect(from).not.toBe(to);
    const [earlier, later] = [was, is].map((listing) => listing.get(chart) ?? new Map<string, string>());
    const rows = (listed: ReadonlyMap<string, string> | undefined) =>
      [...(listed ?? [])].filter(([text]) => version === undefined || text === version).map(([, name]) => name);
    expect(rows(earlier).filter((name) => name !== from)).toEqual([]);
    expect(rows(later).filter((name) => name !== to)).toEqual([]);
  }
}

function isLike(expected: unknown): (other: unknown) => boolean {
  return (other) => isDeepStrictEqual(other, expected);
}

test('a plan is what becomes of the indexes, whatever is changed', async () => {
  const seen = { appear: 0, disappear: 0, owners: 0 };
  const names = ['one', 'two'];
  await fc.assert(
    fc.asyncProperty(configuration, configuration, history, async (before, after, past) => {
      const { world, store, clock, configured } = await openWorld(before, past);
      const now = settingsOf(world);
      await new ServingNote({ store, log }).keep(servingOf(now.upstreams, now.repositories));
      const wanted = settingsOf(new TestEngine({ ...configured(after), store, clock }));

      const plan = await planner({ store, jobs: jobsHere, clock, ...wanted }).plan();

      const earlier = new Map(names.map((name) => [name, listingOf(world, name)]));
      await world.reconfigure(configured(after));
      const there = names.filter((name) => before.repositories[name] ?? after.repositories[name]);
      expect(plan.repositories.map(({ name }) => name).sort()).toEqual(there);
      for (const { name, change, appear, disappear, owners } of plan.repositories) {
        const [was, is] = [earlier.get(name) ?? new Map(), listingOf(world, name)];
        expect({ name, appear, disappear }).toEqual({ name, appear: without(is, was), disappear: without(was, is) });
        expectOwners(owners, was, is);
        if (change === 'unchanged') expect([appear, disappear, owners]).toEqual([[], [], []]);
        seen.appear += appear.length;
        seen.disappear += disappear.length;
        seen.owners += owners.length;
      }
    }),
    { numRuns: 80 },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(5);
});
