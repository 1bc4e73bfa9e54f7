import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { inHome } from '../../support/home.ts';
import { sharedData } from '../../support/shared-data.ts';
import type { Outcome, Scenario } from '../figures.ts';
import { missingData } from '../shared.ts';
import { startUpstream } from '../upstream.ts';
import { names, noLoad, race, ratio, shown, startContestants, startNginxWith, type Field } from './throughput.ts';

const path = '/index.yaml';
const connections = 16;

/** The index of a large repository, uncompressed. */
export const index: Scenario = {
  name: 'index',
  run: async ({ quick }) => noLoad() ?? missingData('argo') ?? onField((field) => whole(field, quick)),
};

/** The same, to who has it already. */
export const notModified: Scenario = {
  name: 'not-modified',
  run: async ({ quick }) => noLoad() ?? missingData('argo') ?? onField((field) => unchanged(field, quick)),
};

function onField(measure: (field: Field) => Promise<Outcome>): Promise<Outcome> {
  return inHome(async (home, cleanUp) => {
    const upstream = await startUpstream();
    cleanUp(() => upstream.stop());
    upstream.offer(await readFile(join(sharedData('argo'), 'index.yaml')));
    return measure({ home, cleanUp, upstream, path });
  });
}

async function whole(field: Field, quick: boolean): Promise<Outcome> {
  const [ours, plain] = await startContestants(field);
  if (!ours || !plain) throw new Error('nobody came');
  const bytes = await (await fetch(ours.url, { headers: { 'accept-encoding': 'identity' } })).bytes();
  const rates = await race([ours, plain, ...(await startNginxWith(bytes, field))], connections, quick);
  const what = `index of argo, ${(bytes.length / 1e6).toFixed(1)} MB, ${connections} connections`;
  return [
    ratio(rates, [names.ours, names.plain], { name: `${what}: to node:http`, goal: { must: 'at least', value: 0.9 } }),
    ...(rates.has(names.nginx)
      ? [ratio(rates, [names.ours, names.nginx], { name: `${what}: to nginx`, goal: { must: 'more than', value: 1 } })]
      : []),
    ...shown(rates, what),
  ];
}

async function unchanged(field: Field, quick: boolean): Promise<Outcome> {
  const contestants = await startContestants(field);
  const answer = await fetch(contestants[0]?.url ?? '', { method: 'HEAD', headers: { 'accept-encoding': 'identity' } });
  const headers = { 'if-none-match': answer.headers.get('etag') ?? '' };
  const asking = contestants.map((contestant) => ({ ...contestant, headers }));
  const rates = await race(asking, connections, quick);
  const what = `304, ${connections} connections`;
  const goal = (value: number) => ({ must: 'at least', value }) as const;
  return [
    ratio(rates, [names.ours, names.plain], { name: `${what}: to node:http`, goal: goal(0.65) }),
    ratio(rates, [names.logging, names.plain], { name: `${what}: to node:http, with access log`, goal: goal(0.4) }),
    ...shown(rates, what),
  ];
}
