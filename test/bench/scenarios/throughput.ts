import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startDistribution } from '../../support/distribution.ts';
import { startNginx } from '../../support/nginx.ts';
import { untilReady } from '../../support/process.ts';
import type { Figure } from '../figures.ts';
import { alternate, best, has, onFirstCore, type Contestant, type Rates } from '../load.ts';
import { startPlainLike } from '../plain.ts';
import { serve, whenReady, type Served } from '../server.ts';
import type { BenchUpstream } from '../upstream.ts';

/** The names of the contestants. */
export const names = {
  ours: 'chartroom',
  logging: 'chartroom with access log',
  plain: 'plain node:http',
  nginx: 'nginx',
  distribution: 'distribution',
} as const;

/** Where somebody is started, and what ends them. */
export interface Place {
  readonly home: string;
  readonly cleanUp: (end: () => unknown) => void;
}

export interface Field extends Place {
  readonly upstream: BenchUpstream;
  /** What is asked for: a path of ours. */
  readonly path: string;
}

/** Two servers of ours, with and without an access log, and plain `node:http` answering the same, all on one core. */
export async function startContestants({ path, ...field }: Field): Promise<readonly Contestant[]> {
  return onFirstCore(async () => {
    const start = async (level: 'info' | 'warn'): Promise<Served> => {
      const served = await startOurs(field, level);
      await (await fetch(`${served.url}${path}`)).bytes();
      return served;
    };
    const ours = await start('warn');
    const logging = await start('info');
    await requireAccessLog(logging);
    return [
      { name: names.ours, url: `${ours.url}${path}` },
      await startPlain(`${ours.url}${path}`, field),
      { name: names.logging, url: `${logging.url}${path}` },
    ];
  });
}

/** A server of ours that has listed the upstream, and fetches nothing ahead. */
export async function startOurs(
  { home, cleanUp, upstream }: Omit<Field, 'path'>,
  level: 'info' | 'warn',
): Promise<Served> {
  const store = { filesystem: { path: join(home, `data-${level}`) } };
  const upstreams = [{ name: 'bench', url: upstream.url, mirror: 'requested', interval: '24h' }];
  const served = await serve({ home, upstreams, store, level });
  cleanUp(() => served.stop());
  await whenReady(served);
  return served;
}

/** Plain `node:http` that answers as a url is answered. */
export async function startPlain(url: string, { home, cleanUp }: Place): Promise<Contestant> {
  const plain = await startPlainLike(url, home);
  cleanUp(() => plain.stop());
  return { name: names.plain, url: plain.url };
}

/** The log is written in batches. */
async function requireAccessLog(served: Served): Promise<void> {
  await untilReady(served.process, async () => (await served.log()).includes('"request"'));
}

/** nginx with the same bytes in a file; nobody where it is not installed. */
export async function startNginxWith(bytes: Uint8Array, { home, cleanUp }: Place): Promise<readonly Contestant[]> {
  if (!has('nginx')) return [];
  await writeFile(join(home, 'file'), bytes, { mode: 0o644 });
  const nginx = await onFirstCore(() => startNginx(home, 1));
  cleanUp(() => nginx.stop());
  return [{ name: names.nginx, url: `${nginx.url}/file` }];
}

/** distribution with the same bytes as a blob; nobody where it is not installed. */
export async function startDistributionWith(
  bytes: Buffer,
  digest: string,
  place: Place,
): Promise<readonly Contestant[]> {
  const url = await startRegistry(place);
  if (url === undefined) return [];
  await putBlob(`${url}/v2/bench`, bytes, digest);
  return [{ name: names.distribution, url: `${url}/v2/bench/blobs/${digest}` }];
}

/** An empty distribution, by its url; undefined where it is not installed. */
export async function startRegistry({ cleanUp }: Place): Promise<string | undefined> {
  if (!has('registry')) return undefined;
  const distribution = await onFirstCore(() => startDistribution());
  cleanUp(() => distribution.stop());
  return distribution.url;
}

/** Puts a blob into a repository of a registry, by the address of that repository. */
export async function putBlob(repository: string, bytes: Uint8Array, digest: string): Promise<void> {
  const begun = await fetch(`${repository}/blobs/uploads/`, { method: 'POST' });
  const place = new URL(begun.headers.get('location') ?? '', repository);
  place.searchParams.set('digest', digest);
  await put(place, bytes, 'application/octet-stream');
}

/** Puts something whole. Throws unless it was created. */
export async function put(url: URL | string, bytes: Uint8Array, contentType: string): Promise<void> {
  const headers = { 'content-type': contentType };
  const answer = await fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) });
  if (answer.status !== 201) throw new Error(`${url} was not created: ${answer.status} ${await answer.text()}`);
}

/** Loads them in turn. */
export function race(contestants: readonly Contestant[], connections: number, quick: boolean): Promise<Rates> {
  return alternate(contestants, quick ? 2 : 5, { connections, seconds: quick ? 1 : 2 });
}

/** The best round of one over the best round of another, as a figure. */
export function ratio(
  rates: Rates,
  [ours, theirs]: readonly [string, string],
  figure: Pick<Figure, 'name' | 'goal'>,
): Figure {
  const value = best(rates, ours) / best(rates, theirs);
  return { ...figure, value, unit: 'x', detail: Object.fromEntries(rates) };
}

/** How many a second the best round of each had, for who wants to know. */
export function shown(rates: Rates, what: string): readonly Figure[] {
  return [...rates.keys()].map((name) => ({ name: `${what}: ${name}`, value: best(rates, name), unit: 'req/s' }));
}

/** Why load cannot be made here; undefined when it can. */
export function noLoad(): { readonly skipped: string } | undefined {
  return has('wrk') ? undefined : { skipped: 'wrk is not installed' };
}
