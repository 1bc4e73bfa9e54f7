import { beforeEach, describe, test } from 'vitest';

import { conformanceCases, type ConformanceSubject } from '../support/oci-conformance.ts';
import { openImageDoors } from './oci-doors.ts';

describe.each(['nginx', 'all/nginx'])('as the distribution specification has it, %s', (name) => {
  let subject: ConformanceSubject;
  beforeEach(async () => {
    const { port, images, manifestDigest, signatureDigest, layerDigest, configDigest } = await openImageDoors();
    const artifactType = 'application/vnd.example.signature.v1';
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    images.putReferrers(manifestDigest, [{ mediaType, digest: signatureDigest, size: 32, artifactType }]);
    subject = {
      base: `http://127.0.0.1:${port}`,
      name,
      tag: '1.2.3',
      tags: ['1.2.3', '1.2.3_build.4'],
      manifest: manifestDigest,
      blobs: [layerDigest, configDigest],
      referrers: [{ digest: signatureDigest, artifactType }],
    };
  });

  test.each(conformanceCases)('%s', (_title, check) => check(subject));
});
