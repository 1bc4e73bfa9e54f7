import { bigIndex } from '../../support/big-index.ts';
import { inHome } from '../../support/home.ts';
import { median, type Figure, type Scenario } from '../figures.ts';
import { indexTag, serve, syncNow, whenReady, type Served } from '../server.ts';
import { missingData } from '../shared.ts';
import { startTraffic } from '../traffic.ts';
import { startUpstream, type BenchUpstream } from '../upstream.ts';
import { requireWhole, type Round } from './changed.ts';

const rounds = 10;
const requestsPerSecond = 100;
const [first, second, third, fourth, fifth] = ['one', 'two', 'three', 'four', 'five'] as const;
const upstreamNames = [first, second, third, fourth, fifth];

/** Ten of them: other upstreams, other rules, and two that are equal. */
const composed = [
  { name: 'everything', root: true },
  { name: 'equal' },
  { name: 'newest', listNewest: 10 },
  { name: 'denied', upstreams: [first, second], deny: ['*loki*@<2', 'one-tempo-0'] },
  { name: 'stable', upstreams: [second, third], prereleases: false },
  { name: 'merged', upstreams: [first, third], overlap: 'merge' },
  { name: 'patient', upstreams: [first, fifth], cooldown: '72h' },
  { name: 'narrow', upstreams: [first, second, fourth], charts: ['*', '!*enterprise*'], versions: '>=1' },
  { name: 'owned', upstreams: [fourth, first], owners: { 'argo*': first } },
  { name: 'maintained', upstreams: [fifth], deprecated: false },
];

/** Ten repositories of five upstreams, one of which gets a new version again and again. */
export const repositories: Scenario = {
  name: 'repositories',
  run: async ({ quick }) => missingData('grafana', 'argo') ?? inHome((home, cleanUp) => measure(home, cleanUp, quick)),
};

async function measure(
  home: string,
  cleanUp: (end: () => unknown) => void,
  quick: boolean,
): Promise<readonly Figure[]> {
  const index = await bigIndex(quick ? 1_200 : 6_000, ['grafana', 'argo']);
  const indexes = upstreamNames.map((name) => indexOf(name, index));
  const running: BenchUpstream[] = [];
  for (const text of indexes) {
    const upstream = await startUpstream();
    cleanUp(() => upstream.stop());
    upstream.offer(Buffer.from(text));
    running.push(upstream);
  }
  const upstreams = upstreamNames.map((name, at) => ({
    name,
    url: running[at]?.url,
    mirror: 'requested',
    interval: '0',
  }));
  const served = await serve({ home, upstreams, repositories: composed, shipped: true });
  cleanUp(() => served.stop());
  await whenAllReady(served);
  const traffic = startTraffic(served, paths, requestsPerSecond);
  cleanUp(() => traffic.stop());
  const results: Round[] = [];
  const memory = [];
  for (let round = 1; round <= rounds; round += 1) {
    running[0]?.offer(Buffer.from(withNewVersions(indexes[0] ?? '', round)));
    results.push(await oneRound(served));
    memory.push(await served.memory());
  }
  await traffic.stop();
  return [...figuresOf(results, await sizesOf(served), memory), answered(traffic.answered())];
}

const paths = composed.map(({ name }) => `/${name}/index.yaml`);

/** Charts of one name in every upstream, and others that only this one has. */
function indexOf(upstream: string, index: string): string {
  const rename = (_: string, before: string, name: string, after: string): string =>
    `${before}${name.startsWith('argo') ? name : `${upstream}-${name}`}${after}`;
  return index.replaceAll(/^( {2})([\w.-]+)(:)$/gm, rename).replaceAll(/^( {4}name: )([\w.-]+)()$/gm, rename);
}

/** One more version of one chart for each round so far, each time of another one. */
function withNewVersions(index: string, round: number): string {
  let changed = index;
  for (let at = 1; at <= round; at += 1) {
    const heads = [...changed.matchAll(/^ {2}([\w.-]+):\n/gm)];
    const head = heads[(at * 7) % heads.length];
    if (!head) throw new Error('the index has no charts');
    const end = head.index + head[0].length;
    const row = `  - name: ${head[1]}\n    version: 99.0.${at}\n    urls: [${head[1]}-99.0.${at}.tgz]\n`;
    changed = changed.slice(0, end) + row + changed.slice(end);
  }
  return changed;
}

async function whenAllReady(served: Served): Promise<void> {
  await whenReady(served);
  for (const name of upstreamNames) await syncNow(served, name);
}

/** Has the server list a new version, and measures until every repository has it. */
async function oneRound(served: Served): Promise<Round> {
  const before = await indexTag(served);
  await served.ask('stalls');
  const startedMs = performance.now();
  const { unchanged, versions } = await syncNow(served, first);
  const tags = await Promise.all(paths.map((path) => indexTag(served, path)));
  const seconds = (performance.now() - startedMs) / 1000;
  const { maxStallMs } = await served.ask('stop');
  if (unchanged || tags[0] === before || tags[0] !== tags[1]) throw new Error('a new version was not served');
  return { stallMs: maxStallMs, seconds, versions };
}

/** Every index is what its tag says. */
async function sizesOf(served: Served): Promise<readonly number[]> {
  const sizes: number[] = [];
  for (const path of paths) sizes.push(await requireWhole(served, await indexTag(served, path), path));
  return sizes;
}

interface Memory {
  readonly peakMiB: number;
  readonly residentMiB: number;
}

function figuresOf(results: readonly Round[], sizes: readonly number[], memory: readonly Memory[]): readonly Figure[] {
  const versions = upstreamNames.length * (results.at(-1)?.versions ?? 0);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const what = `${sizes.length} of ${upstreamNames.length} upstreams, ${versions.toLocaleString('en')} versions, ${(bytes / 1e6).toFixed(0)} MB`;
  const seconds = results.map((round) => round.seconds);
  const stalls = results.map((round) => round.stallMs);
  const { peakMiB, residentMiB } = memory.at(-1) ?? { peakMiB: Number.NaN, residentMiB: Number.NaN };
  const most = (value: number) => ({ must: 'at most', value }) as const;
  return [
    { name: `${what}: worst stall`, value: Math.max(...stalls), unit: 'ms', goal: most(50), detail: stalls },
    { name: 'worst sync to all served', value: Math.max(...seconds), unit: 's', goal: most(2), detail: seconds },
    { name: 'median sync to all served', value: median(seconds), unit: 's' },
    ...(Number.isNaN(residentMiB)
      ? []
      : [
          { name: `memory after ${rounds} changes`, value: residentMiB, unit: 'MiB', goal: most(512), detail: memory },
          { name: 'peak memory', value: peakMiB, unit: 'MiB' },
        ]),
  ];
}

function answered(value: number): Figure {
  return { name: 'requests answered meanwhile', value, unit: '' };
}
