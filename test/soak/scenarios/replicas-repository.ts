import { startUpstream } from '../../bench/upstream.ts';
import { chartArchive, hexDigest } from '../../support/charts.ts';

/** One version that upstream offers. */
export interface Published {
  /** Who has it. */
  readonly upstream: string;
  readonly chart: string;
  readonly version: string;
  /** Bare hex. */
  readonly digest: string;
  readonly archive: Buffer;
  /** Where upstream has it. */
  readonly source: string;
  /** Where we are to serve it. */
  readonly path: string;
  /** By `performance`: from then on upstream listed it. */
  readonly atMs: number;
}

/** A chart repository on loopback that grows while it is served, with validators. */
export interface GrowingRepository {
  /** What is listed below `upstreams` of a configuration, with options of its own. */
  readonly config: { readonly name: string; readonly url: string };
  /** Everything so far, in order. */
  readonly published: readonly Published[];
  /** What an archive's request waits for before it is answered. */
  hold: Promise<void> | undefined;
  /** Lists all of these at once. Each is `<chart> <version>`, and new. */
  publish(versions: readonly string[]): Promise<readonly Published[]>;
  /** How often a path was asked for. */
  count(path: string): number;
  stop(): Promise<void>;
}

/** Starts one of this name. Whoever starts it stops it. */
export async function startRepository(name = 'nexus'): Promise<GrowingRepository> {
  const published: Published[] = [];
  const archives = new Map<string, Buffer>();
  const upstream = await startUpstream(async (path) => {
    await repository.hold;
    return archives.get(path);
  });
  const repository: GrowingRepository = {
    config: { name, url: upstream.url },
    published,
    hold: undefined,
    publish: async (versions) => {
      const made = await Promise.all(versions.map(makeVersion));
      for (const { source, archive } of made) archives.set(source, archive);
      const atMs = performance.now();
      const listed = made.map((one) => ({ ...one, upstream: name, atMs }));
      published.push(...listed);
      upstream.offer(indexOf(published));
      return listed;
    },
    count: (path) => upstream.count(path),
    stop: () => upstream.stop(),
  };
  upstream.offer(indexOf(published));
  return repository;
}

/** Several chart repositories, each with charts of its own. */
export interface GrowingRepositories extends Pick<GrowingRepository, 'published' | 'publish' | 'stop'> {
  readonly configs: readonly GrowingRepository['config'][];
  /** How often this was asked for. */
  count(one: Published): number;
}

/** Starts some. Whoever starts them stops them. */
export async function startRepositories(names: readonly string[]): Promise<GrowingRepositories> {
  const all = new Map<string, GrowingRepository>();
  for (const name of names) all.set(name, await startRepository(name));
  const owners = new Map<string, string>();
  const ownerOf = (version: string): string => {
    const [chart = ''] = version.split(' ');
    const owner = owners.get(chart) ?? names[owners.size % names.length] ?? '';
    owners.set(chart, owner);
    return owner;
  };
  const published: Published[] = [];
  return {
    configs: [...all.values()].map(({ config }) => config),
    published,
    publish: async (versions) => {
      const byOwner = Map.groupBy(versions, ownerOf);
      const made: Published[] = [];
      for (const [name, some] of byOwner) made.push(...((await all.get(name)?.publish(some)) ?? []));
      published.push(...made);
      return made;
    },
    count: ({ upstream, source }) => all.get(upstream)?.count(source) ?? 0,
    stop: async () => {
      for (const repository of all.values()) await repository.stop();
    },
  };
}

async function makeVersion(name: string): Promise<Omit<Published, 'atMs' | 'upstream'>> {
  const [chart = '', version = ''] = name.split(' ');
  const archive = await chartArchive({ name: chart, version });
  const source = `/${chart}-${version}.tgz`;
  return { chart, version, archive, digest: hexDigest(archive), source, path: `/charts/${chart}${source}` };
}

function indexOf(published: readonly Published[]): Buffer {
  const entries: Record<string, object[]> = {};
  for (const { chart, version, digest, source } of published) {
    (entries[chart] ??= []).push({ apiVersion: 'v2', name: chart, version, digest, urls: [source.slice(1)] });
  }
  return Buffer.from(JSON.stringify({ apiVersion: 'v1', entries }));
}
