import { describe, expect, test } from 'vitest';

import type { Plan } from '../../src/mirror/contract/plan.ts';
import { planner } from '../../src/mirror/offering/plan.ts';
import { servingKey, stateKey } from '../../src/store/layout.ts';
import { recordBytes } from '../../src/store/records.ts';
import {
  openEngine,
  pass,
  storeGone,
  TestEngine,
  watchedStore,
  type EngineOptions,
  type WatchedStore,
} from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { jobsHere, stateOf } from '../support/kept-store.ts';

type Offered = Pick<EngineOptions, 'upstreams' | 'repositories'>;

async function listing(chart: string, ...versions: readonly string[]): Promise<FakeUpstream> {
  const upstream = new FakeUpstream();
  for (const version of versions) await upstream.publish(chart, version);
  return upstream;
}

/** A server on a store, which has recorded what it offers. */
async function served(offered: Offered, store: WatchedStore = watchedStore()) {
  const chartroom = await openEngine({ ...offered, store });
  for (const name of Object.keys(offered.upstreams)) {
    await chartroom.operator.sync(name);
    await pass(chartroom.clock, 70_000, 70_000);
  }
  chartroom.engine.start();
  await pass(chartroom.clock, 1_000);
  return { chartroom, store };
}

/** What another configuration would change there. */
function planFor(offered: Offered, { store, chartroom }: Awaited<ReturnType<typeof served>>): Promise<Plan> {
  const { clock } = chartroom;
  const { engine } = new TestEngine({ ...offered, store, clock });
  const upstreams = engine.known.map(({ settings }) => settings);
  const repositories = engine.repositories.all.map(({ settings }) => settings);
  return planner({ store, jobs: jobsHere, upstreams, repositories, clock }).plan();
}

const nobody = { added: [], removed: [], moved: [], unknown: [] };

describe('a plan', () => {
  test('is that nothing changes for the configuration that is served', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0') };
    const repositories = { all: { root: true, deny: [{ text: 'x@<1', chart: 'x', range: '<1' }] } };

    const plan = await planFor({ upstreams, repositories }, await served({ upstreams, repositories }));

    const unchanged = { name: 'all', change: 'unchanged', appear: [], disappear: [], owners: [] };
    expect(plan).toEqual({ first: false, upstreams: nobody, repositories: [unchanged], loses: false });
  });

  test('is that a new repository lists nothing yet, and what hides what there is', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0', '2.0.0', '3.0.0-rc.1') };
    const rules = { cooldownMs: 90 * 86_400_000, prereleases: false };
    const world = await served({ upstreams });
    const wanted = { upstreams, repositories: { all: { root: true }, slow: rules, narrow: { charts: ['other'] } } };

    const { repositories, loses } = await planFor(wanted, world);

    const empty = { change: 'added', appear: [], disappear: [], owners: [] };
    expect(loses).toBe(false);
    expect(repositories.slice(1)).toEqual([
      { ...empty, name: 'slow', hidden: { cooldown: 2, prereleases: 1 } },
      { ...empty, name: 'narrow', hidden: {} },
    ]);
  });

  test('is that everything appears where no server was ever configured', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0') };
    const chartroom = await openEngine({ upstreams, store: watchedStore() });
    const store = watchedStore();
    const synced = await openEngine({ upstreams, store });
    await synced.operator.sync('bitnami');
    expect(store.writes).not.toContain(servingKey);

    expect(await planFor({ upstreams }, { chartroom, store })).toEqual({
      first: true,
      upstreams: { ...nobody, added: ['bitnami'] },
      repositories: [
        { name: 'all', change: 'added', appear: [{ chart: 'nginx', versions: ['1.0.0'] }], disappear: [], owners: [] },
      ],
      root: { from: undefined, to: 'all' },
      loses: false,
    });
  });

  test('names what a rule takes away and what another brings back, newest first', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0', '1.1.0', '2.0.0-rc.1', '2.0.0') };
    const deny = [{ text: 'nginx@<2.0.0-0', chart: 'nginx', range: '<2.0.0-0' }];
    const world = await served({ upstreams, repositories: { all: { prereleases: false } } });

    expect(await planFor({ upstreams, repositories: { all: { deny } } }, world)).toMatchObject({
      repositories: [
        {
          change: 'changed',
          appear: [{ chart: 'nginx', versions: ['2.0.0-rc.1'] }],
          disappear: [{ chart: 'nginx', versions: ['1.1.0', '1.0.0'] }],
        },
      ],
      loses: true,
    });
  });

  test('names who would own a name from then on', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0'), internal: await listing('nginx', '1.0.0', '2.0.0') };
    const world = await served({ upstreams });
    const owners = [['nginx', 'internal']] as const;

    expect(await planFor({ upstreams, repositories: { all: { root: true, owners } } }, world)).toMatchObject({
      repositories: [
        {
          appear: [{ chart: 'nginx', versions: ['2.0.0'] }],
          disappear: [],
          owners: [{ chart: 'nginx', from: 'bitnami', to: 'internal' }],
        },
      ],
      loses: true,
    });
    const merged = await planFor({ upstreams, repositories: { all: { root: true, overlap: 'merge' } } }, world);
    expect(merged).toMatchObject({ repositories: [{ disappear: [], owners: [] }], loses: false });
  });

  test('says nothing of whose a name is that no index lists before or after', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0'), internal: await listing('nginx', '1.0.0') };
    const versions = [['nginx', '>=9']] as const;
    const world = await served({ upstreams, repositories: { all: { versions } } });
    const owners = [['nginx', 'internal']] as const;

    expect(await planFor({ upstreams, repositories: { all: { versions, owners } } }, world)).toMatchObject({
      repositories: [{ change: 'changed', owners: [] }],
      loses: false,
    });
  });

  test('names each version that changes hands under merge', async () => {
    const upstreams = { a: await listing('nginx', '1.0.0'), b: await listing('nginx', '1.0.0', '2.0.0') };
    const world = await served({ upstreams, repositories: { all: { overlap: 'merge' } } });

    const plan = await planFor({ upstreams, repositories: { all: { owners: [['nginx', 'b']] } } }, world);

    expect(plan.repositories[0]?.owners).toEqual([{ chart: 'nginx', version: '1.0.0', from: 'a', to: 'b' }]);
  });

  test('says that options change although nothing that is listed does', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0') };
    const world = await served({ upstreams });

    expect(
      await planFor({ upstreams, repositories: { all: { root: true, prereleases: false } } }, world),
    ).toMatchObject({
      repositories: [{ change: 'changed', appear: [], disappear: [] }],
      loses: false,
    });
  });
});

describe('upstreams and repositories', () => {
  test('that are new, gone, moved or unknown are named', async () => {
    const [old, stays] = [await listing('redis', '1.0.0'), await listing('nginx', '1.0.0')];
    const world = await served({ upstreams: { old, stays } });
    const upstreams = { stays: { upstream: stays, url: 'https://elsewhere.example' }, fresh: new FakeUpstream() };

    expect(await planFor({ upstreams }, world)).toMatchObject({
      upstreams: { added: ['fresh'], removed: ['old'], moved: ['stays'], unknown: ['fresh'] },
      repositories: [{ appear: [], disappear: [{ chart: 'redis', versions: ['1.0.0'] }] }],
      loses: true,
    });
  });

  test('bring back what the store remembers when they are added again', async () => {
    const [old, stays] = [await listing('redis', '1.0.0'), await listing('nginx', '1.0.0')];
    const world = await served({ upstreams: { old, stays } });
    await world.chartroom.reconfigure({ upstreams: { stays } });

    expect(await planFor({ upstreams: { old, stays } }, world)).toMatchObject({
      upstreams: { added: ['old'], unknown: [] },
      repositories: [{ appear: [{ chart: 'redis', versions: ['1.0.0'] }] }],
      loses: false,
    });
  });

  test('are lost when they are removed, or when another answers at the root', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0') };
    const world = await served({ upstreams, repositories: { one: { root: true }, two: {} } });
    const nginx = [{ chart: 'nginx', versions: ['1.0.0'] }];

    expect(await planFor({ upstreams, repositories: { one: {}, two: { root: true } } }, world)).toMatchObject({
      repositories: [{ change: 'changed' }, { change: 'changed' }],
      root: { from: 'one', to: 'two' },
      loses: true,
    });
    expect(await planFor({ upstreams, repositories: { one: { root: true }, three: {} } }, world)).toMatchObject({
      repositories: [
        { name: 'one', change: 'unchanged' },
        { name: 'three', change: 'added', appear: nginx },
        { name: 'two', change: 'removed', disappear: nginx },
      ],
      loses: true,
    });
  });
});

describe('what is compared with', () => {
  test('is what the last reload of a server came to', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0') };
    const world = await served({ upstreams });
    const repositories = { all: { charts: ['redis'] } };
    await world.chartroom.reconfigure({ upstreams, repositories });

    expect((await planFor({ upstreams, repositories }, world)).loses).toBe(false);
    expect(world.store.writes.filter((key) => key === servingKey)).toHaveLength(2);
  });

  test('is written once by servers that are configured alike', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0') };
    const world = await served({ upstreams });
    await served({ upstreams }, world.store);

    expect(world.store.writes.filter((key) => key === servingKey)).toHaveLength(1);
  });

  test('is written as soon as the store takes it, and until then only logged', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0') };
    const store = watchedStore();
    store.beforeWrite = (key) => (key === servingKey ? storeGone() : undefined);
    const { chartroom } = await served({ upstreams }, store);
    await pass(chartroom.clock, 8_000);
    expect(chartroom.logged.filter(({ msg, level }) => /could not be recorded/.test(msg) && level === 40)).toHaveLength(
      1,
    );
    expect(chartroom.versions('nginx')).toEqual(['1.0.0']);

    store.beforeWrite = undefined;
    await pass(chartroom.clock, 4_000);
    expect(await store.text(servingKey)).toContain('bitnami');
  });

  test('may have been written by a version that knew fewer rules', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0') };
    const world = await served({ upstreams });
    const { upstreams: known } = JSON.parse((await world.store.text(servingKey)) ?? '') as { upstreams: unknown };
    const earlier = { name: 'all', root: true, upstreams: ['bitnami'], rules: { overlap: 'first' } };
    await world.store.write(servingKey, recordBytes({ upstreams: known, repositories: [earlier] }));

    expect(await planFor({ upstreams }, world)).toMatchObject({ repositories: [{ change: 'unchanged' }] });
  });
});

describe('a store', () => {
  test('is only read, and no upstream is asked', async () => {
    const bitnami = await listing('nginx', '1.0.0');
    const world = await served({ upstreams: { bitnami } });
    const [calls, writes] = [bitnami.calls.length, world.store.writes.length];

    await planFor({ upstreams: { bitnami }, repositories: { other: {} } }, world);

    expect([bitnami.calls.length, world.store.writes.length]).toEqual([calls, writes]);
  });

  test('that is damaged, of another format or gone is a fault', async () => {
    const upstreams = { bitnami: await listing('nginx', '1.0.0') };
    const world = await served({ upstreams });
    const damaged = async (key: string, text = 'no JSON') => {
      const store = await world.store.copy();
      await store.write(key, Buffer.from(text));
      return faultOf(planFor({ upstreams }, { ...world, store }));
    };
    const { catalog = 'sha256:none' } = (await stateOf(world.store))?.upstreams['bitnami'] ?? {};

    expect((await damaged(servingKey)).message).toBe('the record serving.json in the store is damaged');
    expect((await damaged(stateKey)).message).toBe('the record state.json in the store is damaged');
    expect((await damaged(`catalogs/sha256/${catalog.slice(7)}.gz`)).message).toMatch(/^The catalog .* is damaged/);
    expect((await damaged('format.json', '{"format":99}')).message).toMatch(/has format 99/);
    world.store.beforeRead = storeGone;
    expect((await faultOf(planFor({ upstreams }, world))).code).toBe('store-failed');
  });
});
