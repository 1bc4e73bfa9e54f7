import { gunzipSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { KnownClaim } from '../../src/chart/claim.ts';
import { digestOf, hexOf, type Digest } from '../../src/chart/digest.ts';
import type { KeptVersion } from '../../src/chart/holding.ts';
import type { RepositoryParts } from '../../src/formats/index-rendering.ts';
import { indexOf, indexText, memberOf, partsOf as partsOfMembers } from '../support/index-parts.ts';

const [digestA, digestB, digestC] = [
  digestOf(Buffer.from('a')),
  digestOf(Buffer.from('b')),
  digestOf(Buffer.from('c')),
];

function claim(chart: string, version: string, more: Partial<KnownClaim> = {}): KnownClaim {
  const metadata = JSON.stringify({ apiVersion: 'v1', name: chart, version });
  return { chart, version, source: `https://elsewhere/${chart}.tgz?token=x`, since: '2026-01-01', metadata, ...more };
}

function kept(chart: string, version: string, digest: Digest): KeptVersion {
  return { chart, version, archive: { mediaType: 'x', digest, size: 1 }, heldAt: '2026-01-01T00:00:00Z' };
}

function partsOf(claims: readonly KnownClaim[], held: readonly KeptVersion[] = []): RepositoryParts {
  return partsOfMembers([memberOf('nexus', claims, held)]);
}

interface Row {
  readonly version: string;
  readonly digest?: string;
  readonly urls: readonly string[];
  readonly created?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Index {
  readonly entries: Readonly<Record<string, readonly Row[]>>;
  readonly generated?: string;
}

const read = (parts: RepositoryParts): Index => JSON.parse(indexText(indexOf(parts))) as Index;
const onlyRow = (claims: readonly KnownClaim[], held: readonly KeptVersion[] = []): Row | undefined =>
  read(partsOf(claims, held)).entries['nginx']?.[0];

describe('a rendered index', () => {
  const claims = [
    claim('nginx', '1.9.0', { digest: digestA, created: '2024-01-01T00:00:00Z', extra: '{"engine":"gotpl"}' }),
    claim('nginx', '1.10.0+b', { created: '2024-06-01T12:00:00.5+02:00' }),
    claim('loki', 'v0.1'),
  ];

  it('is these bytes', () => {
    expect(indexText(indexOf(partsOf(claims)))).toBe(
      [
        '{"apiVersion":"v1",',
        '"entries":{',
        '"loki":[',
        '{"apiVersion":"v1","name":"loki","version":"v0.1","urls":["charts/loki/loki-v0.1.tgz"]}',
        '],',
        '"nginx":[',
        '{"apiVersion":"v1","name":"nginx","version":"1.10.0+b","created":"2024-06-01T12:00:00.5+02:00",' +
          '"urls":["charts/nginx/nginx-1.10.0+b.tgz"]},',
        '{"apiVersion":"v1","name":"nginx","version":"1.9.0","created":"2024-01-01T00:00:00Z",' +
          `"digest":"${hexOf(digestA)}","urls":["charts/nginx/nginx-1.9.0.tgz"]}`,
        ']},',
        '"generated":"2024-06-01T12:00:00.5+02:00"}',
        '',
      ].join('\n'),
    );
  });

  it('is named by the digest of its bytes, and the same bytes when unpacked, in memory that can move', () => {
    const { identity: pieces, gzip, etag } = indexOf(partsOf(claims));
    const [identity = Buffer.alloc(0)] = pieces;
    expect(pieces).toHaveLength(1);
    expect(etag).toBe(hexOf(digestOf(identity)));
    expect(gunzipSync(gzip).equals(Buffer.from(identity))).toBe(true);
    expect(identity.buffer.byteLength).toBe(identity.byteLength);
    expect(() => structuredClone(identity, { transfer: [identity.buffer as ArrayBuffer] })).not.toThrow();
  });

  it('is the same for equal input, however it came together', () => {
    const once = indexOf(partsOf(claims, [kept('nginx', '1.9.0', digestA), kept('loki', 'v0.1', digestB)]));
    const again = indexOf(
      structuredClone(partsOf(claims.toReversed(), [kept('loki', 'v0.1', digestB), kept('nginx', '1.9.0', digestA)])),
    );
    expect(indexText(again)).toBe(indexText(once));
    expect(Buffer.from(again.gzip).equals(Buffer.from(once.gzip))).toBe(true);
  });

  it('has each chart from the member that provides it, and from no other', () => {
    const one = memberOf('one', [claim('nginx', '1.0.0')]);
    const other = memberOf('other', [claim('nginx', '2.0.0'), claim('loki', '3.0.0')]);
    const versionsOf = (owners: readonly (readonly [string, string])[]): unknown =>
      Object.entries(read(partsOfMembers([one, other], { owners })).entries).map(([chart, [row]]) => [
        chart,
        row?.version,
      ]);
    expect(versionsOf([])).toEqual([
      ['loki', '3.0.0'],
      ['nginx', '1.0.0'],
    ]);
    expect(versionsOf([['nginx', 'other']])).toEqual([
      ['loki', '3.0.0'],
      ['nginx', '2.0.0'],
    ]);
    expect(versionsOf([['*', 'one']])).toEqual([['nginx', '1.0.0']]);
  });

  it('of nothing is an index all the same', () => {
    expect(indexText(indexOf(partsOfMembers([])))).toBe('{"apiVersion":"v1",\n"entries":{}}\n');
  });

  it('has neither hosts, tokens nor unknown keys of an upstream', () => {
    expect(indexText(indexOf(partsOf(claims)))).not.toMatch(/elsewhere|token|engine|http/);
  });

  it('may be far larger than what it is made of', () => {
    const many = Array.from({ length: 3000 }, (_, at) =>
      claim('nginx', `1.0.${at}`, { missing: 3, metadata: JSON.stringify({ description: '€'.repeat(20) }) }),
    );
    expect(read(partsOf(many)).entries['nginx']).toHaveLength(3000);
  });
});

describe('the digest of a listed version', () => {
  it('is that of the held bytes, whatever is claimed', () => {
    expect(onlyRow([claim('nginx', '1.0.0', { digest: digestA })], [kept('nginx', '1.0.0', digestC)])?.digest).toBe(
      hexOf(digestC),
    );
    expect(onlyRow([claim('nginx', '1.0.0')], [kept('nginx', '1.0.0', digestC)])?.digest).toBe(hexOf(digestC));
  });

  it('is the claimed one when there is exactly one', () => {
    expect(onlyRow([claim('nginx', '1.0.0', { digest: digestA })])?.digest).toBe(hexOf(digestA));
    const withSilent = [claim('nginx', '1.0.0'), claim('nginx', '1.0.0', { digest: digestA })];
    expect(onlyRow(withSilent)?.digest).toBe(hexOf(digestA));
  });

  it('is left out when several are claimed, or none', () => {
    const two = [claim('nginx', '1.0.0', { digest: digestA }), claim('nginx', '1.0.0', { digest: digestB })];
    expect(onlyRow(two)).not.toHaveProperty('digest');
    expect(onlyRow([claim('nginx', '1.0.0')])).not.toHaveProperty('digest');
  });

  it('belongs to the row whose bytes are held, with its metadata and its time', () => {
    const rows = [
      claim('nginx', '1.0.0', { digest: digestA, metadata: '{"name":"first"}' }),
      claim('nginx', '1.0.0', { digest: digestB, metadata: '{"name":"second"}', created: '2024-01-01T00:00:00Z' }),
    ];
    expect(onlyRow(rows)).toMatchObject({ name: 'first' });
    expect(onlyRow(rows, [kept('nginx', '1.0.0', digestB)])).toEqual({
      name: 'second',
      created: '2024-01-01T00:00:00Z',
      digest: hexOf(digestB),
      urls: ['charts/nginx/nginx-1.0.0.tgz'],
    });
  });
});

describe('the time of an index', () => {
  const generated = (...times: readonly string[]): string | undefined =>
    read(partsOf(times.map((created, at) => claim('nginx', `1.0.${at}`, { created })))).generated;

  it('is the greatest of its rows, by time and not by text, as it was written', () => {
    expect(generated('2024-01-01T23:00:00Z', '2024-01-02T00:30:00+02:00')).toBe('2024-01-01T23:00:00Z');
    expect(generated('2024-01-01T23:00:00Z', '2024-01-02T01:30:00+02:00')).toBe('2024-01-02T01:30:00+02:00');
    expect(generated('0001-01-01T00:00:00Z')).toBe('0001-01-01T00:00:00Z');
  });

  it('is the same in any order, also when one time is written in two ways', () => {
    const times = ['2024-01-01T02:00:00+02:00', '2024-01-01T00:00:00Z', '2023-12-31T23:00:00-01:00'];
    const once = generated(...times);
    fc.assert(fc.property(fc.shuffledSubarray(times, { minLength: 3 }), (other) => generated(...other) === once));
  });

  it('is left out when no row has one', () => {
    expect(read(partsOf([claim('nginx', '1.0.0')]))).not.toHaveProperty('generated');
  });
});

describe('a withdrawn version', () => {
  it('is listed, and says so beside its other annotations', () => {
    const metadata = JSON.stringify({ annotations: { a: 'b', __proto__x: 'y' }, name: 'nginx' });
    expect(onlyRow([claim('nginx', '1.0.0', { missing: 3, metadata })])?.annotations).toEqual({
      a: 'b',
      __proto__x: 'y',
      'chartroom/withdrawn': 'true',
    });
    expect(onlyRow([claim('nginx', '1.0.0', { missing: 3 })])?.annotations).toEqual({ 'chartroom/withdrawn': 'true' });
  });

  it('is not one that was missing twice, or whose claims are not all missing', () => {
    expect(onlyRow([claim('nginx', '1.0.0', { missing: 2 })])).not.toHaveProperty('annotations');
    const rewritten = [
      claim('nginx', '1.0.0', { missing: 3, digest: digestA }),
      claim('nginx', '1.0.0', { digest: digestB }),
    ];
    expect(onlyRow(rewritten, [kept('nginx', '1.0.0', digestA)])).not.toHaveProperty('annotations');
  });

  it('stays safe for YAML when it says so', () => {
    const metadata = String.raw`{"description":"a\u0085b\u2028c/d","name":"nginx"}`;
    const text = indexText(indexOf(partsOf([claim('nginx', '1.0.0', { missing: 3, metadata })])));
    expect(text).toContain(String.raw`a\u0085b\u2028c/d`);
  });
});

describe('what is not listed', () => {
  it('is a claim that nobody described yet, or that turned out to be no chart', () => {
    const bare = { metadata: undefined };
    const rows = [
      claim('image', '1.0.0', { ...bare, refused: 'not-a-chart' }),
      claim('new', '1.0.0', bare),
      claim('nginx', '2.0.0', bare),
      claim('nginx', '1.0.0'),
    ];
    const { entries } = read(partsOf(rows));
    expect(Object.keys(entries)).toEqual(['nginx']);
    expect(entries['nginx']?.map(({ version }) => version)).toEqual(['1.0.0']);
  });

  it('is what a rule of the repository or of the upstream hides', () => {
    const rows = [claim('nginx', '1.0.0'), claim('nginx', '2.0.0-rc.1'), claim('loki', '1.0.0')];
    const listed = (parts: RepositoryParts): unknown =>
      Object.entries(read(parts).entries).flatMap(([chart, all]) => all.map(({ version }) => `${chart} ${version}`));
    const member = memberOf('nexus', rows);
    expect(listed(partsOfMembers([member], { prereleases: false }))).toEqual(['loki 1.0.0', 'nginx 1.0.0']);
    expect(listed(partsOfMembers([member], { charts: ['ng*'], listNewest: 1 }))).toEqual(['nginx 2.0.0-rc.1']);
    const narrow = { ...member, rules: { ...member.rules, charts: ['loki'] } };
    expect(listed(partsOfMembers([narrow]))).toEqual(['loki 1.0.0']);
  });
});
