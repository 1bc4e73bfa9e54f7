import { bigIndex, withOneRowChanged } from '../../support/big-index.ts';
import { chartArchive } from '../../support/charts.ts';
import { inHome } from '../../support/home.ts';
import type { Figure, Scenario } from '../figures.ts';
import { serve, whenReady } from '../server.ts';
import { missingData } from '../shared.ts';
import { startTraffic } from '../traffic.ts';
import { startUpstream } from '../upstream.ts';
import { figuresOf, oneRound, type Round } from './changed.ts';

const rounds = 10;
const changesPerRound = 5;
const requestsPerSecond = 200;
const pulled = Array.from({ length: 40 }, (_, at) => `1.0.${at}`);

/** An index of 32 MB in which a few charts change again and again, while archives and the index are asked for. */
export const big: Scenario = {
  name: 'big',
  run: async ({ quick }) => missingData('grafana', 'argo') ?? inHome((home, cleanUp) => measure(home, cleanUp, quick)),
};

async function measure(
  home: string,
  cleanUp: (end: () => unknown) => void,
  quick: boolean,
): Promise<readonly Figure[]> {
  const index = (await bigIndex(quick ? 8_000 : 30_000, ['grafana', 'argo'])) + rowsOfPulled();
  const upstream = await startUpstream((path) => {
    const version = /^\/bench-(.*)\.tgz$/.exec(path)?.[1];
    return version === undefined ? undefined : chartArchive({ name: 'bench', version });
  });
  cleanUp(() => upstream.stop());
  upstream.offer(Buffer.from(index));
  const upstreams = [{ name: 'bench', url: upstream.url, mirror: 'requested', interval: '0' }];
  const served = await serve({ home, upstreams, shipped: true });
  cleanUp(() => served.stop());
  await whenReady(served);
  const archives = pulled.map((version) => `/charts/bench/bench-${version}.tgz`);
  const traffic = startTraffic(served, [...archives, '/index.yaml'], requestsPerSecond);
  cleanUp(() => traffic.stop());
  const results: Round[] = [];
  const memory = [];
  for (let round = 1; round <= rounds; round += 1) {
    upstream.offer(Buffer.from(withFewChanged(index, round)));
    results.push(await oneRound(served));
    memory.push(await served.memory());
  }
  await traffic.stop();
  const { peakMiB, residentMiB } = memory.at(-1) ?? (await served.memory());
  const size = `${Math.round(index.length / 1e6)} MB`;
  return [
    ...figuresOf(index.length, { stallMs: 30, seconds: 0.6, peakMiB: 320 }, results, peakMiB),
    { name: `${size}: memory after ${rounds} refreshes`, value: residentMiB, unit: 'MiB', detail: memory },
    { name: `${size}: requests answered meanwhile`, value: traffic.answered(), unit: '' },
  ];
}

/** The archives that are pulled, as rows that promise no digest. */
function rowsOfPulled(): string {
  const rows = pulled.map((version) => `  - name: bench\n    version: ${version}\n    urls: [bench-${version}.tgz]\n`);
  return `  bench:\n${rows.join('')}`;
}

function withFewChanged(index: string, round: number): string {
  let changed = index;
  for (let at = 0; at < changesPerRound; at += 1) changed = withOneRowChanged(changed, round * changesPerRound + at);
  return changed;
}
