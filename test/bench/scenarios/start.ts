import { createHash } from 'node:crypto';
import { join } from 'node:path';

import type { KeptVersion } from '../../../src/chart/holding.ts';
import { archivePath } from '../../../src/chart/names.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { openLog } from '../../../src/lib/log.ts';
import type { ObjectStore } from '../../../src/store/contract.ts';
import { namesOfKey } from '../../../src/store/filesystem-paths.ts';
import { filesystemStore } from '../../../src/store/filesystem.ts';
import { openS3Bucket } from '../../../src/store/s3.ts';
import { bigIndex } from '../../support/big-index.ts';
import { inHome } from '../../support/home.ts';
import { startVersitygw } from '../../support/versitygw.ts';
import { median, type Figure, type Outcome, type Scenario } from '../figures.ts';
import { has } from '../load.ts';
import { seedStore } from '../seed.ts';
import { serve, type Served, type ServeOptions } from '../server.ts';
import { missingData } from '../shared.ts';
import { startSlowProxy } from '../slow-proxy.ts';
import { startUpstream, type BenchUpstream } from '../upstream.ts';

const addedMs = 20;
const bucket = 'bench';

/** A start with everything held in a folder. */
export const startFromDisk: Scenario = {
  name: 'start-disk',
  run: async ({ quick }) =>
    missingData('grafana', 'argo') ??
    inHome(async (home, cleanUp) => {
      const path = join(home, 'data');
      const upstream = await seededUpstream(quick ? 1_000 : 5_000, cleanUp);
      const fileOf = (key: string) => join(path, ...namesOfKey(key));
      const held = await seed(upstream, filesystemStore({ path, clock: systemClock }), fileOf);
      const starts = await measureStarts({ home, upstream, held, cleanUp, counted: () => 0 }, quick);
      return [seconds(starts, held, 'on disk', 2), upstreamRequests(starts)];
    }),
};

/** A start with everything held in a bucket that is some way off. */
export const startFromS3: Scenario = {
  name: 'start-s3',
  run: async ({ quick }) => {
    if (!has('versitygw')) return { skipped: 'versitygw is not installed: run scripts/install-tools' };
    return missingData('grafana', 'argo') ?? inHome((home, cleanUp) => measureS3(home, cleanUp, quick));
  },
};

type CleanUp = (end: () => unknown) => void;

async function measureS3(home: string, cleanUp: CleanUp, quick: boolean): Promise<Outcome> {
  const folder = join(home, 's3');
  const s3 = await startVersitygw(folder);
  cleanUp(() => s3.stop());
  const log = openLog({ level: 'error', format: 'json' });
  const opened = openS3Bucket(s3.options(bucket), { clock: systemClock, log });
  cleanUp(() => opened.close());
  await opened.prepare();
  const upstream = await seededUpstream(quick ? 3_000 : 30_000, cleanUp);
  const held = await seed(upstream, opened.store, (key) => join(folder, bucket, key));
  const proxy = await startSlowProxy(s3.endpoint, addedMs);
  cleanUp(() => proxy.stop());
  const { accessKeyId, secretAccessKey, region } = s3;
  const store = { s3: { endpoint: proxy.url, region, bucket, accessKeyId, secretAccessKey, pathStyle: true } };
  const counted = () => proxy.requests.length;
  const starts = await measureStarts({ home, upstream, held, cleanUp, store, counted }, quick);
  const requests: Figure = {
    name: 'store requests until the index is answered',
    value: Math.max(...starts.map(({ storeRequests }) => storeRequests)),
    unit: '',
    goal: { must: 'at most', value: 10 },
    detail: proxy.requests,
  };
  return [seconds(starts, held, `on S3 with ${addedMs} ms more`, 4), requests, upstreamRequests(starts)];
}

const etag = '"seeded"';

/** An upstream that lists what will be held, and says nothing new. */
async function seededUpstream(versions: number, cleanUp: CleanUp): Promise<Seeded> {
  const upstream = await startUpstream();
  cleanUp(() => upstream.stop());
  const index = Buffer.from((await bigIndex(versions, ['grafana', 'argo'])).replaceAll(/^ {4}digest: .*\n/gm, ''));
  upstream.offer(index, { etag });
  return { ...upstream, index };
}

interface Seeded extends BenchUpstream {
  readonly index: Buffer;
}

function seed({ index }: Seeded, store: ObjectStore, fileOf: (key: string) => string): Promise<readonly KeptVersion[]> {
  return seedStore({ upstream: 'bench', index, etag, store, fileOf });
}

interface StartOptions {
  readonly home: string;
  readonly upstream: Seeded;
  readonly held: readonly KeptVersion[];
  readonly store?: ServeOptions['store'];
  readonly cleanUp: CleanUp;
  /** Store requests so far. */
  readonly counted: () => number;
}

interface Start {
  readonly seconds: number;
  readonly indexSeconds: number;
  readonly storeRequests: number;
  readonly upstreamRequests: number;
}

/** One after the other, each with a process of its own. */
async function measureStarts(options: StartOptions, quick: boolean): Promise<readonly Start[]> {
  const starts: Start[] = [];
  for (let round = 0; round < (quick ? 1 : 3); round += 1) starts.push(await measureStart(options));
  return starts;
}

/** Starts, asks for the index until it comes, and then for one archive. What came is checked when the clock stands. */
async function measureStart({ home, upstream, held, store, cleanUp, counted }: StartOptions): Promise<Start> {
  const wanted = held[Math.floor(Math.random() * held.length)];
  if (!wanted) throw new Error('nothing is held');
  const before = { storeRequests: counted(), upstreamRequests: upstream.total() };
  const served = await serve({ home, upstreams: [{ name: 'bench', url: upstream.url }], ...(store && { store }) });
  cleanUp(() => served.stop());
  const index = await firstIndex(served);
  const indexMs = performance.now();
  const counts = {
    storeRequests: counted() - before.storeRequests,
    upstreamRequests: upstream.total() - before.upstreamRequests,
  };
  const answer = await fetch(`${served.url}/${archivePath(wanted.chart, wanted.version)}`);
  const archive = await answer.bytes();
  const endMs = performance.now();
  await served.stop();
  requireIndex(index, held);
  const digest = `sha256:${createHash('sha256').update(archive).digest('hex')}`;
  if (digest !== wanted.archive.digest) throw new Error(`the archive is not the held one (${answer.status})`);
  return { seconds: (endMs - served.startedMs) / 1000, indexSeconds: (indexMs - served.startedMs) / 1000, ...counts };
}

async function firstIndex(served: Served): Promise<Uint8Array> {
  // what unpacking costs the client is none of the server's time
  const headers = { 'accept-encoding': 'identity' };
  const deadlineMs = served.startedMs + 120_000;
  for (;;) {
    const answer = await fetch(`${served.url}/index.yaml`, { headers }).catch(() => undefined);
    const bytes = await answer?.bytes();
    if (answer?.status === 200 && bytes) return bytes;
    if (served.process.exitCode !== null || performance.now() > deadlineMs) {
      throw new Error(`the server offers nothing:\n${await served.log()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface Entries {
  readonly entries: Readonly<Record<string, readonly { readonly version: string; readonly digest: string }[]>>;
}

/** Every held version is listed with its held digest, and nothing else is. */
function requireIndex(bytes: Uint8Array, held: readonly KeptVersion[]): void {
  const { entries } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Entries;
  const listed = Object.entries(entries).flatMap(([chart, rows]) =>
    rows.map(({ version, digest }) => `${chart}/${version} sha256:${digest}`),
  );
  const expected = held.map(({ chart, version, archive }) => `${chart}/${version} ${archive.digest}`);
  if (listed.sort().join('\n') !== expected.sort().join('\n')) throw new Error('the index does not list what is held');
}

function seconds(starts: readonly Start[], held: readonly KeptVersion[], where: string, most: number): Figure {
  const what = starts.length > 1 ? `, median of ${starts.length}` : '';
  return {
    name: `${held.length.toLocaleString('en')} held versions ${where}: start to index and archive${what}`,
    value: median(starts.map((start) => start.seconds)),
    unit: 's',
    goal: { must: 'at most', value: most },
    detail: starts,
  };
}

function upstreamRequests(starts: readonly Start[]): Figure {
  return {
    name: 'upstream requests until the index is answered',
    value: Math.max(...starts.map((start) => start.upstreamRequests)),
    unit: '',
    goal: { must: 'at most', value: 2 },
  };
}
