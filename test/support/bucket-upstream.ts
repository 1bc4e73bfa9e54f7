import { describeArchive } from '../../src/formats/chart-archive.ts';
import { readIndexUnlessEqual, type PieceMemory } from '../../src/formats/index.ts';
import { readAll } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { bucketUpstream, type BucketOptions } from '../../src/upstream/bucket/bucket.ts';
import type { Upstream } from '../../src/upstream/contract.ts';
import { anonymous } from '../../src/upstream/credentials/preemptive.ts';
import type { OfferedChart } from '../contract/upstream-fixture.ts';
import { hexDigest } from './charts.ts';
import { httpClientOf, type HttpClientSettings } from './http.ts';

interface BucketUpstreamOptions extends Partial<BucketOptions> {
  /** How its clients differ from usual ones. */
  readonly client?: HttpClientSettings;
}

/** A bucket as an upstream named `fixture`, without threads. Closed with the test. */
export function openBucket(url: string, options: BucketUpstreamOptions = {}): Upstream {
  const memory: PieceMemory = new Map();
  const { client, ...more } = options;
  return bucketUpstream({
    name: 'fixture',
    url,
    endpoint: undefined,
    region: 'us-east-1',
    authorization: anonymous,
    openClient: (home, authorization) => httpClientOf(home.origin, { upstream: 'fixture', ...client, authorization }),
    readIndex: async (question, body) =>
      readIndexUnlessEqual({ ...question, body: await readAll(body, question.maxBytes) }, memory),
    openOci: async (place) => {
      throw new Error(`nobody opens ${place} here`);
    },
    maxIndexBytes: 1e6,
    maxArchiveBytes: 1e6,
    inspect: async (bytes) => describeArchive(bytes),
    concurrency: 4,
    clock: systemClock,
    ...more,
  });
}

/** Keys that sign for the fixtures. */
export const testKeys = { accessKeyId: 'AKIATEST', secretAccessKey: 'test/secret+key' };

/** The files of some charts, by key below a prefix. */
export function filesOf(charts: readonly OfferedChart[], prefix = ''): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const { name, version, archive, provenance } of charts) {
    files.set(`${prefix}${name}-${version}.tgz`, archive);
    if (provenance) files.set(`${prefix}${name}-${version}.tgz.prov`, provenance);
  }
  return files;
}

/** An index of some charts as JSON, their urls as `urlOf` makes them of a file name. */
export function indexOf(charts: readonly OfferedChart[], urlOf = (file: string): string => file): Buffer {
  const entries: Record<string, object[]> = {};
  for (const { name, version, archive } of charts) {
    (entries[name] ??= []).push({ name, version, urls: [urlOf(`${name}-${version}.tgz`)], digest: hexDigest(archive) });
  }
  return Buffer.from(JSON.stringify({ apiVersion: 'v1', entries }));
}
