import { describe, expect, test } from 'vitest';

import type { ObjectStore } from '../../src/store/contract.ts';
import { catalogKey, snapshotKey } from '../../src/store/layout.ts';
import { bytesAt, openEngine, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { stateOf } from '../support/kept-store.ts';

/** Takes the table that the state names now away, and answers with what puts it back. */
async function loseTable(store: ObjectStore, kind: 'catalog' | 'snapshot', upstream = 'nexus') {
  const digest = (await stateOf(store))?.upstreams[upstream]?.[kind];
  if (!digest) throw new Error(`${upstream} has no ${kind}`);
  const key = kind === 'catalog' ? catalogKey(digest) : snapshotKey(digest);
  const bytes = await bytesAt(store, key);
  await store.remove(key);
  return () => store.write(key, bytes);
}

const committedOf = async (store: ObjectStore) => (await stateOf(store))?.upstreams;

/** Two processes on one store that both know two versions. */
async function twoProcesses(type: 'chart-repository' | 'registry' = 'chart-repository') {
  const upstream = new FakeUpstream(type);
  const other = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  await upstream.publish('demo', '2.0.0');
  await other.publish('else', '1.0.0');
  const store = watchedStore();
  const upstreams = { nexus: { upstream, type, unlisted: type === 'registry' }, other };
  const late = await openEngine({ upstreams, store });
  await late.timedSync('nexus');
  await late.timedSync('other');
  const quick = await openEngine({ upstreams, store });
  return { upstream, store, late, quick, restart: () => openEngine({ upstreams, store }) };
}

const holds = (chartroom: TestEngine, version: string) => chartroom.known('nexus').held('demo', version) !== undefined;

describe('a table that is lost when a commit has to be repeated', () => {
  test('of what is held: nothing is committed in its place, and nothing is forgotten when it is back', async () => {
    const { store, late, quick, restart } = await twoProcesses();
    await quick.archive('demo', '1.0.0');
    await quick.engine.settled();
    await late.archive('demo', '2.0.0');
    const before = await committedOf(store);
    const repair = await loseTable(store, 'snapshot');

    await late.engine.settled();

    expect(await committedOf(store)).toEqual(before);
    expect(late.status('nexus').fault).toMatchObject({ code: 'store-failed' });
    await repair();
    await late.engine.committed.follow();
    await late.engine.settled();
    const again = await restart();
    expect(['1.0.0', '2.0.0'].map((version) => holds(again, version))).toEqual([true, true]);
  });

  test('of one upstream: what is held of another is committed all the same', async () => {
    const { store, late, quick, restart } = await twoProcesses();
    await quick.archive('demo', '1.0.0');
    await quick.engine.settled();
    await late.archive('demo', '2.0.0');
    await late.archive('else', '1.0.0');
    const before = await committedOf(store);
    await loseTable(store, 'snapshot');

    await late.engine.settled();

    expect((await committedOf(store))?.nexus).toEqual(before?.nexus);
    expect((await restart()).known('other').held('else', '1.0.0')).toBeDefined();
  });

  test('of what is listed: a sync ends in that fault, and what upstream withdrew meanwhile stays listed', async () => {
    const { upstream, store, late, quick, restart } = await twoProcesses();
    await upstream.publish('demo', '3.0.0');
    await quick.timedSync('nexus');
    upstream.withdraw('demo', '3.0.0');
    await upstream.publish('demo', '4.0.0');
    const before = await committedOf(store);
    const repair = await loseTable(store, 'catalog');

    expect(await faultOf(late.timedSync('nexus'))).toMatchObject({
      code: 'store-failed',
      message: expect.stringMatching(/^The catalog sha256:.* is missing\.$/) as string,
    });

    expect(await committedOf(store)).toEqual(before);
    await repair();
    await late.engine.committed.follow();
    await late.timedSync('nexus');
    expect((await restart()).versions('demo')).toEqual(['4.0.0', '3.0.0', '2.0.0', '1.0.0']);
  });

  test('of what is listed: a tag that is found by name takes the place of no other', async () => {
    const { upstream, store, late, quick } = await twoProcesses('registry');
    await upstream.publish('demo', '3.0.0');
    await quick.archive('demo', '3.0.0');
    await quick.engine.settled();
    await upstream.publish('demo', '4.0.0');
    const before = await committedOf(store);
    await loseTable(store, 'catalog');

    expect((await faultOf(late.archive('demo', '4.0.0'))).code).toBe('store-failed');
    await late.engine.settled();
    expect(await committedOf(store)).toEqual(before);
  });
});
