import { describe, expect, it } from 'vitest';

import type { Claim } from '../../src/chart/claim.ts';
import { readRow, readTime, type RowProblem } from '../../src/formats/index-rows.ts';
import { claimsOf, readText, wordsOf } from '../support/indexes.ts';

const hex = 'a1b2c3d4'.repeat(8);

const row = (more: Readonly<Record<string, unknown>> = {}): Claim | RowProblem =>
  readRow('nginx', { name: 'nginx', version: '1.0.0+b', urls: ['nginx.tgz'], ...more });

function claim(more: Readonly<Record<string, unknown>>): Claim {
  const read = row(more);
  if (typeof read === 'string') throw new Error(`dropped: ${read}`);
  return read;
}

const sourceOf = (...urls: readonly unknown[]): string => claim({ urls }).source;

describe('the urls of a row', () => {
  it.each([
    ['nginx-1.0.0.tgz'],
    ['charts/nginx-1.0.0+b.tgz'],
    ['../nginx.tgz'],
    ['/abs/nginx.tgz'],
    ['https://charts.corp/nginx.tgz?token=x&y=%20'],
    ['HTTP://charts.corp:8080/nginx.tgz'],
    ['//charts.corp/nginx.tgz'],
    ['oci://ghcr.io/charts/nginx:1.0.0'],
    [`oci://ghcr.io/charts/nginx@sha256:${hex}`],
    ['oci://localhost:5000/charts/nginx:v1'],
  ])('stay as they are written: %s', (url) => expect(sourceOf(url)).toBe(url));

  it.each([
    ['  nginx.tgz ', 'nginx.tgz'],
    ['my charts/nginx.tgz', 'my%20charts/nginx.tgz'],
    ['local://nginx.tgz', 'nginx.tgz'],
    ['oci://ghcr.io/charts/nginx', 'oci://ghcr.io/charts/nginx:1.0.0_b'],
    ['oci://localhost:5000/charts/nginx', 'oci://localhost:5000/charts/nginx:1.0.0_b'],
    ['OCI://ghcr.io/nginx', 'OCI://ghcr.io/nginx:1.0.0_b'],
    ['a\ud800b.tgz', 'a\ufffdb.tgz'],
  ])('are made usable: %j is %s', (url, usable) => expect(sourceOf(url)).toBe(usable));

  it('keep their order, each once, without those that are of no use', () => {
    expect(sourceOf('b.tgz', 'file:///etc/passwd', 'a.tgz', null, 'b.tgz', '', { x: 1 }, 's3://bucket/x.tgz')).toBe(
      'b.tgz a.tgz s3://bucket/x.tgz',
    );
  });

  it.each([undefined, null, [], 'nginx.tgz', {}, [null], [''], [[]], 3])('make no row when they are %j', (urls) => {
    expect(row({ urls })).toBe('no-urls');
  });

  it.each([
    'file:///etc/passwd',
    'javascript:alert(1)',
    'C:/x.tgz',
    'a\nb.tgz',
    'a\tb.tgz',
    'a\u0000.tgz',
    'a\u007f.tgz',
    '   ',
    'local://',
    'x'.repeat(3000),
  ])('make no row when there is none but %j', (url) => expect(row({ urls: [url] })).toBe('bad-url'));
});

describe('the digest of a row', () => {
  it.each([hex, `sha256:${hex}`, hex.toUpperCase(), `sha256:${hex.toUpperCase()}`])('may be written %s', (digest) => {
    expect(claim({ digest }).digest).toBe(`sha256:${hex}`);
  });

  it.each([undefined, null, '', 'abc', `sha256:${hex}0`, `md5:${hex}`, `${hex.slice(1)}g`, `${hex}\n`, 7, [hex]])(
    'is left out when it is %j, and the row stays',
    (digest) => expect(claim({ digest }).digest).toBeUndefined(),
  );
});

describe('the time of a row', () => {
  it.each([
    '2024-05-01T10:00:00Z',
    '2024-02-29T23:59:59.999999999Z',
    '2024-05-01T10:00:00.1+02:00',
    '2024-05-01T10:00:00-23:59',
    '0001-01-01T00:00:00Z',
  ])('stays as it is written: %s', (created) => expect(claim({ created }).created).toBe(created));

  it.each([
    undefined,
    null,
    '',
    'yesterday',
    '2024-05-01',
    '2024-05-01T10:00:00',
    '2024-05-01 10:00:00Z',
    '2024-05-01t10:00:00z',
    '2024-02-30T10:00:00Z',
    '2023-02-29T10:00:00Z',
    '2024-13-01T10:00:00Z',
    '2024-05-00T10:00:00Z',
    '2024-05-01T24:00:00Z',
    '2024-05-01T10:60:00Z',
    '2024-05-01T10:00:60Z',
    '2024-05-01T10:00:00+24:00',
    '2024-05-01T10:00:00.Z',
    '2024-05-01T10:00:00Z"',
    '2024-05-01T10:00:00Z\n',
    '12024-05-01T10:00:00Z',
    1714557600,
    ['2024-05-01T10:00:00Z'],
  ])('is left out when a client could not read it, and the row stays: %j', (created) => {
    expect(claim({ created }).created).toBeUndefined();
    expect(readTime(String(created))).toBe(Array.isArray(created) ? created[0] : undefined);
  });
});

describe('a row is dropped', () => {
  it.each<[string, unknown, RowProblem]>([
    ['null', null, 'not-a-row'],
    ['text', 'nginx', 'not-a-row'],
    ['a list', [], 'not-a-row'],
    ['empty', {}, 'bad-name'],
    ['without a name', { version: '1.0.0', urls: ['x'] }, 'bad-name'],
    ['with a name that leads elsewhere', { name: '../x', version: '1.0.0', urls: ['x'] }, 'bad-name'],
    ['with a path for a name', { name: 'a/b', version: '1.0.0', urls: ['x'] }, 'bad-name'],
    ['with a list for a name', { name: ['nginx'], version: '1.0.0', urls: ['x'] }, 'bad-name'],
    ['with the name of another chart', { name: 'loki', version: '1.0.0', urls: ['x'] }, 'name-mismatch'],
    ['without a version', { name: 'nginx', urls: ['x'] }, 'bad-version'],
    ['with null for a version', { name: 'nginx', version: null, urls: ['x'] }, 'bad-version'],
    ['with a version that is none', { name: 'nginx', version: 'latest', urls: ['x'] }, 'bad-version'],
    ['with a line feed in its version', { name: 'nginx', version: '1.0.0\n', urls: ['x'] }, 'bad-version'],
    ['without urls', { name: 'nginx', version: '1.0.0' }, 'no-urls'],
    ['of a type that Helm does not know', { name: 'nginx', version: '1', urls: ['x'], type: 'app' }, 'bad-metadata'],
  ])('when it is %s', (_, fields, problem) => {
    expect(readRow('nginx', fields)).toBe(problem);
  });
});

describe('one bad row', () => {
  const good = Array.from({ length: 994 }, (_, at) => ({ name: 'nginx', version: `1.0.${at}`, urls: ['x.tgz'] }));
  const bad = [
    null,
    { name: 'nginx', version: 'latest', urls: ['x'] },
    { name: '../nginx', version: '1.0.0', urls: ['x'] },
    { name: 'nginx', version: '2.0.0' },
    { name: 'nginx', version: '2.0.1', urls: ['x'], description: 'y'.repeat(1024 * 1024) },
    { name: 'nginx', version: '2.0.2', urls: ['x'], maintainers: [null] },
  ];
  const rejected = {
    'not-a-row': 1,
    'bad-version': 1,
    'bad-name': 1,
    'no-urls': 1,
    'too-large': 1,
    'bad-metadata': 1,
  };
  const mixed = good.flatMap((one, at) => (at % 150 === 0 && at < 900 ? [bad[at / 150], one] : [one]));

  it.each([
    ['JSON', JSON.stringify({ entries: { nginx: mixed } })],
    ['YAML', `entries:\n  nginx:\n${mixed.map((one) => `  - ${JSON.stringify(one)}\n`).join('')}`],
  ])('of 1,000 never costs the others in %s, and all are counted', (_, text) => {
    const contents = readText(text);
    expect(wordsOf(claimsOf(contents.claims)).sort()).toEqual(
      wordsOf(good.map((one) => ({ ...one, chart: 'nginx' }))).sort(),
    );
    expect(contents.rejected).toEqual(rejected);
    expect(contents.examples).toEqual([
      'nginx[0]: not-a-row',
      'nginx[151]: bad-version',
      'nginx[302]: bad-name',
      'nginx[453]: no-urls',
      'nginx[604]: too-large',
    ]);
  });

  it('is counted where the chart itself is bad: a name no client could ask for, or no list', () => {
    const rows = (name: string) => `  ${name}:\n  - {name: ${name}, version: 1.0.0, urls: [x]}\n`;
    const names = ['"../x"', '__proto__', 'a/b', 'constructor', 'toString', '"a b"', '""'];
    const contents = readText(`entries:\n${names.map(rows).join('')}  text: abc\n  mapping: {a: b}\n`);
    expect(wordsOf(claimsOf(contents.claims))).toEqual(['constructor 1.0.0', 'toString 1.0.0']);
    expect(contents.rejected).toEqual({ 'bad-name': 5, 'not-a-list': 2 });
    expect(({} as Record<string, unknown>)['name']).toBeUndefined();
  });

  it('with a prototype for a field is dropped or harmless, and nothing else changes', () => {
    for (const text of [
      'entries:\n  nginx:\n  - {name: nginx, version: 1.0.0, urls: [x], __proto__: {polluted: yes}}\n',
      'entries:\n  nginx:\n  - {name: nginx, version: 1.0.0, urls: [x], annotations: {__proto__: yes}}\n',
      'entries:\n  nginx:\n  - {name: nginx, version: 1.0.0, urls: [x], <<: {__proto__: {polluted: yes}}}\n',
      '{"entries":{"nginx":[{"name":"nginx","version":"1.0.0","urls":["x"],"__proto__":{"polluted":"yes"}}]}}',
    ]) {
      expect(wordsOf(claimsOf(readText(text).claims))).toEqual(['nginx 1.0.0']);
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    }
    const inherits = 'entries:\n  nginx:\n  - {__proto__: {name: nginx, version: 1.0.0, urls: [x]}}\n';
    expect(readText(inherits).rejected).toEqual({ 'bad-name': 1 });
  });

  it('with a chart name of any length stays short in what we say about it', () => {
    const contents = readText(JSON.stringify({ entries: { ['x'.repeat(1e5)]: [{ name: 'y' }] } }));
    expect(contents.examples.join('').length).toBeLessThan(300);
  });
});
