import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { chartArchive, hexDigest } from '../../support/charts.ts';
import { startDistribution } from '../../support/distribution.ts';
import { startRepository } from './replicas-repository.ts';

/** A version as we are to offer it. */
export interface Offered {
  readonly chart: string;
  readonly version: string;
  /** Bare hex. */
  readonly digest: string;
  readonly path: string;
  /** By `performance`: upstream had it from then on. */
  readonly atMs: number;
}

/** An upstream that gets one new version after another. */
export interface NewsSource {
  /** What is listed below `upstreams` of the configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  publish(): Promise<Offered>;
  /** Resolves when an upstream of this kind may be asked at once: see configuration, a miss. */
  untilAskable(): Promise<void>;
  /** Resolves right after somebody listed it, where that can be seen: the worst moment to publish. */
  untilListed(): Promise<void>;
  stop(): Promise<void>;
}

const interval = '10s';
/** A listing may be followed by another one after this. */
const listingEveryMs = 2_000;

/** A chart repository with one chart. */
export async function repositoryWithNews(): Promise<NewsSource> {
  const repository = await startRepository();
  const listings = () => repository.count('/index.yaml');
  let count = 0;
  return {
    config: { ...repository.config, interval },
    publish: async () => {
      const [one] = await repository.publish([`from-repository 1.${count++}.0`]);
      if (!one) throw new Error('nothing was published');
      return one;
    },
    untilAskable: async () => {
      let [before, sinceMs] = [listings(), performance.now()];
      while (performance.now() - sinceMs <= listingEveryMs) {
        await sleep(20);
        if (listings() !== before) [before, sinceMs] = [listings(), performance.now()];
      }
    },
    untilListed: async () => {
      const before = listings();
      while (listings() === before) await sleep(20);
    },
    stop: () => repository.stop(),
  };
}

/** A real registry with one chart, pushed by a real Helm from a folder. */
export async function registryWithNews(home: string): Promise<NewsSource> {
  const registry = await startDistribution();
  const chart = 'from-registry';
  const url = `${registry.url.replace('http:', 'oci:')}/charts`;
  let count = 0;
  return {
    config: { name: 'harbor', url, plainHTTP: true, charts: [chart], interval },
    publish: async () => {
      const version = `1.${count++}.0`;
      const archive = await chartArchive({ name: chart, version });
      const file = join(home, `${chart}-${version}.tgz`);
      await writeFile(file, archive);
      await registry.push(file, 'charts');
      const path = `/charts/${chart}/${chart}-${version}.tgz`;
      return { chart, version, digest: hexDigest(archive), path, atMs: performance.now() };
    },
    // a tag nobody asked for is asked for at once
    untilAskable: async () => undefined,
    untilListed: async () => undefined,
    stop: () => registry.stop(),
  };
}
