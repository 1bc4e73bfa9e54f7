import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { ociClientOf, type ChartImage, type OciClient } from '../support/oci-client.ts';
import { operate, type Operated } from '../support/operator.ts';
import { needsSharedData, sharedData, type SharedRepository } from '../support/shared-data.ts';
import { startStaticUpstream, type StaticUpstream } from '../support/static-upstream.ts';
import { clientOf, eventually, type Client, type IndexRow } from './client.ts';

const folders = { podinfo: '', argo: '', grafana: 'packages' } as const;
const repositories = Object.keys(folders) as readonly (SharedRepository & keyof typeof folders)[];
const provenanceType = 'application/vnd.cncf.helm.chart.provenance.v1.prov';
const chartType = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

/** Where an archive lies as its project published it; undefined for one that is not among the data. */
function fileOf({ name, version }: IndexRow): string | undefined {
  const places = repositories.map((one) => join(sharedData(one), folders[one], `${name}-${version}.tgz`));
  return places.find((file) => existsSync(file));
}

/** An index without the rows whose archives are not among the data. */
function withArchives(index: string): string {
  const { entries, ...rest } = load(index) as { readonly entries: Readonly<Record<string, readonly IndexRow[]>> };
  const here = Object.entries(entries).map(([name, rows]) => [name, rows.filter((row) => fileOf(row) !== undefined)]);
  return JSON.stringify({ ...rest, entries: Object.fromEntries(here) as unknown });
}

describe.skipIf(needsSharedData(...repositories))('every real archive there is', () => {
  let home: string;
  let upstreams: readonly StaticUpstream[];
  let operated: Operated;
  let http: Client;
  let oci: OciClient;
  let rows: readonly IndexRow[];

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chartroom-doors-'));
    upstreams = await Promise.all(
      repositories.map((name) =>
        startStaticUpstream({ folder: sharedData(name), archivesElsewhere: true, edit: withArchives }),
      ),
    );
    const unhurried = { mirror: 'requested', concurrency: 32, requestsPerSecond: 1000 };
    const configured = upstreams.map(({ url, archivesHost }, at) => ({
      ...{ name: repositories[at], url, archiveHosts: [archivesHost], ...unhurried },
    }));
    operated = await operate(home, { upstreams: configured });
    http = await clientOf(operated.server);
    oci = await ociClientOf(operated.server.url);
    await eventually(
      () => http.status('/index.yaml'),
      (status) => status === 200,
    );
    rows = await eventually(
      async () => [...(await http.index()).values()].flat(),
      (found) => found.length === 907,
    );
  });
  afterAll(async () => {
    await Promise.all([http.close(), oci.close(), operated.server.stop()]);
    await Promise.all(upstreams.map((upstream) => upstream.stop()));
    await rm(home, { recursive: true });
  });

  test('has the same bytes at both doors, which are those of the index and of its project', async () => {
    const differences = await inTurns(rows, 64, (row) => differencesOf(row, http, oci));

    expect(differences.flat()).toEqual([]);
  });
});

/** What is not as it should be with one version, in words. */
async function differencesOf(row: IndexRow, http: Client, oci: OciClient): Promise<readonly string[]> {
  const { name, version, urls } = row;
  const file = String(fileOf(row));
  const published = await readFile(file);
  const signed = existsSync(`${file}.prov`) ? await readFile(`${file}.prov`) : undefined;
  const archive = await http.get(`/${urls[0]}`);
  const provenance = signed && (await http.get(`/${urls[0]}.prov`));
  const tag = version.replace('+', '_');
  const { content, type } = await oci.manifest(`all/${name}`, tag);
  const config = JSON.parse((await oci.blob(name, content.config.digest)).toString()) as unknown;
  const checks = {
    'the archive over HTTP': archive.equals(published),
    'the digest in the index': digestOf(published) === `sha256:${row.digest}`,
    'the provenance over HTTP': signed
      ? provenance?.equals(signed) === true
      : (await http.status(`/${urls[0]}.prov`)) === 404,
    'the layers': layersAre(content, published, signed),
    'the layers as blobs': await blobsAre(oci, name, [published, signed]),
    'the type of the manifest': type === 'application/vnd.oci.image.manifest.v1+json',
    'the config': content.config.mediaType === 'application/vnd.cncf.helm.config.v1+json' && isMetadataOf(config, row),
  };
  return Object.entries(checks)
    .filter(([, same]) => !same)
    .map(([what]) => `${name} ${version}: ${what}`);
}

function layersAre({ layers }: ChartImage, archive: Buffer, provenance: Buffer | undefined): boolean {
  const expected = [
    { mediaType: chartType, digest: digestOf(archive), size: archive.length },
    ...(provenance ? [{ mediaType: provenanceType, digest: digestOf(provenance), size: provenance.length }] : []),
  ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  return JSON.stringify(layers) === JSON.stringify(expected);
}

async function blobsAre(oci: OciClient, name: string, blobs: readonly (Buffer | undefined)[]): Promise<boolean> {
  const there = blobs.filter((blob) => blob !== undefined);
  const told = await Promise.all(there.map((blob) => oci.blob(`all/${name}`, digestOf(blob))));
  return told.every((bytes, at) => bytes.equals(there[at] ?? Buffer.alloc(0)));
}

const textFields = [
  'apiVersion',
  'name',
  'version',
  'appVersion',
  'description',
  'home',
  'icon',
  'kubeVersion',
  'type',
];

/** Whether Helm would read this as the Chart.yaml of that row (helm.sh/helm pkg/chart, `Metadata`). */
function isMetadataOf(config: unknown, row: IndexRow): boolean {
  const fields = config as Readonly<Record<string, unknown>>;
  const isText = (value: unknown) => value === undefined || typeof value === 'string';
  const texts = textFields.every((field) => isText(fields[field]));
  const lists = ['keywords', 'sources'].every((field) => ((fields[field] ?? []) as unknown[]).every(isText));
  return texts && lists && fields['name'] === row.name && fields['version'] === row.version;
}

/** Does something for each of many, so many at once. */
async function inTurns<T, R>(all: readonly T[], atOnce: number, work: (one: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const left = all.values();
  const lane = async () => {
    for (const one of left) results.push(await work(one));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}
