import { gunzipSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { KnownClaim } from '../../src/chart/claim.ts';
import { digestOf, hexOf } from '../../src/chart/digest.ts';
import type { KeptVersion } from '../../src/chart/holding.ts';
import type { RepositoryRules } from '../../src/chart/rules.ts';
import { RenderingMemory } from '../../src/formats/index-memory.ts';
import { renderRepository, type IndexMember, type RenderedRepository } from '../../src/formats/index-rendering.ts';
import { TableReader } from '../../src/lib/shared-table.ts';
import { memberOf, openRules, partsOf } from '../support/index-parts.ts';

const digests = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text)));
const day = 24 * 60 * 60_000;
const firstDay = Date.parse('2026-01-01T00:00:00Z');
const sights = ['2026-01-01T00:00:00Z', '2026-01-03T00:00:00Z', '2026-01-05T00:00:00Z'];

/** Some versions of a chart, and what is held of them. Some metadata is so large that a block ends there. */
const chart = fc.record({
  versions: fc.uniqueArray(fc.constantFrom('1.0.0', 'v1', '1.1.0', '2.0.0-rc.1'), { maxLength: 3 }),
  size: fc.constantFrom(0, 10, 10, 66_000),
  created: fc.option(fc.constantFrom('2024-01-01T00:00:00Z', '2025-12-31T00:00:00Z'), { nil: undefined }),
  since: fc.constantFrom(...sights),
  missing: fc.constantFrom(undefined, 1, 3),
  described: fc.boolean(),
  held: fc.option(fc.nat(2), { nil: undefined }),
});
type Chart = typeof chart extends fc.Arbitrary<infer T> ? T : never;
type Charts = Readonly<Record<string, Chart>>;

function claimsOf(charts: Charts): readonly KnownClaim[] {
  return Object.entries(charts).flatMap(([name, { versions, size, described, ...more }]) =>
    versions.map((version) => {
      const metadata = described ? JSON.stringify({ name, version, description: 'x'.repeat(size) }) : undefined;
      const { created, since, missing } = more;
      return { chart: name, version, source: 's', created, since, missing, metadata };
    }),
  );
}

function heldOf(charts: Charts): readonly KeptVersion[] {
  return Object.entries(charts).flatMap(([name, { versions, held }]) => {
    const digest = held === undefined ? undefined : digests[held];
    const archive = digest && { mediaType: 'x', digest, size: 1 };
    return archive
      ? versions.map((version) => ({ chart: name, version, archive, heldAt: '2024-01-01T00:00:00Z' }))
      : [];
  });
}

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'nginx', 'loki', 'x.y');
const charts = fc.dictionary(names, chart, { maxKeys: 6, noNullPrototype: true });

const field = fc.constantFrom('versions', 'size', 'created', 'since', 'missing', 'described', 'held', 'held');

/** Rules that change what is listed, and back. */
const rules: fc.Arbitrary<Partial<RepositoryRules>> = fc.constantFrom(
  {},
  { overlap: 'merge' },
  { cooldownMs: 2 * day },
  { cooldownMs: 2 * day, overlap: 'merge', listNewest: 1 },
  { listNewest: 1 },
  { prereleases: false },
  { deny: [{ text: 'nginx', chart: 'nginx' }] },
  { charts: ['!nginx'] },
  { owners: [['nginx', 'two']] },
);

/** One rendering: of which members in which order, by which rules, when; and what becomes of a member's chart before it. */
const step = fc.record({
  repository: fc.constantFrom('all', 'some', 'other'),
  order: fc.constantFrom(['one', 'two'], ['two', 'one'], ['one'], ['two']),
  rules,
  withdrawn: fc.constantFrom<'keep' | 'drop'>('keep', 'keep', 'drop'),
  dayNow: fc.nat(8),
  changes: fc.array(fc.record({ upstream: fc.constantFrom('one', 'two'), nth: fc.nat(5), field, chart }), {
    maxLength: 2,
  }),
  forgetful: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type World = Readonly<Record<string, Charts>>;

function after(world: World, { changes }: Step): World {
  return changes.reduce((now, { upstream, nth, field: changed, chart: other }) => {
    const known = now[upstream] ?? {};
    const [name, before] = Object.entries(known)[nth % Object.keys(known).length] ?? ['nginx', other];
    return { ...now, [upstream]: { ...known, [name]: { ...before, [changed]: other[changed] } } };
  }, world);
}

function membersOf(world: World, { order, withdrawn }: Step): readonly IndexMember[] {
  return order.map((name) => {
    const known = world[name] ?? {};
    return memberOf(name, claimsOf(known), heldOf(known), { ...openRules, withdrawn });
  });
}

/** Everything but how it is cut: the bytes, and what is told of them. */
function wordsOf({ index, key, shelf, madeBytes: _made, ...told }: RenderedRepository): unknown {
  const bytes = index && { identity: digestOf(Buffer.concat(index.identity)), gzip: digestOf(Buffer.from(index.gzip)) };
  const shelves = Buffer.concat(shelf.texts.map((text) => Buffer.from(text)));
  return { ...told, key, etag: index?.etag, bytes, shelf: shelves.toString() };
}

const noChart: Omit<Chart, 'versions'> = {
  size: 0,
  created: undefined,
  since: sights[0] ?? '',
  missing: undefined,
  described: true,
  held: undefined,
};

describe('an index that is rendered from memory', () => {
  const sizes = fc.constantFrom(
    { medium: 0, large: 300 },
    { medium: 300, large: 100_000 },
    { medium: 1e9, large: 1e9 },
  );

  it('is the same bytes as one that is rendered for the first time, whatever came before', () => {
    const worlds = fc.record({ one: charts, two: charts });
    fc.assert(
      fc.property(worlds, fc.array(step, { minLength: 1, maxLength: 6 }), sizes, (first, steps, limits) => {
        const memory = new RenderingMemory();
        const keys = new Map<string, string>();
        const bytesOf = new Map<string, string>();
        let world: World = first;
        for (const one of steps) {
          world = after(world, one);
          const { repository, dayNow, forgetful } = one;
          const have = forgetful ? [] : [...keys.values()];
          const nowMs = firstDay + dayNow * day;
          const parts = { ...partsOf(membersOf(world, one), one.rules), repository, nowMs };
          const fresh = renderRepository(parts, new RenderingMemory(), limits);
          const again = renderRepository({ ...parts, have }, memory, limits);
          const { etag = '', gzip, identity } = fresh.index ?? { gzip: Buffer.alloc(0), identity: [] };
          if (!again.index) expect(have).toContain(fresh.key);
          const words = wordsOf({ ...again, index: again.index ?? fresh.index });
          expect(words).toEqual(wordsOf(fresh));
          expect(bytesOf.get(fresh.key) ?? etag).toBe(etag);
          expect(etag).toBe(hexOf(digestOf(Buffer.concat(identity))));
          expect(gunzipSync(gzip).equals(Buffer.concat(identity))).toBe(true);
          JSON.parse(Buffer.concat(identity).toString());
          bytesOf.set(fresh.key, etag);
          keys.set(repository, again.key);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('has a version that was listed later, and is one of the first listing now, as old as it says', () => {
    const memory = new RenderingMemory();
    const [early = '', late = ''] = sights;
    const old: Chart = { ...noChart, versions: ['1.0.0'], created: '2024-01-01T00:00:00Z', size: 66_000 };
    const listed = (known: Charts): readonly string[] => {
      // what was found by name belongs to no listing
      const claims = claimsOf(known).map((claim) => ({
        ...claim,
        ...(claim.chart === 'found' && { named: true as const }),
      }));
      const parts = partsOf([memberOf('one', claims)], { cooldownMs: 2 * day });
      const { shelf } = renderRepository({ ...parts, nowMs: firstDay + 3 * day }, memory);
      return [...new TableReader(shelf).groups()];
    };
    const found = { ...old, since: early };
    const later = { ...old, since: late };
    expect(listed({ found, later, 'the-first': { ...old, since: early } })).toEqual(['found', 'the-first']);
    expect(listed({ found, later })).toEqual(['found', 'later']);
  });
});

/** Sixty charts of 200 KB; one of them may be another. */
function large(upstream: string, changed = -1): IndexMember {
  const all = Array.from({ length: 60 }, (_, at) => [
    `chart-${at + 10}`,
    { ...noChart, versions: ['1.0.0'], size: at === changed ? 200_001 : 200_000 },
  ]);
  return memberOf(upstream, claimsOf(Object.fromEntries(all) as Charts));
}

function buffersOf({ index }: RenderedRepository): ReadonlySet<unknown> {
  return new Set(index?.identity.map(({ buffer }) => buffer));
}

function newBytes({ index }: RenderedRepository, before: ReadonlySet<unknown>): number {
  const fresh = index?.identity.filter(({ buffer }) => !before.has(buffer)) ?? [];
  return fresh.reduce((sum, { length }) => sum + length, 0);
}

describe('a large index', () => {
  it('shares with the last one what did not change', () => {
    const memory = new RenderingMemory();
    const before = buffersOf(renderRepository(partsOf([large('one')]), memory));
    const after = renderRepository(partsOf([large('one', 30)]), memory);
    expect(newBytes(after, before)).toBeLessThan(300_000);
    expect(after.index?.identity.length).toBeGreaterThan(20);
  });

  it('shares with those of other repositories what is the same there, whatever their rules and neighbours', () => {
    const memory = new RenderingMemory();
    const first = renderRepository(partsOf([large('one')]), memory);
    const small = memberOf('two', claimsOf({ 'chart-20b': { ...noChart, versions: ['1.0.0'] } }));
    const other = { ...partsOf([large('one'), small], { prereleases: false }), repository: 'other', have: [first.key] };
    expect(newBytes(renderRepository(other, memory), buffersOf(first))).toBeLessThan(10_000);
  });

  it('is not made again for whoever has it, whatever it is called', () => {
    const memory = new RenderingMemory();
    const { key } = renderRepository(partsOf([large('one')]), memory);
    const again = renderRepository({ ...partsOf([large('one')]), repository: 'other', have: [key] }, memory);
    expect([again.key, again.index, again.counts]).toEqual([key, undefined, { charts: 60, versions: 60 }]);
  });

  it('is forgotten when it is not served any more', () => {
    const memory = new RenderingMemory();
    const before = buffersOf(renderRepository(partsOf([large('one')]), memory));
    renderRepository({ ...partsOf([]), repository: 'other' }, memory);
    expect(newBytes(renderRepository(partsOf([large('one')]), memory), before)).toBeGreaterThan(12_000_000);
  });
});
