import { expect, test } from 'vitest';

import { blobKey, imageKey } from '../../src/store/layout.ts';
import {
  kindOf,
  openEngine,
  storeGone,
  turn,
  watchedStore,
  type TestEngine,
  type WatchedStore,
} from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { pull } from '../support/pulled-image.ts';

const demo = { repository: 'all', chart: 'demo' };
const signature = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');

/** A server that was just started on a store which holds that many versions of a chart, every second one signed. */
async function opened(count: number) {
  const [upstream, store] = [new FakeUpstream(), watchedStore()];
  const versions = Array.from({ length: count }, (_, at) => `1.0.${at}`);
  for (const [at, version] of versions.entries()) {
    await upstream.publish('demo', version, at % 2 === 0 ? {} : { provenance: signature });
  }
  const first = await openEngine({ upstreams: { nexus: upstream }, store });
  await first.operator.sync('nexus');
  for (const version of versions) {
    await first.archive('demo', version);
    await first.provenance('demo', version);
  }
  await first.engine.stop();
  const chartroom = await openEngine({ upstreams: { nexus: upstream }, store });
  store.writes.length = 0;
  upstream.calls.length = 0;
  const again = () => openEngine({ upstreams: { nexus: upstream }, store });
  return { upstream, store, versions, chartroom, again };
}

function written({ writes }: WatchedStore, kind: string): readonly string[] {
  return writes.filter((key) => kindOf(key) === kind);
}

function keyFor(chartroom: TestEngine, version: string): string {
  const kept = chartroom.known('nexus').held('demo', version);
  if (!kept) throw new Error(`${version} is not held`);
  return imageKey(kept.archive.digest, typeof kept.provenance === 'object' ? kept.provenance.digest : undefined);
}

test('whoever walks through the versions of a chart costs a few commits, and upstream nothing', async () => {
  const { upstream, store, versions, chartroom, again } = await opened(200);
  const told = new Map<string, string>();
  for (const version of versions) told.set(version, (await chartroom.images.tagged(demo, version)).descriptor.digest);

  expect(written(store, 'snapshots').length).toBeLessThan(10);
  expect(written(store, 'derived').toSorted()).toEqual(versions.map((one) => keyFor(chartroom, one)).toSorted());
  expect(upstream.calls).toEqual([]);
  // what was told is what every server derives, and it is in the snapshot before anything is stopped
  const other = await again();
  for (const [version, digest] of told) {
    expect((await pull(other.images, demo, version)).digest).toBe(digest);
    expect((await pull(other.images, demo, digest)).digest).toBe(digest);
  }
}, 30_000);

test('of many who ask at once each finds committed what another one took along', async () => {
  const { upstream, store, versions, chartroom } = await opened(5);
  for (const version of ['1.0.0', '2.0.0', '3.0.0', '4.0.0', '5.0.0']) await upstream.publish('other', version);
  await chartroom.operator.sync('nexus');
  let commits = 0;
  store.beforeWrite = async (key) => {
    if (kindOf(key) !== 'snapshots') return;
    commits += 1;
    // all others are derived by now, and there is something of somebody else to commit again
    await turn();
    await chartroom.archive('other', `${commits}.0.0`);
  };
  await Promise.all(versions.map(async (version) => chartroom.images.tagged(demo, version)));

  expect(commits).toBe(2);
});

test('the newest are derived first, two at once', async () => {
  const { store, chartroom } = await opened(10);
  const gate = Promise.withResolvers<void>();
  const [wanted, begun] = [keyFor(chartroom, '1.0.4'), [] as string[]];
  store.beforeWrite = (key) => {
    if (kindOf(key) !== 'derived' || key === wanted) return undefined;
    begun.push(key);
    return gate.promise;
  };
  await chartroom.images.tagged(demo, '1.0.4');
  await turn();

  expect(begun.toSorted()).toEqual([keyFor(chartroom, '1.0.9'), keyFor(chartroom, '1.0.8')].toSorted());
  gate.resolve();
  await chartroom.operator.settled();
  expect(begun).toHaveLength(9);
});

test('who asks for one waits two seconds at most for the others', async () => {
  const { store, chartroom } = await opened(10);
  await chartroom.images.tagged(demo, '1.0.4');
  const last = keyFor(chartroom, '1.0.0');
  const gate = Promise.withResolvers<void>();
  store.beforeWrite = (key) => (key === last ? gate.promise : undefined);
  let isTold = false;
  const asked = Promise.resolve(chartroom.images.tagged(demo, '1.0.9')).then(() => (isTold = true));
  await turn();
  await chartroom.clock.advance(1_900);
  await turn();
  expect(isTold).toBe(false);
  await chartroom.clock.advance(100);

  await asked;
  gate.resolve();
  await chartroom.operator.settled();
});

test.each([
  ['the server stops', ({ engine }: TestEngine) => engine.stop()],
  ['the upstream is removed', (chartroom: TestEngine) => chartroom.reconfigure({ upstreams: {} })],
])('nothing more is derived once %s', async (_, end) => {
  const { store, chartroom } = await opened(40);
  const [gate, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  store.beforeWrite = (key) => {
    if (kindOf(key) !== 'derived' || written(store, 'derived').length < 5) return undefined;
    reached.resolve();
    return gate.promise;
  };
  await chartroom.images.tagged(demo, '1.0.0');
  await reached.promise;
  const ended = end(chartroom);
  await turn();
  gate.resolve();
  await ended;
  await chartroom.engine.fetches.idle();

  expect(written(store, 'derived').length).toBeLessThan(10);
});

test('a store that does not answer is not asked for all the others', async () => {
  const { store, chartroom } = await opened(40);
  let asked = 0;
  const wanted = keyFor(chartroom, '1.0.0');
  store.beforeRead = (key) => {
    if (kindOf(key) !== 'derived' || key === wanted) return;
    asked += 1;
    storeGone();
  };
  await chartroom.images.tagged(demo, '1.0.0');
  await chartroom.operator.settled();

  expect(asked).toBeLessThanOrEqual(2);
});

test('lost bytes are fetched again by who asks for them, also while that is tried without', async () => {
  const { upstream, store, chartroom } = await opened(4);
  const digest = chartroom.known('nexus').held('demo', '1.0.2')?.archive.digest ?? 'sha256:';
  await store.remove(blobKey(digest));
  await chartroom.images.tagged(demo, '1.0.0');
  await chartroom.operator.settled();
  expect(upstream.calls).toEqual([]);
  expect(written(store, 'derived')).toHaveLength(3);

  expect((await pull(chartroom.images, demo, '1.0.2')).manifest.length).toBeGreaterThan(0);
});

test('who joins what fails ahead has it all the same', async () => {
  const { store, chartroom } = await opened(2);
  const digest = chartroom.known('nexus').held('demo', '1.0.1')?.archive.digest ?? 'sha256:';
  await store.remove(blobKey(digest));
  const [gate, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const key = keyFor(chartroom, '1.0.1');
  store.beforeRead = (one) => {
    if (one !== key) return undefined;
    reached.resolve();
    return gate.promise;
  };
  await chartroom.images.tagged(demo, '1.0.0');
  await reached.promise;
  const asked = pull(chartroom.images, demo, '1.0.1');
  await turn();
  gate.resolve();

  expect((await asked).manifest.length).toBeGreaterThan(0);
});

test('what nobody asked the provenance of is left alone, and what is not held', async () => {
  const { upstream, store, chartroom } = await opened(2);
  await upstream.publish('demo', '2.0.0', { provenance: signature });
  await upstream.publish('demo', '3.0.0');
  await chartroom.operator.sync('nexus');
  await chartroom.archive('demo', '2.0.0');
  upstream.down = unreachable();
  upstream.calls.length = 0;
  await chartroom.images.tagged(demo, '1.0.0');
  await chartroom.operator.settled();

  expect(written(store, 'derived')).toHaveLength(2);
  expect(upstream.calls).toEqual([]);
});
