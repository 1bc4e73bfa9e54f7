import fc from 'fast-check';

import { digestOf } from '../../src/chart/digest.ts';
import type { DenyRule, RepositoryRules } from '../../src/chart/rules.ts';
import { chartArchive } from '../support/charts.ts';
import { ManualClock } from '../support/clock.ts';
import {
  openEngine,
  pass,
  watchedStore,
  type TestEngine,
  type TestRepository,
  type TestUpstream,
} from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';

export const charts = ['nginx', 'redis', 'Nginx'] as const;
export const versions = ['1.0.0', '1.1.0-rc.1', '1.1.0', '2.0.0', 'v2.0.0'] as const;
const names = ['alpha', 'beta', 'gamma'] as const;

type Name = (typeof names)[number];

const archives = new Map<string, Buffer>();

/** The bytes that an upstream has for a version: other ones than any other upstream. */
async function archiveOf(upstream: string, chart: string, version: string): Promise<Buffer> {
  const key = `${upstream}/${chart}/${version}`;
  const archive = archives.get(key) ?? (await chartArchive({ name: chart, version, description: upstream }));
  archives.set(key, archive);
  return archive;
}

const row = fc.tuple(fc.constantFrom(...charts), fc.constantFrom(...versions));

/** How an upstream is configured, as far as it decides what is offered. */
const settings = fc.record({
  charts: fc.constantFrom(['*'], ['nginx'], ['!redis']),
  versions: fc.constantFrom([], [['*', '>=1.1.0-0'] as const]),
  withdrawn: fc.constantFrom('keep' as const, 'drop' as const),
  retired: fc.boolean(),
});

const denials: readonly DenyRule[] = [
  { text: 'redis', chart: 'redis' },
  { text: 'nginx@<2', chart: 'nginx', range: '<2' },
];

const rules: fc.Arbitrary<Partial<RepositoryRules>> = fc.record({
  overlap: fc.constantFrom('first' as const, 'merge' as const),
  owners: fc.subarray([['nginx', 'beta'] as const, ['r*', 'gamma'] as const]),
  deny: fc.subarray([...denials]),
  charts: fc.constantFrom(['*'], ['*'], ['nginx', 'redis'], ['!redis']),
  versions: fc.constantFrom([], [], [['nginx', '>=1.1.0'] as const]),
  prereleases: fc.boolean(),
  listNewest: fc.constantFrom(undefined, undefined, 1),
  cooldownMs: fc.constantFrom(0, 0, 3_600_000),
});

const repository: fc.Arbitrary<TestRepository> = fc
  .tuple(rules, fc.shuffledSubarray([...names], { minLength: 1 }))
  .map(([some, upstreams]) => ({ ...some, upstreams }));

/** A configuration over the same upstreams. */
export const configuration = fc.record({
  upstreams: fc.record({ alpha: settings, beta: settings, gamma: settings }),
  repositories: fc.dictionary(fc.constantFrom('one', 'two'), repository, { minKeys: 1 }),
});

export type Configuration = typeof configuration extends fc.Arbitrary<infer T> ? T : never;

/** What upstreams list at first and later, what is fetched of it, and who is down in the end. */
export const history = fc.record({
  first: fc.record({
    alpha: fc.uniqueArray(row, { selector: String }),
    beta: fc.uniqueArray(row, { selector: String }),
    gamma: fc.uniqueArray(row, { selector: String }),
  }),
  order: fc.shuffledSubarray([...names], { minLength: 3 }),
  later: fc.array(fc.tuple(fc.constantFrom(...names), row), { maxLength: 4 }),
  withdrawn: fc.array(fc.tuple(fc.constantFrom(...names), row), { maxLength: 2 }),
  fetched: fc.array(row, { maxLength: 4 }),
  down: fc.subarray([...names]),
});

export type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

/** An engine with a past, and what it is to be configured with. How each upstream fares in the end is known. */
export async function openWorld(present: Configuration, past: History) {
  const fakes = { alpha: new FakeUpstream(), beta: new FakeUpstream('registry'), gamma: new FakeUpstream() };
  const clock = new ManualClock();
  const store = watchedStore();
  const world = await openEngine({ upstreams: fakes, store, clock });
  await live(world, fakes, past);
  const configured = (wanted: Configuration) => ({
    upstreams: Object.fromEntries(
      names.map((name): [string, TestUpstream] => {
        const type = name === 'beta' ? 'registry' : 'chart-repository';
        return [name, { upstream: fakes[name], type, ...wanted.upstreams[name] }];
      }),
    ),
    repositories: wanted.repositories,
  });
  await world.reconfigure(configured(present));
  for (const upstream of past.down) fakes[upstream].down = unreachable();
  await syncAll(world, names);
  return { world, store, clock, configured };
}

type Fakes = Readonly<Record<Name, FakeUpstream>>;

async function live(world: TestEngine, fakes: Fakes, past: History): Promise<void> {
  const { clock } = world;
  for (const upstream of names) for (const one of past.first[upstream]) await publish(fakes, upstream, one);
  for (const upstream of past.order) {
    await syncAll(world, [upstream]);
    await pass(clock, 70_000, 70_000);
  }
  for (const [upstream, one] of past.later) await publish(fakes, upstream, one);
  for (const [upstream, one] of past.withdrawn) fakes[upstream].withdraw(...one);
  for (let round = 0; round < 3; round += 1) await syncAll(world, names);
  for (const [chart, version] of past.fetched) await world.archive(chart, version).catch(() => undefined);
  await world.engine.commit();
  await pass(clock, 3_000_000, 3_000_000);
}

async function publish(fakes: Fakes, upstream: Name, [chart, version]: readonly [string, string]): Promise<void> {
  if (fakes[upstream].rows.some((one) => one.chart === chart && one.version === version)) return;
  const archive = await archiveOf(upstream, chart, version);
  await fakes[upstream].publish(chart, version, { archive, digest: digestOf(archive) });
}

/** Some are empty at first, retired or down: they have no news. */
async function syncAll(world: TestEngine, upstreams: readonly Name[]): Promise<void> {
  for (const upstream of upstreams) await world.operator.sync(upstream).catch(() => undefined);
}
