import { randomBytes } from 'node:crypto';

import { chartArchive, hexDigest } from '../../support/charts.ts';
import { inHome } from '../../support/home.ts';
import type { Figure, Outcome, Scenario } from '../figures.ts';
import { startUpstream } from '../upstream.ts';
import {
  names,
  noLoad,
  race,
  ratio,
  shown,
  startContestants,
  startDistributionWith,
  startNginxWith,
} from './throughput.ts';

const path = '/charts/bench/bench-1.0.0.tgz';

/** A warm archive of 31 KB, from a few and from many connections. */
export const archive: Scenario = {
  name: 'archive',
  run: async ({ quick }) => noLoad() ?? inHome((home, cleanUp) => measure(home, cleanUp, quick)),
};

async function measure(home: string, cleanUp: (end: () => unknown) => void, quick: boolean): Promise<Outcome> {
  // hex does not compress below half its size
  const bytes = await chartArchive(
    { name: 'bench', version: '1.0.0' },
    { 'noise.txt': randomBytes(28_100).toString('hex') },
  );
  const upstream = await startUpstream(() => bytes);
  cleanUp(() => upstream.stop());
  upstream.offer(Buffer.from(indexOf(bytes)));
  const field = { home, cleanUp, upstream, path };
  const contestants = [
    ...(await startContestants(field)),
    ...(await startDistributionWith(bytes, `sha256:${hexDigest(bytes)}`, field)),
    ...(await startNginxWith(bytes, field)),
  ];
  const figures: Figure[] = [];
  for (const connections of [16, 100]) {
    const rates = await race(contestants, connections, quick);
    const what = `${Math.round(bytes.length / 1000)} KB, ${connections} connections`;
    const goal = (value: number) => ({ must: 'at least', value }) as const;
    figures.push(ratio(rates, [names.ours, names.plain], { name: `${what}: to node:http`, goal: goal(0.7) }));
    figures.push(
      ratio(rates, [names.logging, names.plain], { name: `${what}: to node:http, with access log`, goal: goal(0.45) }),
    );
    if (rates.has(names.distribution))
      figures.push(
        ratio(rates, [names.ours, names.distribution], { name: `${what}: to distribution`, goal: goal(15) }),
      );
    figures.push(...shown(rates, what));
  }
  return figures;
}

function indexOf(bytes: Buffer): string {
  const row = {
    apiVersion: 'v2',
    name: 'bench',
    version: '1.0.0',
    digest: hexDigest(bytes),
    urls: ['bench-1.0.0.tgz'],
  };
  return JSON.stringify({ apiVersion: 'v1', entries: { bench: [row] } });
}
