import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { digestOf } from '../../../src/chart/digest.ts';
import { chartArchive, hexDigest } from '../../support/charts.ts';
import { inHome } from '../../support/home.ts';
import { median, type Figure, type Outcome, type Scenario } from '../figures.ts';
import { onFirstCore, type Contestant } from '../load.ts';
import type { Served } from '../server.ts';
import { startUpstream } from '../upstream.ts';
import {
  names,
  noLoad,
  put,
  putBlob,
  race,
  ratio,
  shown,
  startNginxWith,
  startOurs,
  startPlain,
  startRegistry,
  type Place,
} from './throughput.ts';

const manyVersions = Array.from({ length: 1_000 }, (_, at) => `1.${at}.0`);

/** A chart as a registry has it: its archive as a layer, its manifest, its tags; and how long the first manifest takes. */
export const images: Scenario = {
  name: 'images',
  run: async ({ quick }) => noLoad() ?? inHome((home, cleanUp) => measure({ home, cleanUp }, quick)),
};

async function measure(place: Place, quick: boolean): Promise<Outcome> {
  const served = await startWithCharts(place);
  const image = await readImage(served);
  const registry = await startRegistry(place);
  if (registry !== undefined) await push(registry, image);
  const sides: Sides = { place, ours: served.url, registry };
  const figures: Figure[] = [];
  for (const raced of addressesOf(image)) {
    const contestants = await contestantsFor(raced, sides);
    for (const connections of raced.connections)
      figures.push(...(await compare(raced, contestants, connections, quick)));
  }
  return [...figures, ...(await deriving(served, quick ? 10 : 50))];
}

/** A server of ours on a repository with one chart of 31 KB, and one with a thousand versions. */
async function startWithCharts(place: Place): Promise<Served> {
  // hex does not compress below half its size
  const noise = { 'noise.txt': randomBytes(28_100).toString('hex') };
  const bench = await chartArchive({ name: 'bench', version: '1.0.0' }, noise);
  const upstream = await startUpstream((path) => {
    if (path === '/bench-1.0.0.tgz') return bench;
    const [, version] = /^\/many-(.*)\.tgz$/.exec(path) ?? [];
    return version === undefined ? undefined : chartArchive({ name: 'many', version }, noise);
  });
  place.cleanUp(() => upstream.stop());
  const many = manyVersions.map((version) => row('many', version));
  const entries = { bench: [{ ...row('bench', '1.0.0'), digest: hexDigest(bench) }], many };
  upstream.offer(Buffer.from(JSON.stringify({ apiVersion: 'v1', entries })));
  return onFirstCore(() => startOurs({ ...place, upstream }, 'warn'));
}

function row(name: string, version: string): object {
  return { apiVersion: 'v2', name, version, urls: [`${name}-${version}.tgz`] };
}

interface Part {
  readonly digest: string;
  readonly bytes: Buffer;
}

interface Image {
  readonly mediaType: string;
  readonly manifest: Part;
  readonly config: Part;
  readonly archive: Part;
}

/** What our server says that the chart is, all of it verified. */
async function readImage({ url }: Served): Promise<Image> {
  const answer = await ask(`${url}/v2/bench/manifests/1.0.0`);
  const bytes = Buffer.from(await answer.bytes());
  const { config, layers } = JSON.parse(bytes.toString()) as { config: Part; layers: readonly [Part] };
  const blob = async ({ digest }: Part): Promise<Part> => {
    const part = Buffer.from(await (await ask(`${url}/v2/bench/blobs/${digest}`)).bytes());
    if (digestOf(part) !== digest) throw new Error(`${digest} is ${digestOf(part)}`);
    return { digest, bytes: part };
  };
  return {
    mediaType: answer.headers.get('content-type') ?? '',
    manifest: { digest: digestOf(bytes), bytes },
    config: await blob(config),
    archive: await blob(layers[0]),
  };
}

/** The same bytes under the same tags. */
async function push(registry: string, { mediaType, manifest, config, archive }: Image): Promise<void> {
  const tags = { bench: ['1.0.0'], many: manyVersions };
  for (const [name, versions] of Object.entries(tags)) {
    const repository = `${registry}/v2/${name}`;
    for (const { bytes, digest } of [config, archive]) await putBlob(repository, bytes, digest);
    for (const tag of versions) await put(`${repository}/manifests/${tag}`, manifest.bytes, mediaType);
  }
}

/** An address that both kinds of registry have. */
interface Raced {
  readonly what: string;
  readonly path: string;
  readonly connections: readonly number[];
  /** How many times as fast as distribution ours must be; absent where that is only shown. */
  readonly goal?: number;
}

function addressesOf({ archive, manifest }: Image): readonly Raced[] {
  const size = `${Math.round(archive.bytes.length / 1000)} KB`;
  const connections = [16, 100];
  return [
    { what: `blob, ${size}`, path: `/v2/bench/blobs/${archive.digest}`, connections, goal: 15 },
    { what: 'manifest by tag', path: '/v2/bench/manifests/1.0.0', connections, goal: 2.5 },
    { what: 'manifest by digest', path: `/v2/bench/manifests/${manifest.digest}`, connections, goal: 2.5 },
    { what: '1,000 tags', path: '/v2/many/tags/list', connections: [16] },
  ];
}

/** As registries' clients ask: distribution has no OCI manifest for who does not name its type. */
const headers = { accept: 'application/vnd.oci.image.manifest.v1+json, */*' };

interface Sides {
  readonly place: Place;
  readonly ours: string;
  readonly registry: string | undefined;
}

/** Ours, distribution, nginx with the same bytes, and plain `node:http` for what has an entity tag. */
async function contestantsFor({ path, what }: Raced, { place, ours, registry }: Sides): Promise<readonly Contestant[]> {
  const own = { ...place, home: join(place.home, what.replaceAll(/\W+/g, '-')) };
  await mkdir(own.home);
  const url = `${ours}${path}`;
  const answer = await ask(url);
  const bytes = await answer.bytes();
  const all: readonly Contestant[] = [
    { name: names.ours, url },
    ...(answer.headers.has('etag') ? [await onFirstCore(() => startPlain(url, own))] : []),
    ...(registry === undefined ? [] : [{ name: names.distribution, url: `${registry}${path}` }]),
    ...(await startNginxWith(bytes, own)),
  ];
  return all.map((contestant) => ({ ...contestant, headers }));
}

async function compare(
  raced: Raced,
  contestants: readonly Contestant[],
  connections: number,
  quick: boolean,
): Promise<readonly Figure[]> {
  const rates = await race(contestants, connections, quick);
  const what = `${raced.what}, ${connections} connections`;
  const goal = raced.goal === undefined ? {} : { goal: { must: 'at least', value: raced.goal } as const };
  const toDistribution = { name: `${what}: to distribution`, ...goal };
  return [
    ...(rates.has(names.distribution) ? [ratio(rates, [names.ours, names.distribution], toDistribution)] : []),
    ...(rates.has(names.plain) ? [ratio(rates, [names.ours, names.plain], { name: `${what}: to node:http` })] : []),
    ...shown(rates, what),
  ];
}

/** How long the first manifest of a chart takes whose archive is held, and of which upstream said that it is not signed. */
async function deriving({ url }: Served, charts: number): Promise<readonly Figure[]> {
  const times: number[] = [];
  for (const version of manyVersions.slice(0, charts)) {
    const archive = `${url}/charts/many/many-${version}.tgz`;
    await (await ask(archive)).bytes();
    await (await fetch(`${archive}.prov`)).bytes();
    const startedMs = performance.now();
    await (await ask(`${url}/v2/many/manifests/${version}`)).bytes();
    times.push(performance.now() - startedMs);
  }
  const what = 'first manifest of a held archive';
  return [
    { name: `${what}, median of ${charts}`, value: median(times), unit: 'ms' },
    { name: `${what}, worst`, value: Math.max(...times), unit: 'ms' },
  ];
}

async function ask(url: string): Promise<Response> {
  const answer = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer;
}
