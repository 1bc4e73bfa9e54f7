import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { isManifestType, manifestTypeOf, readArtifact } from '../../src/formats/oci-artifact.ts';
import { artifactOf } from '../support/artifacts.ts';

const docker = 'application/vnd.docker.distribution.manifest.v2+json';
const oci = 'application/vnd.oci.image.manifest.v1+json';
const subject = { digest: digestOf(Buffer.from('chart')) };

describe('the manifest of an artifact', () => {
  test('says what it is, what it refers to and what it is made of, each part once', () => {
    const { manifest, blobs } = artifactOf({ subject, artifactType: 'application/spdx+json', annotations: { a: 'b' } });
    const fields = JSON.parse(manifest.toString()) as { readonly layers: readonly unknown[] };
    const twice = Buffer.from(JSON.stringify({ ...fields, layers: [...fields.layers, ...fields.layers] }));

    for (const bytes of [manifest, twice]) {
      expect(readArtifact(bytes)).toMatchObject({
        mediaType: oci,
        subject: subject.digest,
        artifactType: 'application/spdx+json',
        annotations: { a: 'b' },
        blobs: blobs.map((blob) => ({ digest: digestOf(blob), size: blob.length })),
      });
    }
  });

  test('that does not say what it is is what its config is', () => {
    const artifactType = 'application/vnd.oci.empty.v1+json';
    for (const own of [undefined, '', 7]) {
      const { manifest } = artifactOf({ fields: { artifactType: own } });
      expect(readArtifact(manifest)).toMatchObject({ artifactType });
    }
  });

  test('may refer to nothing, and its annotations are words', () => {
    const { manifest } = artifactOf({ fields: { annotations: { word: 'yes', number: 7, none: null } } });
    expect(readArtifact(manifest)).toMatchObject({ subject: undefined, annotations: { word: 'yes' } });
    for (const annotations of [[], 'x', null, {}]) {
      expect(readArtifact(artifactOf({ fields: { annotations } }).manifest)).toMatchObject({ annotations: undefined });
    }
  });

  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['an index', '{"manifests":[]}'],
    ['without a config', artifactOf({ fields: { config: undefined } }).manifest],
    ['with too many layers', artifactOf({ fields: { layers: Array.from({ length: 101 }, () => ({})) } }).manifest],
    ['with a layer that is none', artifactOf({ fields: { layers: [null] } }).manifest],
    ['with a subject that we cannot verify', artifactOf({ fields: { subject: { digest: 'sha512:00' } } }).manifest],
    [
      'with a layer that need not be there',
      artifactOf({
        fields: {
          layers: [{ mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar', ...subject, size: 5 }],
        },
      }).manifest,
    ],
  ])('is none when it is %s', (_, bytes) => {
    expect(readArtifact(Buffer.from(bytes))).toEqual({ why: expect.any(String) as string });
  });
});

describe('the media type of a manifest', () => {
  test.each([
    ['what it says', JSON.stringify({ mediaType: docker }), docker],
    ['that of the image specification when it says nothing', '{}', oci],
    ['that of the image specification when it says something else', '{"mediaType":"text/html"}', oci],
    ['that of the image specification when it cannot be read', 'x', oci],
  ])('is %s', (_, bytes, type) => {
    expect(manifestTypeOf(Buffer.from(bytes))).toBe(type);
    expect(isManifestType(type)).toBe(true);
  });

  test('is not that of a blob', () => {
    expect(isManifestType('application/vnd.oci.empty.v1+json')).toBe(false);
  });
});
