import { describe, expect, test } from 'vitest';

import type { State } from '../../src/mirror/committing/state.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import {
  bytesAt,
  openEngine,
  pass,
  turn,
  watchedStore,
  type TestEngine,
  type TestUpstream,
} from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';

async function upstreamWith(...versions: readonly string[]): Promise<FakeUpstream> {
  const upstream = new FakeUpstream();
  for (const version of versions) await upstream.publish('demo', version);
  return upstream;
}

/** Two servers on one store and one clock: the first has the work. */
async function replicas(upstreams: Readonly<Record<string, TestUpstream>>) {
  const [store, clock] = [memoryStore(), new ManualClock()];
  const followed = watchedStore(store);
  const open = async (pid: number): Promise<TestEngine> => {
    const self = { id: `replica ${pid}`, host: `host ${pid}`, pid };
    const chartroom = await openEngine({ upstreams, store: pid === 2 ? followed : store, clock, self });
    chartroom.engine.start();
    await pass(clock, 500);
    return chartroom;
  };
  const all = { clock, worker: await open(1), follower: await open(2), followed };
  await pass(clock, 15_000, 1_000);
  expect([all.worker.operator.holdsLease(), all.follower.operator.holdsLease()]).toEqual([true, false]);
  return all;
}

describe('replicas that are configured otherwise one after the other', () => {
  test('the one that follows serves by its own configuration at once, and asks nothing of upstreams', async () => {
    const nexus = await upstreamWith('1.0.0', '2.0.0');
    const { clock, worker, follower } = await replicas({ nexus });
    const asked = nexus.calls.length;

    await follower.reconfigure({
      upstreams: { nexus: { upstream: nexus, charts: ['demo'], versions: [['*', '<2.0.0']] } },
    });
    expect([follower.versions('demo'), worker.versions('demo')]).toEqual([['1.0.0'], ['2.0.0', '1.0.0']]);
    expect(nexus.calls.length).toBe(asked);
    await nexus.publish('demo', '1.5.0');
    await worker.operator.sync('nexus');
    await pass(clock, 5_000, 500);
    expect(follower.versions('demo')).toEqual(['1.5.0', '1.0.0']);
  });

  test('what the other one could not have by earlier settings is asked for by the new ones', async () => {
    const [nexus, mended] = [await upstreamWith('1.0.0'), await upstreamWith('1.0.0', '2.0.0')];
    const { clock, follower } = await replicas({ nexus });
    nexus.down = unreachable();
    await pass(clock, 600_000, 5_000);
    expect(follower.status('nexus').fault?.code).toBe('upstream-unreachable');
    await follower.reconfigure({ upstreams: { nexus: mended } });
    expect(await follower.archive('demo', '2.0.0')).toEqual(mended.rows[1]?.archive);
  });

  test('an upstream that only the follower knows is listed as soon as the other one knows it, too', async () => {
    const [nexus, extra] = [await upstreamWith('1.0.0'), new FakeUpstream()];
    await extra.publish('more', '1.0.0');
    const { clock, worker, follower } = await replicas({ nexus });
    await follower.reconfigure({ upstreams: { nexus, extra } });
    await pass(clock, 10_000, 1_000);
    expect([extra.calls.length, follower.versions('more')]).toEqual([0, []]);
    const { since } = follower.known('extra').record;

    await worker.reconfigure({ upstreams: { nexus, extra } });
    await pass(clock, 10_000, 1_000);
    expect([worker.versions('more'), follower.versions('more')]).toEqual([['1.0.0'], ['1.0.0']]);
    expect([extra.count('list'), worker.known('extra').record.since]).toEqual([1, since]);
  });

  test('who comes to the work while it is configured otherwise syncs each upstream once, by the new settings', async () => {
    const [nexus, extra] = [await upstreamWith('1.0.0'), await upstreamWith('9.0.0')];
    const { clock, worker, follower, followed } = await replicas({ nexus });
    const gate = Promise.withResolvers<void>();
    followed.beforeWrite = (key) => (key === 'state.json' ? gate.promise : undefined);
    const changed = follower.reconfigure({ upstreams: { nexus: { upstream: nexus, retries: 2 }, extra } });
    await turn();
    await worker.engine.stop();
    const listed = nexus.count('list');
    await pass(clock, 20_000, 1_000);
    expect(follower.operator.holdsLease()).toBe(true);
    gate.resolve();
    await changed;
    await pass(clock, 5_000, 1_000);
    expect([nexus.count('list') - listed, extra.count('list')]).toEqual([1, 1]);
  });

  test('who loses the work meanwhile asks for nothing any more', async () => {
    const [nexus, extra] = [await upstreamWith('1.0.0'), await upstreamWith('9.0.0')];
    const { clock, worker } = await replicas({ nexus });
    const gate = Promise.withResolvers<void>();
    worker.beforeJob = (job) => (job === 'survey' ? gate.promise : Promise.resolve());
    const changed = worker.reconfigure({ upstreams: { nexus: { upstream: nexus, retries: 2 }, extra } });
    await turn();
    await worker.engine.lease.release();
    const asked = nexus.calls.length;
    gate.resolve();
    await changed;
    await turn();
    expect([nexus.calls.length, extra.calls.length]).toEqual([asked, 0]);
    await pass(clock, 1_000);
  });
});

describe('an upstream that was removed from the configuration, and from the store', () => {
  test('is not brought back by what arrives for it late', async () => {
    const [nexus, other, store] = [await upstreamWith('1.0.0'), await upstreamWith('9.0.0'), memoryStore()];
    const clock = new ManualClock();
    const chartroom = await openEngine({ upstreams: { nexus, other }, store, clock });
    chartroom.engine.start();
    await pass(clock, 1_000);
    const gate = Promise.withResolvers<void>();
    nexus.before.open = () => gate.promise;
    chartroom.archive('demo', '1.0.0').catch(() => undefined);
    await turn();
    await chartroom.reconfigure({ upstreams: { other } });
    const state = JSON.parse((await bytesAt(store, 'state.json')).toString()) as State;
    const { nexus: _, ...left } = state.upstreams;
    await store.write('state.json', Buffer.from(JSON.stringify({ ...state, upstreams: left })));
    gate.resolve();
    await pass(clock, 30_000, 1_000);
    expect(Object.keys(chartroom.engine.committed.state.upstreams)).toEqual(['other']);
    expect((await bytesAt(store, 'state.json')).toString()).not.toContain('nexus');
  });
});

describe('an upstream whose schedule changes', () => {
  test('follows the new one: shorter, by hand only, retired, and timed again', async () => {
    const nexus = await upstreamWith('1.0.0', '2.0.0');
    const { clock, worker } = await replicas({ nexus });
    const listings = async (settings: object, ms: number): Promise<number> => {
      await worker.reconfigure({ upstreams: { nexus: { upstream: nexus, ...settings } } });
      const before = nexus.count('list');
      await pass(clock, ms, 1_000);
      return nexus.count('list') - before;
    };
    await worker.archive('demo', '1.0.0');
    expect(await listings({ intervalMs: 10_000 }, 60_000)).toBeGreaterThanOrEqual(5);
    expect(await listings({ intervalMs: 0 }, 600_000)).toBe(0);
    expect(await listings({ retired: true }, 600_000)).toBe(0);
    expect(worker.versions('demo')).toEqual(['1.0.0']);
    expect(await listings({ intervalMs: 120_000 }, 130_000)).toBeGreaterThanOrEqual(1);
    expect(worker.versions('demo')).toEqual(['2.0.0', '1.0.0']);
  });

  test('is still synced when no repository has it any more', async () => {
    const [nexus, other] = [await upstreamWith('1.0.0'), await upstreamWith('9.0.0')];
    const { clock, worker } = await replicas({ nexus, other });
    await worker.reconfigure({ upstreams: { nexus, other }, repositories: { all: { upstreams: ['other'] } } });
    await nexus.publish('demo', '2.0.0');
    await pass(clock, 130_000, 1_000);
    expect(worker.known('nexus').catalog.find('demo', '2.0.0')).toBeDefined();
    expect(worker.versions('demo')).toEqual(['9.0.0']);
    await worker.reconfigure({ upstreams: { nexus, other } });
    expect(worker.versions('demo')).toContain('2.0.0');
  });
});
