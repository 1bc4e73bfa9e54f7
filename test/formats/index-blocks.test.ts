import { gunzipSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { claimTable, type KnownClaim } from '../../src/chart/catalog.ts';
import { digestOf, hexOf } from '../../src/chart/digest.ts';
import { mergeHoldings, type KeptVersion } from '../../src/chart/holding.ts';
import { renderIndex, type BlockMemory, type IndexParts } from '../../src/formats/index-rendering.ts';
import { tableOf } from '../../src/lib/shared-table.ts';

const digests = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text)));

/** Some versions of a chart, and what is held of them. Some metadata is so large that a block ends there. */
const chart = fc.record({
  versions: fc.uniqueArray(fc.constantFrom('1.0.0', '1.1.0', '2.0.0-rc.1'), { maxLength: 3 }),
  size: fc.constantFrom(0, 10, 100_000),
  created: fc.option(fc.constantFrom('2024-01-01T00:00:00Z', '2025-01-01T00:00:00Z'), { nil: undefined }),
  missing: fc.constantFrom(undefined, 1, 3),
  described: fc.boolean(),
  held: fc.option(fc.nat(2), { nil: undefined }),
});
type Chart = typeof chart extends fc.Arbitrary<infer T> ? T : never;

type Charts = Readonly<Record<string, Chart>>;

function claimsOf(charts: Charts): readonly KnownClaim[] {
  return Object.entries(charts).flatMap(([name, { versions, size, created, missing, described }]) =>
    versions.map((version) => {
      const metadata = described ? JSON.stringify({ name, version, description: 'x'.repeat(size) }) : undefined;
      return { chart: name, version, source: 's', since: '2024-01-01T00:00:00Z', created, missing, metadata };
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

function partsOf(members: readonly Charts[], withdrawn: 'keep' | 'drop'): IndexParts {
  const owner = new Map(members.flatMap((charts, at) => Object.keys(charts).map((name) => [name, at] as const)));
  return {
    members: members.map((charts) => ({
      catalog: claimTable(claimsOf(charts)),
      snapshot: mergeHoldings(tableOf([]), heldOf(charts)),
      rules: { charts: [], withdrawn, heldOnly: false },
    })),
    owners: [...owner].sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'nginx', 'loki', 'x.y');
const member = fc.dictionary(names, chart, { maxKeys: 6, noNullPrototype: true });
const rules = fc.constantFrom<'keep' | 'drop'>('keep', 'drop');
/** Something else about one chart. */
const fields = ['versions', 'size', 'created', 'missing', 'described', 'held'] as const;
const change = fc.record({ at: fc.nat(1), nth: fc.nat(5), field: fc.constantFrom(...fields), chart });

function changed(
  charts: Charts,
  { nth, field, chart: other }: typeof change extends fc.Arbitrary<infer T> ? T : never,
): Charts {
  const all = Object.entries(charts);
  const [name, before] = all[nth % all.length] ?? [];
  return name !== undefined && before ? { ...charts, [name]: { ...before, [field]: other[field] } } : charts;
}

const largeBytes = 300;

describe('an index that is rendered again', () => {
  it('is the same bytes as one that is rendered for the first time, whatever came before', () => {
    const members = fc.array(member, { minLength: 1, maxLength: 2 });
    const changes = fc.array(fc.record({ change, withdrawn: rules }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(members, changes, (first, all) => {
        const memory: BlockMemory = new Map();
        let now: readonly Charts[] = first;
        for (const { change: one, withdrawn } of all) {
          const parts = partsOf(now, withdrawn);
          const [again, fresh] = [renderIndex(parts, memory, largeBytes), renderIndex(parts, new Map(), largeBytes)];
          const text = Buffer.concat(again.identity);
          expect(text.equals(Buffer.concat(fresh.identity))).toBe(true);
          expect(text.equals(Buffer.concat(renderIndex(parts).identity))).toBe(true);
          expect(Buffer.from(again.gzip).equals(fresh.gzip)).toBe(true);
          expect(gunzipSync(again.gzip).equals(text)).toBe(true);
          expect([again.etag, fresh.etag]).toEqual(Array.from({ length: 2 }, () => hexOf(digestOf(text))));
          JSON.parse(text.toString());
          now = now.map((charts, at) => (at === one.at % first.length ? changed(charts, one) : charts));
        }
      }),
      { numRuns: 300 },
    );
  });

  const large = (changed: number): IndexParts => {
    const one = { size: 200_000, created: undefined, missing: undefined, described: true, held: undefined };
    const charts = Array.from({ length: 60 }, (_, at) => [
      `chart-${at + 10}`,
      { ...one, versions: ['1.0.0'], size: at === changed ? 200_001 : 200_000 },
    ]);
    return partsOf([Object.fromEntries(charts) as Charts], 'keep');
  };

  it('shares what did not change with the last one when it is large', () => {
    const memory: BlockMemory = new Map();
    const before = new Set(renderIndex(large(-1), memory).identity.map(({ buffer }) => buffer));
    const after = renderIndex(large(30), memory).identity;
    const fresh = after.filter(({ buffer }) => !before.has(buffer));
    expect(fresh.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(3_000_000);
    expect(after.length).toBeGreaterThan(20);
    expect(memory.size).toBe(after.length - 2);
  });

  it('is in one piece, and nothing is remembered of it, when it is small', () => {
    const memory: BlockMemory = new Map();
    renderIndex(large(-1), memory);
    expect(renderIndex(partsOf([{}], 'keep'), memory).identity).toHaveLength(1);
    expect(memory.size).toBe(0);
  });
});
