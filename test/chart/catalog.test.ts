import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Catalog, claimTable, emptyCatalog, isRewritten, isWithdrawn, neverSeen } from '../../src/chart/catalog.ts';
import { decodeClaim, encodeClaim, repeats, type KnownClaim } from '../../src/chart/claim.ts';
import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { wordsOf } from '../support/indexes.ts';

const digest = digestOf(Buffer.from('a'));
const other = digestOf(Buffer.from('b'));
const since = '2026-01-01T00:00:00Z';

const claim = (version: string, more: Partial<KnownClaim> = {}): KnownClaim => ({
  chart: 'nginx',
  version,
  source: `nginx-${version}.tgz`,
  since,
  ...more,
});

const anyClaim: fc.Arbitrary<KnownClaim> = fc.record(
  {
    chart: fc.constantFrom('nginx', 'loki', 'constructor', 'toString'),
    version: fc.constantFrom('1.0.0', 'v1.0', '2.0.0-rc.1', '1.0.0+b'),
    source: fc.stringMatching(/^[!-~\u00e4\u2028]{0,20}$/),
    since: fc.constantFrom(since, '2026-02-01T00:00:00Z'),
    digest: fc.constantFrom<Digest[]>(digest, other),
    created: fc.constant('2020-01-01T00:00:00.123+02:00'),
    metadata: fc.record({ description: fc.string({ unit: 'grapheme' }) }).map((value) => JSON.stringify(value)),
    extra: fc.constant('{"x":"\\t\\n"}'),
    missing: fc.integer({ min: 1, max: 3 }),
    tag: fc.constant('charts/nginx:1.0.0'),
    refused: fc.constant('not-a-chart'),
  },
  { requiredKeys: ['chart', 'version', 'source', 'since'] },
);

const lineOf = (text: string): Buffer => Buffer.from(text.slice(0, -1));

describe('a claim as a line', () => {
  it('is one line, and comes back as it was', () => {
    fc.assert(
      fc.property(anyClaim, (one) => {
        const line = encodeClaim(one);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(decodeClaim(lineOf(line))).toEqual(one);
      }),
    );
  });

  it('is the same bytes whatever order its fields were written in', () => {
    fc.assert(
      fc.property(anyClaim, (one) => {
        expect(encodeClaim(Object.fromEntries(Object.entries(one).toReversed()) as unknown as KnownClaim)).toBe(
          encodeClaim(one),
        );
      }),
    );
  });

  it('of a listing is known again in a catalog, unless anything else is remembered of it', () => {
    const listed = lineOf(encodeClaim({ ...claim('1.0.0', { digest, metadata: '{"name":"nginx"}' }), since: '' }));
    const known = (more: Partial<KnownClaim>): Buffer =>
      lineOf(encodeClaim(claim('1.0.0', { digest, metadata: '{"name":"nginx"}', ...more })));
    expect(repeats(known({}), listed)).toBe(true);
    const different: Partial<KnownClaim>[] = [
      { missing: 1 },
      { digest: other },
      { metadata: '{"name":"nginx","x":1}' },
      { extra: '{}' },
      { tag: 'x' },
      { source: 'y' },
      { refused: 'not-a-chart' },
      { since: '' },
    ];
    for (const more of different) expect(repeats(known(more), listed)).toBe(false);
  });
});

describe('a catalog', () => {
  const rows = [
    claim('1.9.0'),
    { ...claim('0.3.0'), chart: 'loki' },
    claim('1.10.0', { digest }),
    claim('1.9.0', { digest }),
    claim('1.10.0', { digest: other }),
    { ...claim('1.0.0'), chart: 'constructor' },
  ];
  const catalog = new Catalog(claimTable(rows));

  it('has charts by name and versions newest first, claims of a version in the order they came in', () => {
    expect([...catalog.charts()]).toEqual(['constructor', 'loki', 'nginx']);
    expect(wordsOf([...catalog.all()])).toEqual(['constructor 1.0.0', 'loki 0.3.0', 'nginx 1.10.0', 'nginx 1.9.0']);
    expect(catalog.find('nginx', '1.10.0')?.claims.map((one) => one.digest)).toEqual([digest, other]);
    expect(catalog.find('nginx', '1.9.0')?.claims.map((one) => one.digest)).toEqual([undefined, digest]);
    expect([...catalog.charts()]).toHaveLength(3);
  });

  it('finds by exact name and version, and nothing by what only looks alike', () => {
    expect(catalog.find('nginx', '1.9.0')?.version).toBe('1.9.0');
    for (const [chart, version] of [
      ['nginx', '1.9'],
      ['nginx', 'v1.9.0'],
      ['nginx', '1.9.00'],
      ['nginx', ''],
      ['ngin', 'x\t1.9.0'],
      ['nginx\t1.9.0', ''],
      ['NGINX', '1.9.0'],
      ['toString', '1.0.0'],
      ['__proto__', '1.0.0'],
      ['', ''],
    ] as const) {
      expect(catalog.find(chart, version)).toBeUndefined();
    }
    expect(catalog.has('__proto__')).toBe(false);
    expect([...catalog.versions('hasOwnProperty')]).toEqual([]);
  });

  it('knows since when the versions of its first listing are known, whatever else is remembered of them', () => {
    const named = fc.constantFrom(undefined, true as const);
    const anyTime = fc.constantFrom(since, '2026-01-01T00:00:01Z', '2025-12-31T23:59:59Z');
    const any = fc
      .tuple(anyClaim, named, anyTime)
      .map(([one, byName, time]) => ({ ...one, named: byName, since: time }));
    fc.assert(
      fc.property(fc.array(any), (claims) => {
        const listed = claims.filter((one) => !one.named).map((one) => one.since);
        const catalog = new Catalog(claimTable(claims));
        const first = listed.sort()[0] ?? neverSeen;
        expect([catalog.firstListing, catalog.firstListing]).toEqual([first, first]);
      }),
    );
  });

  it('without rows has nothing', () => {
    expect([...emptyCatalog.all()]).toEqual([]);
    expect([...emptyCatalog.charts()]).toEqual([]);
    expect(emptyCatalog.find('nginx', '1.9.0')).toBeUndefined();
  });
});

describe('a chart version', () => {
  const version = (...claims: readonly KnownClaim[]): Parameters<typeof isWithdrawn>[0] => ({
    chart: 'nginx',
    version: '1.0.0',
    claims,
  });

  it('is withdrawn when each of its claims was missing three times', () => {
    expect(isWithdrawn(version(claim('1.0.0', { missing: 3 }), claim('1.0.0', { missing: 3 })))).toBe(true);
    expect(isWithdrawn(version(claim('1.0.0', { missing: 3 }), claim('1.0.0')))).toBe(false);
    expect(isWithdrawn(version(claim('1.0.0', { missing: 2 })))).toBe(false);
  });

  it('is rewritten when everything listed of it promises other bytes', () => {
    expect(isRewritten([claim('1', { digest, missing: 1 }), claim('1', { digest: other })], digest)).toBe(true);
    expect(isRewritten([claim('1', { digest: other })], digest)).toBe(true);
  });

  it('is not rewritten when the held bytes are still promised, nothing is, or nothing is listed', () => {
    expect(isRewritten([claim('1', { digest }), claim('1', { digest: other })], digest)).toBe(false);
    expect(isRewritten([claim('1', { digest, missing: 1 }), claim('1')], digest)).toBe(false);
    expect(isRewritten([claim('1', { digest: other, missing: 3 })], digest)).toBe(false);
  });
});
