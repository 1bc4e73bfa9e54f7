import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { inHome } from '../../support/home.ts';
import { sharedData } from '../../support/shared-data.ts';
import { median, type Figure, type Outcome, type Scenario } from '../figures.ts';
import { indexTag, serve, syncNow, whenReady, type Served } from '../server.ts';
import { missingData } from '../shared.ts';
import { startUpstream, type BenchUpstream } from '../upstream.ts';

const rounds = 10;

/** The three ways in which an upstream says that nothing changed. */
const ways: readonly {
  readonly name: string;
  readonly offer: (upstream: BenchUpstream, text: string, round: number) => void;
}[] = [
  { name: '304', offer: (upstream, text) => upstream.offer(Buffer.from(text)) },
  {
    name: '200 with the same bytes',
    offer: (upstream, text) => upstream.offer(Buffer.from(text), { etag: undefined }),
  },
  {
    name: '200 with another generated',
    offer: (upstream, text, round) => {
      const generated = `generated: "2030-01-01T00:00:${String(10 + round)}Z"`;
      upstream.offer(Buffer.from(text.replace(/^generated: .*$/m, generated)), { etag: undefined });
    },
  },
];

/** An index of 4 MB that did not change: no rendering, no write, and hardly any time of the main thread. */
export const unchanged: Scenario = {
  name: 'unchanged',
  run: async () => missingData('grafana') ?? inHome(measure),
};

async function measure(home: string, cleanUp: (end: () => unknown) => void): Promise<Outcome> {
  const text = await readFile(join(sharedData('grafana'), 'index.yaml'), 'utf8');
  const upstream = await startUpstream();
  cleanUp(() => upstream.stop());
  upstream.offer(Buffer.from(text));
  const upstreams = [{ name: 'bench', url: upstream.url, mirror: 'requested', interval: '0' }];
  const served = await serve({ home, upstreams, level: 'info' });
  cleanUp(() => served.stop());
  await whenReady(served);
  const tag = await indexTag(served);
  // a server that has run for an hour has done this thirty times
  for (let round = 0; round < 30; round += 1) {
    ways[round % ways.length]?.offer(upstream, text, round);
    await syncNow(served, 'bench');
  }
  const data = join(home, 'data');
  const before = await filesOf(data);
  const figures: Figure[] = [];
  for (const { name, offer } of ways) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      offer(upstream, text, round);
      times.push(await mainThreadMs(served));
    }
    figures.push({
      name: `${name}: main thread, median`,
      value: median(times),
      unit: 'ms',
      goal: { must: 'less than', value: 5 },
      detail: times,
    });
    figures.push({ name: `${name}: main thread, worst`, value: Math.max(...times), unit: 'ms' });
  }
  const after = await filesOf(data);
  if ((await indexTag(served)) !== tag) throw new Error('the same listing made another index');
  await served.stop();
  const renderings = (await served.log()).split('"index rendered"').length - 1;
  const nothing = { must: 'exactly', value: 0 } as const;
  return [
    ...figures,
    { name: 'indexes rendered again', value: renderings - 1, unit: '', goal: nothing },
    { name: 'files written or touched', value: differences(before, after), unit: '', goal: nothing },
  ];
}

async function mainThreadMs(served: Served): Promise<number> {
  await served.ask('time');
  const report = await syncNow(served, 'bench');
  const answer = await served.ask('stop');
  if (!report.unchanged) throw new Error('an unchanged index was taken for a changed one');
  return answer.mainThreadMs;
}

/** Every file below a folder with what tells one writing of it from the next. */
async function filesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true });
  const describe = async (path: string): Promise<[string, string]> => {
    const { size, mtimeMs, ctimeMs, ino } = await stat(join(folder, path));
    return [path, `${size} ${mtimeMs} ${ctimeMs} ${ino}`];
  };
  return new Map(await Promise.all(entries.map(describe)));
}

function differences(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number {
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path))
    .length;
}
