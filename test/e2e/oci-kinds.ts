import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { digestOf, type Descriptor } from '../../src/chart/digest.ts';
import { S3Client } from '../../src/lib/s3-client.ts';
import { chartArchive } from '../support/charts.ts';
import { startDistribution, type Distribution } from '../support/distribution.ts';
import { ociClientOf } from '../support/oci-client.ts';
import { pushArtifact, pushCosignSignature } from '../support/registry-artifact.ts';
import { startStaticUpstream } from '../support/static-upstream.ts';
import { startVersitygw } from '../support/versitygw.ts';

/** What refers to another manifest, as a list of referrers says it. */
export type Referring = Descriptor & { readonly artifactType: string };

/** Every kind of upstream, each with a chart of its own. */
export interface KindsWorld {
  readonly home: string;
  /** The `upstreams` of a configuration file, each named as its kind. */
  readonly upstreams: readonly object[];
  /** The manifest of `lighthouse` 1.0.0 in its registry, and what refers to it there. */
  readonly signed: Descriptor;
  readonly attestation: Referring;
  readonly cosign: Descriptor;
  /** Nobody answers any more, and the folder is empty. */
  offline(): Promise<void>;
  stop(): Promise<void>;
}

/** The chart of each kind. */
export const chartOf = {
  'chart-repository': 'harbour',
  registry: 'lighthouse',
  bucket: 'barge',
  folder: 'buoy',
  'oci-urls': 'tender',
} as const;

export type Kind = keyof typeof chartOf;
export const kinds = Object.keys(chartOf) as readonly Kind[];
/** Of each chart, from the oldest. */
export const versions = ['1.0.0', '1.1.0', '2.0.0-rc.1', '2.0.0+build.7'] as const;

/** What stands beside each archive; nobody verifies it here. */
export const provenanceOf = (chart: string, version: string): string =>
  `-----BEGIN PGP SIGNED MESSAGE-----\n\n${chart} ${version}\n`;

/** An archive of the world. */
export function archiveOf(kind: Kind, version: string): Promise<Buffer> {
  const annotations = { 'example.com/of': kind };
  return chartArchive({ name: chartOf[kind], version, home: 'https://example.com', annotations });
}

/** Starts every upstream. Takes a few seconds. */
export async function startKinds(): Promise<KindsWorld> {
  const home = await mkdtemp(join(tmpdir(), 'chartroom-kinds-'));
  const registry = await startDistribution();
  const host = new URL(registry.url).host;
  for (const kind of kinds) await pack(kind, join(home, kind));
  for (const kind of ['registry', 'oci-urls'] as const) await pushAll(registry, kind, join(home, kind));
  const beside = await signInRegistry(registry.url);
  await writeIndex(join(home, 'chart-repository'), 'chart-repository', (file) => file);
  await writeIndex(join(home, 'oci-urls'), 'oci-urls', (_file, tag) => `oci://${host}/charts/tender:${tag}`);
  const repository = await startStaticUpstream({ folder: join(home, 'chart-repository') });
  const index = await startStaticUpstream({ folder: join(home, 'oci-urls') });
  const bucket = await startBucket(home);
  const stop = async () => {
    await Promise.all([registry.stop(), repository.stop(), index.stop(), bucket.stop()]);
  };
  return {
    home,
    ...beside,
    upstreams: [
      { name: 'chart-repository', url: repository.url },
      { name: 'registry', url: `oci://${host}/charts`, charts: ['lighthouse'], plainHTTP: true },
      { name: 'bucket', ...bucket.upstream },
      { name: 'folder', url: `file://${join(home, 'folder')}` },
      { name: 'oci-urls', url: index.url, archiveHosts: [host], plainHTTP: true },
      // listed once, so that nobody is asked for what is not there
    ].map((upstream) => ({ ...upstream, interval: 0 })),
    offline: async () => {
      await stop();
      await rm(join(home, 'folder'), { recursive: true });
    },
    stop: async () => {
      await stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** All versions of a kind's chart as files, with provenance beside every second one. */
async function pack(kind: Kind, folder: string): Promise<void> {
  await mkdir(folder);
  for (const [at, version] of versions.entries()) {
    const file = join(folder, `${chartOf[kind]}-${version}.tgz`);
    await writeFile(file, await archiveOf(kind, version));
    if (at % 2 === 1) await writeFile(`${file}.prov`, provenanceOf(chartOf[kind], version));
  }
}

async function pushAll(registry: Distribution, kind: Kind, folder: string): Promise<void> {
  for (const version of versions) await registry.push(join(folder, `${chartOf[kind]}-${version}.tgz`), 'charts');
}

async function writeIndex(folder: string, kind: Kind, urlOf: (file: string, tag: string) => string): Promise<void> {
  const name = chartOf[kind];
  const rows = await Promise.all(
    versions.map(async (version) => {
      const file = `${name}-${version}.tgz`;
      const digest = digestOf(await readFile(join(folder, file))).slice('sha256:'.length);
      return { apiVersion: 'v2', name, version, digest, urls: [urlOf(file, version.replace('+', '_'))] };
    }),
  );
  await writeFile(join(folder, 'index.yaml'), JSON.stringify({ apiVersion: 'v1', entries: { [name]: rows } }));
}

/** An attestation that refers to the oldest version, and a signature by cosign's tags. */
async function signInRegistry(registry: string): Promise<Pick<KindsWorld, 'signed' | 'attestation' | 'cosign'>> {
  const name = 'charts/lighthouse';
  const client = await ociClientOf(registry);
  const { digest, bytes } = await client.manifest(name, versions[0]);
  await client.close();
  const signed = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: bytes.length };
  const artifactType = 'application/vnd.example.attestation';
  const attestation = await pushArtifact(registry, name, { artifactType, subject: signed, content: 'it is so' });
  return {
    signed,
    attestation: { ...attestation, artifactType },
    cosign: await pushCosignSignature(registry, name, signed),
  };
}

async function startBucket(home: string): Promise<{ readonly upstream: object; readonly stop: () => Promise<void> }> {
  const server = await startVersitygw(join(home, 'buckets'));
  const client = new S3Client(server.options('charts'));
  await client.ensureBucket();
  for (const [at, version] of versions.entries()) {
    const file = `${chartOf.bucket}-${version}.tgz`;
    await client.put(`team/${file}`, await readFile(join(home, 'bucket', file)));
    if (at % 2 === 1) await client.put(`team/${file}.prov`, await readFile(join(home, 'bucket', `${file}.prov`)));
  }
  client.close();
  const { endpoint, accessKeyId, secretAccessKey } = server;
  const auth = { provider: 'aws', accessKeyId, secretAccessKey };
  return { upstream: { url: 's3://charts/team', endpoint, auth }, stop: () => server.stop() };
}
