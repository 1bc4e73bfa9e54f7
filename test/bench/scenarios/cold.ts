import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { ask } from '../../support/ask.ts';
import { chartArchive, hexDigest } from '../../support/charts.ts';
import { inHome } from '../../support/home.ts';
import type { Outcome, Scenario } from '../figures.ts';
import { serve, whenReady } from '../server.ts';
import { startUpstream } from '../upstream.ts';

/** Many clients at once for one archive that nobody fetched yet. */
export const cold: Scenario = {
  name: 'cold',
  run: ({ quick }) => inHome((home, cleanUp) => measure(home, cleanUp, quick ? 100 : 1_000)),
};

async function measure(home: string, cleanUp: (end: () => unknown) => void, clients: number): Promise<Outcome> {
  const bytes = await chartArchive({ name: 'bench', version: '1.0.0' });
  const everybodyAsked = Promise.withResolvers<void>();
  const upstream = await startUpstream(() => everybodyAsked.promise.then(() => bytes));
  cleanUp(() => upstream.stop());
  const row = {
    apiVersion: 'v2',
    name: 'bench',
    version: '1.0.0',
    digest: hexDigest(bytes),
    urls: ['bench-1.0.0.tgz'],
  };
  upstream.offer(Buffer.from(JSON.stringify({ apiVersion: 'v1', entries: { bench: [row] } })));
  const served = await serve({ home, upstreams: [{ name: 'bench', url: upstream.url, mirror: 'requested' }] });
  cleanUp(() => served.stop());
  await whenReady(served);
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  cleanUp(() => agent.destroy());
  const startedMs = performance.now();
  const asked = Array.from({ length: clients }, () => ask(`${served.url}/charts/bench/bench-1.0.0.tgz`, agent));
  await Promise.all(asked.map(({ sent }) => sent));
  // all of them are with the server now: let it read them before upstream gives anything
  await sleep(500);
  everybodyAsked.resolve();
  const answers = await Promise.all(asked.map(({ answer }) => answer));
  const seconds = (performance.now() - startedMs) / 1000;
  const right = answers.filter((answer) => answer === hexDigest(bytes)).length;
  const what = `${clients.toLocaleString('en')} requests`;
  return [
    {
      name: `${what}: upstream requests`,
      value: upstream.count('/bench-1.0.0.tgz'),
      unit: '',
      goal: { must: 'exactly', value: 1 },
    },
    { name: `${what}: answered with the archive`, value: right, unit: '', goal: { must: 'exactly', value: clients } },
    { name: `${what}: until the last answer, 0.5 s of it held back`, value: seconds, unit: 's' },
  ];
}
