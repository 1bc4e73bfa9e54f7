import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isRepository, isTag, readConfig, readManifest, tagOf, versionOf } from '../../src/formats/oci-manifest.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const config = { mediaType: 'application/vnd.cncf.helm.config.v1+json', digest: digest('a'), size: 100 };
const layer = { mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', digest: digest('b'), size: 2000 };
const legacy = { mediaType: 'application/tar+gzip', digest: digest('c'), size: 2000 };
const provenance = { mediaType: 'application/vnd.cncf.helm.chart.provenance.v1.prov', digest: digest('d'), size: 300 };
const read = (manifest: unknown) => readManifest(Buffer.from(JSON.stringify(manifest)));

describe('a manifest', () => {
  it('of a chart has its config, its archive and its provenance, in any order and without a media type', () => {
    expect(read({ schemaVersion: 2, config, layers: [provenance, layer] })).toEqual({
      kind: 'chart',
      chart: { config, archive: layer, provenance, created: undefined },
    });
    expect(read({ config, layers: [legacy] })).toMatchObject({ chart: { archive: legacy, provenance: undefined } });
    expect(read({ config, layers: [legacy, layer] })).toMatchObject({ chart: { archive: layer } });
    const artifact = {
      artifactType: config.mediaType,
      config: { ...config, mediaType: 'application/json' },
      layers: [layer],
    };
    expect(read(artifact)).toMatchObject({ kind: 'chart' });
  });

  it('keeps the time it was made when that is a time', () => {
    const at = (created: unknown) =>
      read({ config, layers: [layer], annotations: { 'org.opencontainers.image.created': created } });
    expect(at('2026-01-02T03:04:05.123456789Z')).toMatchObject({
      chart: { created: '2026-01-02T03:04:05.123456789Z' },
    });
    for (const bad of ['yesterday', '2026-02-31T00:00:00Z', 5, null]) {
      expect(at(bad)).toMatchObject({ chart: { created: undefined } });
    }
  });

  it.each([
    ['no layers', { config }],
    ['no archive', { config, layers: [provenance] }],
    ['no size', { config, layers: [{ ...layer, size: undefined }] }],
    ['a negative size', { config, layers: [{ ...layer, size: -1 }] }],
    ['a size beyond counting', { config, layers: [{ ...layer, size: 1e18 }] }],
    ['a size that is text', { config, layers: [{ ...layer, size: '5' }] }],
    ['a digest of another kind', { config, layers: [{ ...layer, digest: `sha512:${'a'.repeat(128)}` }] }],
    ['a digest in upper case', { config, layers: [{ ...layer, digest: digest('A') }] }],
    ['a config that is too large', { config: { ...config, size: 5e6 }, layers: [layer] }],
    ['too many layers', { config, layers: Array.from({ length: 1001 }, () => layer) }],
  ])('with %s is invalid', (_, manifest) => {
    expect(read(manifest).kind).toBe('invalid');
  });

  it('that is none is unreadable', () => {
    for (const text of ['', 'null', '[]', '"x"', '<html>', '{"config":', '\uFEFF\uFEFF{}']) {
      expect(readManifest(Buffer.from(text)).kind).toBe('unreadable');
    }
    expect(readManifest(Buffer.from([0x7b, 0xff, 0x7d])).kind).toBe('unreadable');
  });

  it('of any content whatever never throws', () => {
    fc.assert(fc.property(fc.json(), (text) => void readManifest(Buffer.from(text))));
    fc.assert(
      fc.property(
        fc.object({ key: fc.constantFrom('config', 'layers', 'manifests', 'mediaType', 'digest', 'size') }),
        (value) => {
          read({ config, layers: [value], ...value });
        },
      ),
    );
    expect(() => readManifest(Buffer.from('['.repeat(100_000)))).not.toThrow();
  });
});

describe('a config', () => {
  it('is the fields of Chart.yaml, and undefined when it is no object', () => {
    expect(readConfig(Buffer.from('{"name":"x","__proto__":{"y":1}}'))).toMatchObject({ name: 'x' });
    expect(({} as Record<string, unknown>)['y']).toBeUndefined();
    expect(readConfig(Buffer.from('[1]'))).toBeUndefined();
  });
});

describe('a tag', () => {
  it.each([
    ['1.0.0', '1.0.0'],
    ['1.0.0_build.5', '1.0.0+build.5'],
    ['1.0.0-rc.1_a_b', undefined],
    ['v1.0.0', undefined],
    ['1.0', undefined],
    ['01.0.0', undefined],
    ['latest', undefined],
    ['1.0.0\n', undefined],
    [`sha256-${'0'.repeat(64)}.sig`, undefined],
    [`1.0.0-${'a'.repeat(123)}`, undefined],
  ])('%j stands for the version %j', (tag, version) => {
    expect(versionOf(tag)).toBe(version);
  });

  it('is what Helm makes of a version, where there is one', () => {
    expect(tagOf('1.0.0+build.5')).toBe('1.0.0_build.5');
    expect(tagOf('v1.2')).toBe('v1.2');
    for (const bad of ['', 'latest', '1.0.0_x', '1.0.0/../x', '1.0.0\n']) expect(tagOf(bad)).toBeUndefined();
  });

  it('and a repository follow their grammars to the letter', () => {
    for (const good of ['a', '_a', 'A.b-c_d', 'a'.repeat(128)]) expect(isTag(good)).toBe(true);
    for (const bad of ['', '.a', '-a', 'a'.repeat(129), 'a/b', 'a:b', 'a\n']) expect(isTag(bad)).toBe(false);
    for (const good of ['a', 'a/b', 'a__b/c-d.e', 'a--b']) expect(isRepository(good)).toBe(true);
    for (const bad of ['', 'A', 'a//b', '/a', 'a/', '../a', 'a..b', 'a___b', `${'a/'.repeat(128)}a`]) {
      expect(isRepository(bad)).toBe(false);
    }
    expect(isRepository(`${'a'.repeat(50_000)}!`)).toBe(false);
  });
});
