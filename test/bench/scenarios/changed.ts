import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { withOneRowChanged } from '../../support/big-index.ts';
import { inHome } from '../../support/home.ts';
import { sharedData } from '../../support/shared-data.ts';
import { median, type Figure, type Outcome, type Scenario } from '../figures.ts';
import { indexTag, serve, syncNow, whenReady, type Served } from '../server.ts';
import { missingData } from '../shared.ts';
import { startUpstream } from '../upstream.ts';

const rounds = 10;

/** An index of 4 MB of which one row changed. */
export const changed: Scenario = {
  name: 'changed',
  run: async () =>
    missingData('grafana') ??
    measureChanges({
      index: await readFile(join(sharedData('grafana'), 'index.yaml'), 'utf8'),
      goals: { stallMs: 50, seconds: 0.8 },
    }),
};

interface Case {
  readonly index: string;
  readonly goals: Goals;
}

/** What must not be exceeded while an index changes. */
export interface Goals {
  readonly stallMs: number;
  readonly seconds: number;
  readonly peakMiB?: number;
}

/** One change, from the listing to its being served. */
export interface Round {
  readonly stallMs: number;
  readonly seconds: number;
  readonly versions: number;
}

function measureChanges(wanted: Case): Promise<Outcome> {
  return inHome(async (home, cleanUp) => {
    const upstream = await startUpstream();
    cleanUp(() => upstream.stop());
    upstream.offer(Buffer.from(wanted.index));
    const upstreams = [{ name: 'bench', url: upstream.url, mirror: 'requested', interval: '0' }];
    const served = await serve({ home, upstreams });
    cleanUp(() => served.stop());
    await whenReady(served);
    const results: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      upstream.offer(Buffer.from(withOneRowChanged(wanted.index, round)));
      results.push(await oneRound(served));
    }
    return figuresOf(wanted.index.length, wanted.goals, results, (await served.memory()).peakMiB);
  });
}

/** Has the server list a changed index, and measures until it is served. Throws when what is served is not whole. */
export async function oneRound(served: Served): Promise<Round> {
  const before = await indexTag(served);
  await served.ask('stalls');
  const startedMs = performance.now();
  const { unchanged, versions } = await syncNow(served, 'bench');
  const after = await indexTag(served);
  const seconds = (performance.now() - startedMs) / 1000;
  const { maxStallMs } = await served.ask('stop');
  if (unchanged || after === before) throw new Error('a changed index was not served as changed');
  await requireWhole(served, after);
  return { stallMs: maxStallMs, seconds, versions };
}

/** What is served is what its tag says. Answers with how many bytes that is. */
export async function requireWhole({ url }: Served, tag: string, path = '/index.yaml'): Promise<number> {
  const answer = await fetch(`${url}${path}`, { headers: { 'accept-encoding': 'identity' } });
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    hash.update(chunk);
    size += chunk.length;
  }
  if (`"${hash.digest('hex')}"` !== tag) throw new Error('the index is not the one that its entity tag names');
  return size;
}

/** The figures of all rounds over an index of `bytes`. */
export function figuresOf(bytes: number, goals: Goals, results: readonly Round[], peakMiB: number): readonly Figure[] {
  const what = `${(bytes / 1e6).toFixed(0)} MB, ${(results[0]?.versions ?? 0).toLocaleString('en')} versions`;
  const seconds = results.map((round) => round.seconds);
  const stalls = results.map((round) => round.stallMs);
  const figure = (name: string, unit: string, value: number, most?: number, detail?: unknown): Figure => ({
    name: `${what}: ${name}`,
    unit,
    value,
    ...(most !== undefined && { goal: { must: 'at most', value: most } }),
    ...(detail !== undefined && { detail }),
  });
  return [
    figure('worst stall', 'ms', Math.max(...stalls), goals.stallMs, stalls),
    figure('worst sync to served index', 's', Math.max(...seconds), goals.seconds, seconds),
    figure('median sync to served index', 's', median(seconds)),
    // NaN where the system does not say
    ...(Number.isNaN(peakMiB) ? [] : [figure('peak memory', 'MiB', peakMiB, goals.peakMiB)]),
  ];
}
