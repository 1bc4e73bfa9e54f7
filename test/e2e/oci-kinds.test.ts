import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { layerOf, ociClientOf, type OciClient } from '../support/oci-client.ts';
import { conformanceCases, type ConformanceSubject } from '../support/oci-conformance.ts';
import { operate, type Operated } from '../support/operator.ts';
import { needsTools } from '../support/tools.ts';
import { eventually } from './client.ts';
import { describeCrane } from './oci-crane.ts';
import {
  archiveOf,
  chartOf,
  kinds,
  provenanceOf,
  startKinds,
  versions,
  type Kind,
  type KindsWorld,
} from './oci-kinds.ts';

const chartType = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';
const provenanceType = 'application/vnd.cncf.helm.chart.provenance.v1.prov';

describe.skipIf(needsTools('registry', 'versitygw', 'crane', 'helm4'))('a registry of every kind of upstream', () => {
  let world: KindsWorld;
  let operated: Operated;
  let oci: OciClient;
  const told = new Map<string, Digest>();

  const start = async () => {
    operated = await operate(join(world.home, 'served'), { upstreams: world.upstreams });
    oci = await ociClientOf(operated.server.url);
    await eventually(
      () => Promise.all(kinds.map(async (kind) => (await operated.upstream(kind)).counts.held)),
      (held) => held.every((count) => count === versions.length),
    );
  };
  const stop = async () => {
    await oci.close();
    return operated.server.stop();
  };

  beforeAll(async () => {
    world = await startKinds();
    await start();
  });
  afterAll(async () => {
    await stop();
    await world.stop();
  });

  const subjectOf = async (kind: Kind): Promise<ConformanceSubject> => {
    const name = `all/${chartOf[kind]}`;
    const tag = versions[0];
    const { digest, content } = await oci.manifest(name, tag);
    return {
      base: operated.server.url,
      name,
      tag,
      tags: versions.map((version) => version.replace('+', '_')),
      manifest: digest,
      blobs: [content.config, ...content.layers].map((blob) => blob.digest),
      referrers: kind === 'registry' ? [world.attestation] : [],
    };
  };

  function describeRegistry(): void {
    // at once, since who asks for a digest that is unknown waits for the next look at the store
    describe.concurrent.each(kinds)('the chart of a %s', (kind) => {
      const name = `all/${chartOf[kind]}`;

      test.each(versions)('%s is an image of its archive, with provenance where it has one', async (version) => {
        const { content, digest } = await oci.manifest(name, version.replace('+', '_'));
        const archive = await archiveOf(kind, version);
        const signed = versions.indexOf(version) % 2 === 1;

        expect(layerOf(content, chartType)).toMatchObject({ digest: digestOf(archive), size: archive.length });
        expect((await oci.blob(name, digestOf(archive))).equals(archive)).toBe(true);
        expect(content.layers).toHaveLength(signed ? 2 : 1);
        if (signed) {
          const provenance = await oci.blob(name, layerOf(content, provenanceType).digest);
          expect(provenance.toString()).toBe(provenanceOf(chartOf[kind], version));
        }
        // upstream there or gone, before and after a restart
        expect(digest).toBe(told.get(`${name}:${version}`) ?? digest);
        told.set(`${name}:${version}`, digest);
      });

      test.each(conformanceCases)('%s', async (_title, check) => {
        await check(await subjectOf(kind));
      });
    });

    test('what is signed in its registry has its signature here, by tag and by digest', async () => {
      const { signed, cosign } = world;
      expect((await oci.manifest('lighthouse', '1.0.0')).digest).toBe(signed.digest);
      const signature = await oci.manifest('all/lighthouse', `${signed.digest.replace(':', '-')}.sig`);

      expect(signature.digest).toBe(cosign.digest);
      expect((await oci.manifest('lighthouse', cosign.digest)).bytes.equals(signature.bytes)).toBe(true);
      for (const { digest } of [signature.content.config, ...signature.content.layers])
        await oci.blob('lighthouse', digest);
      expect(await oci.tags('all/lighthouse')).not.toContain(`${signed.digest.replace(':', '-')}.sig`);
    });

    test('what refers to an image in its registry refers to it here', async () => {
      const { signed, attestation } = world;
      const referrers = await oci.referrers('all/lighthouse', signed.digest);
      expect(referrers).toContainEqual(expect.objectContaining({ ...attestation }));
      const { content } = await oci.manifest('all/lighthouse', attestation.digest);

      expect((await oci.blob('all/lighthouse', content.layers[0]?.digest ?? '')).toString()).toBe('it is so');
    });

    describeCrane(() => operated.server.url);
  }

  describe('with the upstreams there', () => {
    describeRegistry();
  });

  describe('restarted, with every upstream gone', () => {
    beforeAll(async () => {
      await stop();
      await world.offline();
      await start();
    });
    describeRegistry();
  });
});
