import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { inHome } from '../../support/home.ts';
import { sharedData } from '../../support/shared-data.ts';
import { median, type BenchOptions, type Figure, type Outcome, type Scenario } from '../figures.ts';
import { serve, syncNow, whenReady, type Served } from '../server.ts';
import { missingData } from '../shared.ts';
import { startUpstream } from '../upstream.ts';

const maxP99Ms = 5;

interface Library {
  readonly charts: number;
  /** Of each chart. */
  readonly versions: number;
}

/** 30,000 versions of few charts, and of many. */
const libraries: readonly Library[] = [
  { charts: 3_000, versions: 10 },
  { charts: 10_000, versions: 3 },
];

/** Searches through the API, one after the other, each with other words, and pages of fifty. */
export const search: Scenario = {
  name: 'search',
  run: async ({ quick }) => missingData('argo', 'grafana') ?? measureAll(quick),
};

async function measureAll(quick: BenchOptions['quick']): Promise<Outcome> {
  const words = await realWords();
  const figures: Figure[] = [];
  for (const library of quick ? libraries.slice(0, 1) : libraries) {
    figures.push(...(await measure(library, words, quick ? 300 : 2_000)));
  }
  return figures;
}

function measure(library: Library, words: readonly string[], searches: number): Promise<readonly Figure[]> {
  return inHome(async (home, cleanUp) => {
    const pick = picker(words);
    const names = namesOf(library.charts, pick);
    const upstream = await startUpstream();
    cleanUp(() => upstream.stop());
    upstream.offer(Buffer.from(indexOf(names, library, pick)));
    const upstreams = [{ name: 'bench', url: upstream.url, mirror: 'requested', interval: '0' }];
    const served = await serve({ home, upstreams });
    cleanUp(() => served.stop());
    await whenReady(served);
    await served.ask('stalls');
    const firstMs = (await timed(served, 'redis')).ms;
    const { maxStallMs: buildStallMs } = await served.ask('stop');
    const queries = Array.from({ length: searches }, (_, at) => queryOf(at, names, pick));
    // what V8 compiles on the way is no search
    for (const query of queries.slice(0, 200)) await timed(served, query);
    const { times, idle } = await timesOf(served, queries);
    upstream.offer(Buffer.from(indexOf(names.toSpliced(7, 100), library, pick)));
    await syncNow(served, 'bench');
    await served.ask('stalls');
    const { times: meanwhile } = await timesOf(served, queries.slice(0, 300));
    const { maxStallMs: updateStallMs } = await served.ask('stop');
    return figuresOf(library, { firstMs, buildStallMs, times, idle, meanwhile, updateStallMs });
  });
}

interface Measured {
  readonly firstMs: number;
  readonly buildStallMs: number;
  readonly times: readonly number[];
  /** What asking costs here, whatever is asked. */
  readonly idle: readonly number[];
  readonly meanwhile: readonly number[];
  readonly updateStallMs: number;
}

function figuresOf({ charts, versions }: Library, measured: Measured): readonly Figure[] {
  const what = `${charts.toLocaleString('en')} charts, ${(charts * versions).toLocaleString('en')} versions`;
  const { firstMs, buildStallMs, times, idle, meanwhile, updateStallMs } = measured;
  const most = { must: 'at most', value: maxP99Ms } as const;
  const figure = (name: string, value: number): Figure => ({ name: `${what}: ${name}`, value, unit: 'ms' });
  return [
    { ...figure('99th percentile', percentile(times, 0.99)), goal: most },
    figure('median', median(times)),
    figure('worst', Math.max(...times)),
    figure('99th percentile of /livez, asked in turn', percentile(idle, 0.99)),
    figure('median of /livez', median(idle)),
    figure('the first search, which makes the index', firstMs),
    figure('worst stall while it is made', buildStallMs),
    figure('99th percentile after a changed listing', percentile(meanwhile, 0.99)),
    figure('worst stall while the index follows it', updateStallMs),
  ];
}

async function timesOf(
  served: Served,
  queries: readonly string[],
): Promise<{ readonly times: readonly number[]; readonly idle: readonly number[] }> {
  const [times, idle]: [number[], number[]] = [[], []];
  let found = 0;
  for (const query of queries) {
    const { ms, total } = await timed(served, query);
    times.push(ms);
    idle.push((await timedText(`${served.url}/livez`)).ms);
    if (total > 0) found += 1;
  }
  if (found < queries.length / 2) throw new Error(`only ${found} of ${queries.length} searches found anything`);
  return { times, idle };
}

async function timed({ url }: Served, query: string): Promise<{ readonly ms: number; readonly total: number }> {
  const { ms, text } = await timedText(`${url}/api/v1/repositories/all/charts?search=${encodeURIComponent(query)}`);
  return { ms, total: (JSON.parse(text) as { readonly total: number }).total };
}

async function timedText(url: string): Promise<{ readonly ms: number; readonly text: string }> {
  const startedMs = performance.now();
  const answer = await fetch(url);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return { ms: performance.now() - startedMs, text };
}

/** Words as charts have them, in no order. */
async function realWords(): Promise<readonly string[]> {
  const texts = await Promise.all(
    (['argo', 'grafana'] as const).map((name) => readFile(join(sharedData(name), 'index.yaml'), 'utf8')),
  );
  const lines = texts.flatMap((text) => text.match(/^ +(?:description|name): .*$|^ +- [a-z-]+$/gm) ?? []);
  const words = lines.flatMap((line) => line.toLowerCase().match(/[a-z]{3,}/g) ?? []);
  return [...new Set(words)];
}

type Pick = { word(): string; number(below: number): number };

/** The same choices in every run. */
function picker(words: readonly string[]): Pick {
  let state = 1;
  const number = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return { number, word: () => words[number(words.length)] ?? 'chart' };
}

function namesOf(count: number, pick: Pick): readonly string[] {
  const names = new Set<string>(['redis', 'nginx', 'prometheus', 'grafana', 'argo-cd', 'cert-manager']);
  while (names.size < count) {
    const words = Array.from({ length: 1 + pick.number(3) }, () => pick.word());
    names.add(names.size % 3 === 0 ? `${words.join('-')}-${pick.number(100)}` : words.join('-'));
  }
  return [...names].toSorted();
}

function indexOf(names: readonly string[], { versions }: Library, pick: Pick): string {
  const parts = ['apiVersion: v1\nentries:\n'];
  for (const name of names) {
    const description = Array.from({ length: 6 + pick.number(10) }, () => pick.word()).join(' ');
    const keywords = Array.from({ length: pick.number(5) }, () => `\n    - ${pick.word()}`).join('');
    parts.push(`  ${name}:\n`);
    for (let version = versions; version > 0; version -= 1) {
      parts.push(
        `  - apiVersion: v2\n    created: "2026-01-01T00:00:00Z"\n    description: A chart for ${description}\n`,
        keywords && `    keywords:${keywords}\n`,
        `    name: ${name}\n    urls:\n    - ${name}-1.${version}.0.tgz\n    version: 1.${version}.0\n`,
      );
    }
  }
  return parts.join('');
}

/** What people type: names and their beginnings, words, two of them, slips of the keys, and what nobody has. */
function queryOf(at: number, names: readonly string[], pick: Pick): string {
  const name = names[pick.number(names.length)] ?? 'redis';
  const kinds: readonly (() => string)[] = [
    () => name,
    () => name.slice(0, 1 + pick.number(name.length)),
    () => pick.word(),
    () => pick.word().slice(0, 1 + pick.number(5)),
    () => `${pick.word()} ${pick.word()}`,
    () => `${name.slice(0, 4)} ${pick.word().slice(0, 3)}`,
    () => misspell(name, pick.number(name.length)),
    () => (at % 3 === 0 ? `nobody-has-${pick.number(1_000)}` : 'chart'),
  ];
  return kinds[at % kinds.length]?.() ?? name;
}

function misspell(name: string, at: number): string {
  return name.slice(0, at) + name.slice(at + 1);
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}
