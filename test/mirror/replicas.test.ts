import { describe, expect, test } from 'vitest';

import type { MirrorPolicy } from '../../src/chart/survey.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine, pass, storeGone, turn, watchedStore } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

async function offering(chart: string, count: number): Promise<FakeUpstream> {
  const upstream = new FakeUpstream();
  for (let at = 0; at < count; at += 1) await upstream.publish(chart, `1.${at}.0`);
  return upstream;
}

/** A store in which everything takes a while, so that two who use it meet. */
function slowStore() {
  const store = watchedStore();
  const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
  store.beforeWrite = store.beforeRead = pause;
  return store;
}

describe('two servers on one store', () => {
  test('that list and fetch at the same time lose no version and list none twice', async () => {
    const [a, b] = [await offering('a', 12), await offering('b', 12)];
    const all = { mirror: 'all' as MirrorPolicy };
    const upstreams = { first: { upstream: a, ...all }, second: { upstream: b, ...all } };
    const store = slowStore();
    const servers = await Promise.all([openEngine({ upstreams, store }), openEngine({ upstreams, store })]);

    await Promise.all(servers.flatMap(({ operator }) => [operator.sync('first'), operator.sync('second')]));
    await Promise.all(servers.map(({ operator }) => operator.settled()));

    const third = await openEngine({ upstreams, store });
    for (const server of [...servers, third]) {
      expect(server.versions('a')).toHaveLength(12);
      expect(server.versions('b')).toHaveLength(12);
    }
    expect(third.status('first').counts).toMatchObject({ versions: 12, held: 12 });
    expect(third.status('second').counts).toMatchObject({ versions: 12, held: 12 });
    expect(servers[0]?.index).toBe(third.index);
    expect(servers[1]?.index).toBe(third.index);
  });

  test('apply their change again when the other was faster, and serve what the other committed', async () => {
    const [a, b] = [await offering('a', 1), await offering('b', 1)];
    const upstreams = { first: a, second: b };
    const store = watchedStore();
    const one = await openEngine({ upstreams, store });
    const other = await openEngine({ upstreams, store });

    await one.operator.sync('first');
    await other.operator.sync('second');

    expect(other.versions('a')).toEqual(['1.0.0']);
    expect(other.versions('b')).toEqual(['1.0.0']);
  });

  test('show the digest that the other one held', async () => {
    const a = new FakeUpstream();
    await a.publish('a', '1.0.0', { digest: undefined });
    const b = await offering('b', 1);
    const upstreams = { first: a, second: b };
    const store = watchedStore();
    const one = await openEngine({ upstreams, store });
    await one.operator.sync('first');
    const other = await openEngine({ upstreams, store });
    await one.operator.sync('second');
    await other.operator.sync('second');
    await one.archive('a', '1.0.0');
    await one.operator.settled();

    // a commit of its own, which changes nothing of the index
    await other.archive('b', '1.0.0');
    await other.operator.settled();

    expect(other.rows('a')).toEqual(one.rows('a'));
    expect(other.rows('a')[0]?.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test('undo nothing of each other when the store fails while one of them catches up', async () => {
    const [a, b] = [await offering('a', 1), await offering('b', 1)];
    const upstreams = { first: a, second: b };
    const store = watchedStore();
    const one = await openEngine({ upstreams, store });
    const other = await openEngine({ upstreams, store });
    await one.operator.sync('first');
    store.beforeRead = (key) => {
      if (key.startsWith('catalogs/')) storeGone();
    };
    expect((await faultOf(other.operator.sync('second'))).code).toBe('store-failed');
    store.beforeRead = undefined;

    await other.operator.sync('second');

    const third = await openEngine({ upstreams, store });
    expect(third.versions('a')).toEqual(['1.0.0']);
    expect(third.versions('b')).toEqual(['1.0.0']);
  });

  test('that fetch different bytes for one version both serve what was held first', async () => {
    const [here, there] = [new FakeUpstream(), new FakeUpstream()];
    const first = await chartArchive({ name: 'demo', version: '1.0.0' }, { 'README.md': 'first' });
    const second = await chartArchive({ name: 'demo', version: '1.0.0' }, { 'README.md': 'second' });
    await here.publish('demo', '1.0.0', { archive: first, digest: undefined });
    await there.publish('demo', '1.0.0', { archive: second, digest: undefined });
    const store = slowStore();
    const one = await openEngine({ upstreams: { nexus: here }, store });
    const other = await openEngine({ upstreams: { nexus: there }, store });
    await Promise.all([one.operator.sync('nexus'), other.operator.sync('nexus')]);

    const answers = await Promise.all([one.archive('demo', '1.0.0'), other.archive('demo', '1.0.0')]);

    expect(answers[0]).toEqual(answers[1]);
    await Promise.all([pass(one.clock, 10_000), pass(other.clock, 10_000)]);
    expect(one.rows('demo')[0]?.digest).toBe(other.rows('demo')[0]?.digest);
  });

  test('use what the other one holds instead of fetching it again', async () => {
    const upstream = await offering('demo', 1);
    const store = watchedStore();
    const one = await openEngine({ upstreams: { nexus: upstream }, store });
    const other = await openEngine({ upstreams: { nexus: upstream }, store });
    await one.operator.sync('nexus');
    await other.operator.sync('nexus');

    await one.archive('demo', '1.0.0');
    await turn();
    await other.archive('demo', '1.0.0');

    expect(upstream.count('open')).toBe(1);
  });
});
