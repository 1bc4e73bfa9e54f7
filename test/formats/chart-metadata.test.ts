import { describe, expect, it } from 'vitest';

import { chartMetadata } from '../../src/formats/chart-metadata.ts';

const minimal = { name: 'nginx', version: '1.0.0' };

function read(fields: Readonly<Record<string, unknown>>): { metadata: unknown; extra: unknown } {
  const result = chartMetadata({ ...minimal, ...fields });
  if ('rejected' in result) throw new Error(`rejected: ${result.rejected}`);
  return {
    metadata: JSON.parse(result.metadata) as unknown,
    extra: result.extra === undefined ? undefined : (JSON.parse(result.extra) as unknown),
  };
}

const rejected = (fields: Readonly<Record<string, unknown>>): unknown => {
  const result = chartMetadata({ ...minimal, ...fields });
  return 'rejected' in result ? result.rejected : undefined;
};

/** All that Helm's `Metadata` has (helm.sh/helm/v4/pkg/chart/v2), in the order in which it is written. */
const everything = {
  annotations: { 'artifacthub.io/license': 'MIT' },
  apiVersion: 'v2',
  appVersion: '1.25',
  condition: 'nginx.enabled',
  dependencies: [
    {
      alias: 'shared',
      condition: 'common.enabled',
      enabled: true,
      'import-values': ['data', { child: 'default', parent: 'mine' }],
      name: 'common',
      repository: 'oci://registry.corp/charts',
      tags: ['bitnami'],
      version: '2.x.x',
    },
  ],
  deprecated: true,
  description: 'A web server',
  home: 'https://nginx.org',
  icon: 'https://nginx.org/icon.png',
  keywords: ['web', 'http'],
  kubeVersion: '>=1.23.0-0',
  maintainers: [{ email: 'a@b.c', name: 'A', url: 'https://b.c' }],
  name: 'nginx',
  sources: ['https://github.com/nginx'],
  tags: 'web',
  type: 'application',
  version: '1.0.0',
};

describe('the metadata of a chart', () => {
  it('is every field that Helm knows, in the order of their names, and nothing else', () => {
    const shuffled = Object.fromEntries(Object.entries(everything).toReversed());
    const result = chartMetadata({ ...shuffled, urls: ['x'], created: 'y', digest: 'z', removed: 'no' });
    expect(result).toEqual({ metadata: JSON.stringify(everything), extra: undefined });
  });

  it('leaves what Helm does not know to the catalog, at every depth', () => {
    const { metadata, extra } = read({
      engine: 'gotpl',
      tillerVersion: '>2',
      'x-custom': { list: ['1', null], deep: {} },
      maintainers: [{ name: 'A', twitter: '@a' }],
      dependencies: [{ name: 'b', version: '1', 'x-y': 'z' }],
    });
    expect(extra).toEqual({ engine: 'gotpl', tillerVersion: '>2', 'x-custom': { list: ['1', null], deep: {} } });
    expect(metadata).toEqual({
      apiVersion: 'v1',
      dependencies: [{ name: 'b', version: '1' }],
      maintainers: [{ name: 'A' }],
      name: 'nginx',
      version: '1.0.0',
    });
  });

  it.each([undefined, null, ''])('without apiVersion (%j) has v1, as in Helm', (apiVersion) => {
    expect(read({ apiVersion }).metadata).toEqual({ apiVersion: 'v1', ...minimal });
  });

  it('leaves out what is null or empty, as Go does', () => {
    const empty = {
      home: null,
      description: '',
      keywords: [],
      sources: null,
      maintainers: [],
      annotations: {},
      dependencies: null,
      type: '',
      deprecated: 'false',
    };
    expect(read(empty).metadata).toEqual({ apiVersion: 'v1', ...minimal });
    expect(read({ keywords: [null], sources: ['x', null] }).metadata).toMatchObject({ sources: ['x'] });
    expect(read({ annotations: { a: null, b: '' } }).metadata).toMatchObject({ annotations: { a: '', b: '' } });
  });

  it.each([
    ['true', true],
    ['yes', true],
    ['On', true],
    ['Y', true],
    [true, true],
    ['false', undefined],
    ['no', undefined],
    ['OFF', undefined],
    [false, undefined],
  ])('knows deprecated: %j', (deprecated, meaning) => {
    expect((read({ deprecated }).metadata as Record<string, unknown>)['deprecated']).toBe(meaning);
  });

  it('keeps an annotation under a name that every object has', () => {
    const result = chartMetadata({ ...minimal, annotations: JSON.parse('{"__proto__":"x","constructor":"y"}') });
    expect(result).toMatchObject({ metadata: expect.stringContaining('{"__proto__":"x","constructor":"y"}') });
  });

  it('makes text that is not well-formed well-formed', () => {
    expect(read({ description: 'a\ud800b' }).metadata).toMatchObject({ description: 'a\ufffdb' });
  });
});

describe('a row that Helm would refuse is refused:', () => {
  it.each<[string, unknown]>([
    ['maintainers', [null]],
    ['maintainers', ['name']],
    ['maintainers', 'name'],
    ['maintainers', [{ name: ['A'] }]],
    ['dependencies', [null]],
    ['dependencies', { name: 'b' }],
    ['dependencies', [{ name: 'b', alias: 'a b' }]],
    ['dependencies', [{ name: 'b', enabled: 'maybe' }]],
    ['dependencies', [{ name: 'b', tags: 'one' }]],
    ['dependencies', [{ name: 'b', 'import-values': [['x']] }]],
    ['annotations', '3'],
    ['annotations', ['a']],
    ['annotations', { a: { b: 'c' } }],
    ['annotations', { a: ['b'] }],
    ['keywords', 'web'],
    ['keywords', [{ a: 'b' }]],
    ['sources', {}],
    ['description', { a: 'b' }],
    ['home', ['x']],
    ['type', 'Application'],
    ['deprecated', 'maybe'],
  ])('%s is %j', (field, value) => expect(rejected({ [field]: value })).toBe('bad-metadata'));
});

describe('metadata of unreasonable size is refused:', () => {
  const long = 'x'.repeat(1000);
  const many = Array.from({ length: 2000 }, () => '');
  const empties = many.map(() => ({}));
  const hungry = { name: 'b', tags: many };
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['a long text', { description: 'x'.repeat(300_000) }],
    ['long texts many times', { keywords: Array.from({ length: 300 }, () => long) }],
    ['more list items than anybody reads', { keywords: Array.from({ length: 2001 }, () => 'x') }],
    ['more annotations', { annotations: Object.fromEntries(Array.from({ length: 2001 }, (_, at) => [`k${at}`, 'v'])) }],
    ['lists of empty texts many times', { dependencies: Array.from({ length: 100 }, () => hungry) }],
    ['empty mappings many times', { dependencies: Array.from({ length: 100 }, () => ({ 'import-values': empties })) }],
    ['an annotation whose name is longer than a key in YAML may be', { annotations: { ['k'.repeat(1001)]: 'v' } }],
    ['and one that is so once it is escaped', { annotations: { ['\u0085'.repeat(170)]: 'v' } }],
  ])('%s', (_, fields) => expect(rejected(fields)).toBe('too-large'));

  it('but not as many keywords, dependencies and annotations as anybody writes', () => {
    const many = Array.from({ length: 2000 }, (_, at) => `k${at}`);
    const annotations = Object.fromEntries(many.toSorted((a, b) => (a < b ? -1 : 1)).map((key) => [key, 'v']));
    const dependencies = many.map((name) => ({ name, version: '1.0.0' }));
    expect(read({ keywords: many, annotations, dependencies }).metadata).toMatchObject({
      keywords: many,
      annotations,
      dependencies,
    });
  });

  it('but not an annotation with a long value, or a name as long as they get', () => {
    const annotations = { ['k'.repeat(317)]: 'v'.repeat(100_000) };
    expect(read({ annotations }).metadata).toMatchObject({ annotations });
  });
});

describe('unknown keys of unreasonable size', () => {
  const nested = (depth: number): unknown => Array.from({ length: depth }).reduce((inner) => [inner], 'x');
  it.each<[string, unknown]>([
    ['too long', 'x'.repeat(100_000)],
    ['too many', Array.from({ length: 10_000 }, () => 'x')],
    ['nested deeper than anybody writes', nested(200)],
    ['nested without end', nested(100_000)],
  ])('are let go when they are %s, and the row stays', (_, value) => {
    const { metadata, extra } = read({ 'x-y': value, engine: 'gotpl' });
    expect(extra).toBeUndefined();
    expect(metadata).toEqual({ apiVersion: 'v1', ...minimal });
  });

  it('are kept when they are large, many or deep, but not beyond reason', () => {
    const fine = { text: 'x'.repeat(40_000), list: Array.from({ length: 1000 }, () => 'y'), deep: nested(90) };
    expect(read(fine).extra).toEqual(fine);
  });

  it('are let go when they contain themselves', () => {
    const self: unknown[] = [];
    self.push(self);
    expect(read({ self }).extra).toBeUndefined();
  });
});
