import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { bigIndex, withOneRowChanged } from '../../support/big-index.ts';
import { sharedData } from '../../support/shared-data.ts';
import { median, type Figure, type Outcome, type Scenario } from '../figures.ts';
import { indexTag, inHome, serve, syncNow, whenReady, type Served } from '../server.ts';
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
      maxStallMs: 50,
      maxSyncSeconds: 0.8,
    }),
};

/** An index of 32 MB of which one row changed, again and again. */
export const big: Scenario = {
  name: 'big',
  run: async ({ quick }) =>
    missingData('grafana', 'argo') ??
    measureChanges({
      index: await bigIndex(quick ? 8_000 : 30_000, ['grafana', 'argo']),
      maxStallMs: 100,
      maxMemoryMiB: 512,
    }),
};

interface Case {
  readonly index: string;
  readonly maxStallMs: number;
  readonly maxSyncSeconds?: number;
  readonly maxMemoryMiB?: number;
}

interface Round {
  readonly stallMs: number;
  readonly seconds: number;
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
    let versions = 0;
    for (let round = 1; round <= rounds; round += 1) {
      upstream.offer(Buffer.from(withOneRowChanged(wanted.index, round)));
      results.push(await oneRound(served, (count) => (versions = count)));
    }
    const what = `${(wanted.index.length / 1e6).toFixed(0)} MB, ${versions.toLocaleString('en')} versions`;
    return figuresOf(what, wanted, results, await served.peakMiB());
  });
}

async function oneRound(served: Served, note: (versions: number) => void): Promise<Round> {
  const before = await indexTag(served);
  await served.ask('stalls');
  const startedMs = performance.now();
  const { unchanged, versions } = await syncNow(served, 'bench');
  const after = await indexTag(served);
  const seconds = (performance.now() - startedMs) / 1000;
  const { maxStallMs } = await served.ask('stop');
  if (unchanged || after === before) throw new Error('a changed index was not served as changed');
  note(versions);
  await requireWhole(served, after);
  return { stallMs: maxStallMs, seconds };
}

/** What is served is what its tag says. */
async function requireWhole({ url }: Served, tag: string): Promise<void> {
  const answer = await fetch(`${url}/index.yaml`, { headers: { 'accept-encoding': 'identity' } });
  const hash = createHash('sha256');
  for await (const chunk of answer.body ?? []) hash.update(chunk);
  if (`"${hash.digest('hex')}"` !== tag) throw new Error('the index is not the one that its entity tag names');
}

function figuresOf(what: string, wanted: Case, results: readonly Round[], memoryMiB: number): readonly Figure[] {
  const { maxStallMs, maxSyncSeconds, maxMemoryMiB } = wanted;
  const seconds = results.map((round) => round.seconds);
  const stalls = results.map((round) => round.stallMs);
  const atMost = (value: number | undefined) =>
    value === undefined ? {} : ({ goal: { must: 'at most', value } } as const);
  return [
    { name: `${what}: worst stall`, value: Math.max(...stalls), unit: 'ms', ...atMost(maxStallMs), detail: stalls },
    {
      name: `${what}: worst sync to served index`,
      value: Math.max(...seconds),
      unit: 's',
      ...atMost(maxSyncSeconds),
      detail: seconds,
    },
    { name: `${what}: median sync to served index`, value: median(seconds), unit: 's' },
    // NaN where the system does not say
    ...(Number.isNaN(memoryMiB)
      ? []
      : [{ name: `${what}: peak memory`, value: memoryMiB, unit: 'MiB', ...atMost(maxMemoryMiB) }]),
  ];
}
