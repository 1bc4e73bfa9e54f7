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

export interface Field {
  readonly home: string;
  readonly cleanUp: (end: () => unknown) => void;
  readonly upstream: BenchUpstream;
  /** What is asked for: a path of ours. */
  readonly path: string;
}

/** Two servers of ours, with and without an access log, and plain `node:http` answering the same, all on one core. */
export async function startContestants({ home, cleanUp, upstream, path }: Field): Promise<readonly Contestant[]> {
  return onFirstCore(async () => {
    const start = async (level: 'info' | 'warn'): Promise<Served> => {
      const store = { filesystem: { path: join(home, `data-${level}`) } };
      const upstreams = [{ name: 'bench', url: upstream.url, mirror: 'requested', interval: '24h' }];
      const served = await serve({ home, upstreams, store, level });
      cleanUp(() => served.stop());
      await whenReady(served);
      await (await fetch(`${served.url}${path}`)).bytes();
      return served;
    };
    const ours = await start('warn');
    const logging = await start('info');
    await requireAccessLog(logging);
    const plain = await startPlainLike(`${ours.url}${path}`, home);
    cleanUp(() => plain.stop());
    return [
      { name: names.ours, url: `${ours.url}${path}` },
      { name: names.plain, url: `${plain.url}${path}` },
      { name: names.logging, url: `${logging.url}${path}` },
    ];
  });
}

/** The log is written in batches. */
async function requireAccessLog(served: Served): Promise<void> {
  await untilReady(served.process, async () => (await served.log()).includes('"request"'));
}

/** nginx with the same bytes in a file; nobody where it is not installed. */
export async function startNginxWith(bytes: Uint8Array, { home, cleanUp }: Field): Promise<readonly Contestant[]> {
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
  field: Field,
): Promise<readonly Contestant[]> {
  if (!has('registry')) return [];
  const distribution = await onFirstCore(() => startDistribution());
  field.cleanUp(() => distribution.stop());
  const begun = await fetch(`${distribution.url}/v2/bench/blobs/uploads/`, { method: 'POST' });
  const place = new URL(begun.headers.get('location') ?? '', distribution.url);
  place.searchParams.set('digest', digest);
  const put = await fetch(place, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: new Uint8Array(bytes),
  });
  if (put.status !== 201) throw new Error(`distribution took no blob: ${put.status} ${await put.text()}`);
  return [{ name: names.distribution, url: `${distribution.url}/v2/bench/blobs/${digest}` }];
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
