import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import type { MirrorPolicy } from '../../src/chart/survey.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { bytesAt, pass, storeGone, TestEngine, turn, watchedStore, type WatchedStore } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';

const signed = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');

/** What clients got. */
interface Served {
  readonly archives: Map<string, Buffer>;
  index: string | undefined;
}

async function upstreamsOf() {
  const [repository, registry] = [new FakeUpstream(), new FakeUpstream('registry')];
  for (const version of ['1.0.0', '1.1.0']) await repository.publish('demo', version, { provenance: signed });
  await repository.publish('bare', '1.0.0', { digest: undefined });
  await registry.publish('tagged', '0.1.0');
  const all = { mirror: 'all' as MirrorPolicy, concurrency: 1 };
  const upstreams = { nexus: { upstream: repository, ...all }, ghcr: { upstream: registry, type: 'registry', ...all } };
  return { upstreams, repository, registry };
}

type World = Awaited<ReturnType<typeof upstreamsOf>>;

/** A life of a server: it lists, fetches ahead, answers, lists something new, and commits. */
async function live(world: World, chartroom: TestEngine, served: Served): Promise<void> {
  const quietly = (work: Promise<unknown>) => work.then(() => turn()).catch(() => undefined);
  const look = () => {
    try {
      served.index = chartroom.index;
    } catch {
      // nothing is served yet
    }
  };
  const get = (chart: string, version: string) =>
    quietly(chartroom.archive(chart, version).then((bytes) => served.archives.set(`${chart} ${version}`, bytes)));
  await quietly(chartroom.engine.openPatiently());
  await quietly(chartroom.operator.sync('nexus'));
  look();
  await get('demo', '1.0.0');
  await get('bare', '1.0.0');
  await quietly(chartroom.operator.sync('ghcr'));
  await quietly(chartroom.operator.settled());
  await pass(chartroom.clock, 10_000, 10_000);
  look();
  await world.repository.publish('demo', '1.2.0');
  await quietly(chartroom.operator.sync('nexus'));
  look();
  await get('demo', '1.2.0');
  await get('tagged', '0.1.0');
  await quietly(chartroom.operator.settled());
  await quietly(chartroom.engine.stop());
  look();
}

async function writesOfOneLife(): Promise<readonly string[]> {
  const world = await upstreamsOf();
  const store = watchedStore();
  await live(world, new TestEngine({ upstreams: world.upstreams, store }), { archives: new Map(), index: undefined });
  return store.writes;
}

/** Nobody may find anything in a store but what it is named after, and everything that the state names. */
async function expectWhole(store: WatchedStore): Promise<void> {
  for await (const { key } of store.list('blobs/')) {
    expect(digestOf(await bytesAt(store, key)).slice(7)).toBe(key.slice(-64));
  }
  const state = await store.text('state.json');
  const { upstreams = {} } = JSON.parse(state ?? '{}') as {
    upstreams?: Record<string, { catalog?: string; snapshot?: string }>;
  };
  for (const { catalog, snapshot } of Object.values(upstreams)) {
    if (catalog) expect(await store.head(`catalogs/sha256/${catalog.slice(7)}.gz`)).toBeDefined();
    if (snapshot) expect(await store.head(`snapshots/sha256/${snapshot.slice(7)}.gz`)).toBeDefined();
  }
}

/** A new server on what was left, with nobody to ask. */
async function expectServedAgain(store: WatchedStore, served: Served): Promise<void> {
  const { upstreams, repository, registry } = await upstreamsOf();
  repository.down = registry.down = unreachable();
  const again = new TestEngine({ upstreams, store });
  await again.engine.open();
  if (served.index !== undefined) {
    const entries = (JSON.parse(served.index) as { entries: Record<string, { version: string; digest?: string }[]> })
      .entries;
    for (const [chart, rows] of Object.entries(entries)) {
      for (const { version, digest } of rows) {
        expect(again.rows(chart)).toContainEqual(expect.objectContaining({ version, ...(digest && { digest }) }));
      }
    }
  }
  for (const [name, bytes] of served.archives) {
    const [chart = '', version = ''] = name.split(' ');
    expect((await again.archive(chart, version)).equals(bytes), `${name} is the same again`).toBe(true);
  }
}

describe('a process that dies', () => {
  test.each(['before', 'after'] as const)(
    '%s any of its writes leaves a store that serves everything that was served',
    async (moment) => {
      const writes = await writesOfOneLife();
      expect(new Set(writes.map((key) => key.split('/')[0]))).toEqual(
        new Set(['format.json', 'state.json', 'catalogs', 'snapshots', 'blobs', 'holdings', 'attachments']),
      );
      for (let at = 0; at < writes.length; at += 1) {
        const world = await upstreamsOf();
        const inner = memoryStore();
        const store = watchedStore(inner);
        const served: Served = { archives: new Map(), index: undefined };
        const dead = Promise.withResolvers<void>();
        let isDead = false;
        const die = (): Promise<void> => {
          isDead = true;
          dead.resolve();
          return new Promise(() => undefined);
        };
        const isTime = () => isDead || store.writes.length === at + (moment === 'after' ? 1 : 0);
        store[moment === 'after' ? 'afterWrite' : 'beforeWrite'] = () => (isTime() ? die() : undefined);
        store.beforeRead = () => (isDead ? die() : undefined);
        const chartroom = new TestEngine({ upstreams: world.upstreams, store });
        await Promise.race([live(world, chartroom, served), dead.promise]);

        const left = await watchedStore(inner).copy();
        await expectWhole(left);
        await expectServedAgain(left, served);
      }
    },
    30_000,
  );
});

describe('a store that fails at any one write', () => {
  test.each(['before', 'after'] as const)(
    'loses nothing (%s it happened): what came later is complete, here and after a restart',
    async (moment) => {
      const { length } = await writesOfOneLife();
      for (let at = 0; at < length; at += 1) {
        const world = await upstreamsOf();
        const store = watchedStore();
        const served: Served = { archives: new Map(), index: undefined };
        let tried = 0;
        store[moment === 'after' ? 'afterWrite' : 'beforeWrite'] = () => {
          if ((tried += 1) === at + 1) storeGone();
        };
        const clock = new ManualClock();
        const chartroom = new TestEngine({ upstreams: world.upstreams, store, clock });
        const opening = chartroom.engine.openPatiently();
        await pass(clock, 4_000, 2_000);
        await opening;
        const operate = async (name: string) => {
          await chartroom.operator.sync(name).catch(() => undefined);
          await chartroom.operator.settled().catch(() => undefined);
        };
        await operate('nexus');
        await operate('ghcr');
        await pass(clock, 180_000, 10_000);
        await operate('nexus');
        await operate('ghcr');

        const counts = ['nexus', 'ghcr'].map((name) => chartroom.status(name).counts.held);
        expect(counts, `after failing at write ${at}`).toEqual([3, 1]);
        served.index = chartroom.index;
        for (const { chart, version } of [...world.repository.rows, ...world.registry.rows]) {
          served.archives.set(`${chart} ${version}`, await chartroom.archive(chart, version));
        }
        await chartroom.engine.stop();
        await expectWhole(store);
        await expectServedAgain(store, served);
      }
    },
    60_000,
  );
});

describe('a restart without upstreams', () => {
  test('serves the index byte for byte, every archive and every provenance file', async () => {
    const world = await upstreamsOf();
    const store = watchedStore();
    const served: Served = { archives: new Map(), index: undefined };
    await live(world, new TestEngine({ upstreams: world.upstreams, store }), served);
    world.repository.down = world.registry.down = unreachable();
    const asked = world.repository.calls.length;

    const again = new TestEngine({ upstreams: world.upstreams, store });
    again.engine.start();
    await again.engine.open();

    expect(again.index).toBe(served.index);
    expect(served.archives.size).toBe(4);
    for (const { chart, version, archive, provenance } of [...world.repository.rows, ...world.registry.rows]) {
      expect(await again.archive(chart, version)).toEqual(archive);
      if (provenance) expect(await again.provenance(chart, version)).toEqual(signed);
    }
    expect(world.repository.calls.slice(asked).filter((call) => call !== 'list')).toEqual([]);
    await again.engine.stop();
  });

  test('finds what was held but not committed when the process died, by its key', async () => {
    const world = await upstreamsOf();
    const inner = memoryStore();
    const chartroom = new TestEngine({ upstreams: world.upstreams, store: inner });
    await chartroom.engine.open();
    const gate = Promise.withResolvers<void>();
    world.repository.before.open = (call) => (call.includes('provenance') ? gate.promise : undefined);
    await chartroom.operator.sync('nexus');
    const bytes = await chartroom.archive('bare', '1.0.0');
    expect(chartroom.rows('bare')[0]?.digest).toBeUndefined();
    const left = await watchedStore(inner).copy();

    world.repository.down = unreachable();
    const again = new TestEngine({ upstreams: world.upstreams, store: left });
    await again.engine.open();
    expect(await again.archive('bare', '1.0.0')).toEqual(bytes);
    await pass(again.clock, 10_000);

    expect(`sha256:${again.rows('bare')[0]?.digest}`).toBe(digestOf(bytes));
    gate.resolve();
  });
});
