import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { deriveConfig, deriveManifest } from '../../src/formats/derived-image.ts';
import { mediaTypes } from '../../src/formats/oci-manifest.ts';
import { type Distribution, startDistribution } from '../support/distribution.ts';
import { archiveOf, oddCharts } from '../support/odd-charts.ts';
import { needsSharedData, sharedData, type SharedRepository } from '../support/shared-data.ts';
import { temporaryFolder } from '../support/temp.ts';

let registry: Distribution;

beforeAll(async () => {
  registry = await startDistribution();
});

afterAll(() => registry.stop());

interface Image {
  readonly config: string;
  readonly manifest: string;
}

/** What Helm makes of an archive, and of the `.prov` beside it, when it pushes it. Without the time of that. */
async function pushed(archive: string, path: string): Promise<Image> {
  const said = await registry.push(archive, path);
  const [, image = ''] = /Pushed: [^/]+\/(.+):/.exec(said) ?? [];
  const [, digest] = /Digest: (\S+)/.exec(said) ?? [];
  const ask = async (what: string): Promise<string> => {
    const answer = await fetch(`${registry.url}/v2/${image}/${what}`, {
      headers: { Accept: mediaTypes.manifest },
    });
    if (!answer.ok) throw new Error(`${what} of ${image}: ${answer.status}`);
    return await answer.text();
  };
  const manifest = await ask(`manifests/${digest}`);
  const { config } = JSON.parse(manifest) as { readonly config: { readonly digest: string } };
  return withoutTime({ config: await ask(`blobs/${config.digest}`), manifest });
}

const created = 'org.opencontainers.image.created';

/** A chart that has this annotation in its Chart.yaml keeps it. */
function withoutTime({ config, manifest }: Image): Image {
  const { annotations = {} } = JSON.parse(config) as { readonly annotations?: Readonly<Record<string, string>> };
  if (created in annotations) return { config, manifest };
  return { config, manifest: manifest.replace(new RegExp(`"${created}":"[^"]*",`), '') };
}

async function derived(archive: string): Promise<Image> {
  const measured = async (file: string) => {
    const bytes = await readFile(file);
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const config = deriveConfig(await readFile(archive));
  const provenance = existsSync(`${archive}.prov`) ? await measured(`${archive}.prov`) : undefined;
  return { config, manifest: deriveManifest(config, { archive: await measured(archive), provenance }) };
}

test.each(oddCharts)('derives what helm push makes of a chart with $about', async ({ about, files }) => {
  const archive = join(await temporaryFolder(), 'odd.tgz');
  await writeFile(archive, archiveOf(files));
  await writeFile(`${archive}.prov`, `a signature of ${about}`);
  expect(await derived(archive)).toEqual(await pushed(archive, digestOf(Buffer.from(about)).slice(7, 17)));
});

/** Of each kind that there is: old and new, signed, with requirements.yaml, deprecated, with characters that HTML knows. */
const realArchives: Readonly<Partial<Record<SharedRepository, readonly string[]>>> = {
  argo: [
    ...['0.1.0', '0.4.0', '0.7.6', '0.9.9', '0.14.0', '0.16.8', '1.0.0'].map((version) => `argo-${version}`),
    ...['0.2.2', '0.5.1', '1.2.0', '2.0.2', '2.2.3', '2.6.0', '3.3.0'].map((version) => `argo-cd-${version}`),
    ...['argo-ci-0.1.4', 'argo-ci-1.0.0', 'argo-events-0.2.0', 'argo-events-0.13.0', 'argo-events-1.3.0'],
    ...['argo-lite-0.1.0', 'argo-rollouts-0.5.0', 'argo-rollouts-0.5.2', 'argo-workflows-0.1.0'],
    ...['argocd-applicationset-0.1.2', 'argocd-notifications-1.0.11'],
  ],
  grafana: [
    ...['0.2.0', '0.2.5', '0.7.0', '5.5.0', '5.5.7'].map((version) => `packages/grafana-${version}`),
    ...['0.9.2', '0.12.0', '0.28.0', '0.38.0', '2.1.1'].map((version) => `packages/loki-stack-${version}`),
    ...['fluent-bit-0.0.5', 'loki-0.16.0', 'loki-0.25.3', 'promtail-0.23.5'].map((name) => `packages/${name}`),
  ],
  podinfo: ['podinfo-6.3.3', 'podinfo-6.6.1'],
};

describe.each(Object.entries(realArchives))('of the charts of %s', (name, archives) => {
  const repository = name as SharedRepository;

  test.skipIf(needsSharedData(repository)).each(archives)('derives what helm push makes of %s', async (one) => {
    const archive = join(sharedData(repository), `${one}.tgz`);
    expect(await derived(archive)).toEqual(await pushed(archive, repository));
  });
});
