import { describe, expect, test } from 'vitest';

import type { ObjectStore } from '../../src/store/contract.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { bytesAt, openEngine, pass, turn, watchedStore, type EngineOptions } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

/** Two upstreams, one version of each held. */
async function filled() {
  const upstreams = { nexus: new FakeUpstream(), other: new FakeUpstream() };
  await upstreams.nexus.publish('demo', '1.0.0');
  await upstreams.other.publish('else', '1.0.0');
  const inner = memoryStore();
  const chartroom = await openEngine({ upstreams, store: inner });
  await chartroom.operator.sync('other');
  const [others] = await keysUnder(inner, 'catalogs/');
  await chartroom.operator.sync('nexus');
  await chartroom.archive('demo', '1.0.0');
  await chartroom.archive('else', '1.0.0');
  await chartroom.operator.settled();
  const catalogs = (await keysUnder(inner, 'catalogs/')).filter((key) => key !== others);
  return { upstreams, inner, chartroom, catalog: catalogs[0] ?? '' };
}

async function keysUnder(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** A server that starts on a store, or was running on it, when a table is damaged. */
async function started(options: EngineOptions) {
  const chartroom = await openEngine(options);
  chartroom.engine.start();
  await turn();
  return chartroom;
}

const hour = 3_600_000;

describe.each(['lost', 'cut'] as const)('a catalog that is %s', (how) => {
  const damage = async (store: ObjectStore, key: string) => {
    const bytes = await bytesAt(store, key);
    await store.remove(key);
    if (how === 'cut') await store.write(key, bytes.subarray(0, 20));
    return () => store.write(key, bytes);
  };

  test('does not keep the server from opening, and is no empty one: there is no index rather than a wrong one', async () => {
    const { upstreams, inner, chartroom, catalog } = await filled();
    await chartroom.engine.stop();
    await damage(inner, catalog);

    const again = await openEngine({ upstreams, store: inner });

    expect(() => again.index).toThrow(expect.objectContaining({ code: 'store-failed' }));
    expect((await faultOf(again.archive('demo', '1.0.0'))).code).toBe('store-failed');
    expect(again.status('nexus')).toMatchObject({
      state: 'failing',
      fault: { code: 'store-failed', message: expect.stringMatching(/^The catalog sha256:.* is (missing|damaged)\.$/) },
    });
    expect(again.status('other').state).toBe('ok');
    expect(again.operator.readiness()).toMatchObject({
      ready: true,
      degraded: [expect.stringMatching(/^upstream nexus: The catalog/)],
    });
  });

  test('is not replaced by what upstream lists now, which would forget what is held', async () => {
    const { upstreams, inner, chartroom, catalog } = await filled();
    await chartroom.engine.stop();
    await damage(inner, catalog);
    upstreams.nexus.rows = [];
    await upstreams.nexus.publish('demo', '2.0.0');
    const store = watchedStore(inner);
    const again = await started({ upstreams, store });

    await pass(again.clock, hour, 60_000);
    expect((await faultOf(again.operator.sync('nexus'))).code).toBe('store-failed');

    expect(store.writes.filter((key) => key !== 'lease.json' && key !== 'serving.json')).toEqual([]);
    await again.engine.stop();
  });

  test('is served again, and synced again, when its object is back, without a restart', async () => {
    const { upstreams, inner, chartroom, catalog } = await filled();
    const before = chartroom.index;
    await chartroom.engine.stop();
    const repair = await damage(inner, catalog);
    const again = await started({ upstreams, store: inner });
    await pass(again.clock, 60_000, 5_000);
    expect(() => again.index).toThrow();

    await repair();
    await pass(again.clock, 5_000);

    expect(again.index).toBe(before);
    expect(await again.archive('demo', '1.0.0')).toEqual(upstreams.nexus.rows[0]?.archive);
    expect(again.operator.readiness().degraded).toEqual([]);
    await upstreams.nexus.publish('demo', '2.0.0');
    await again.operator.sync('nexus');
    expect(again.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    await again.engine.stop();
  });

  test('is not waited for with what was fetched since, once nobody wants the upstream', async () => {
    const { upstreams, inner, chartroom } = await filled();
    await upstreams.nexus.publish('demo', '2.0.0');
    await chartroom.operator.sync('nexus');
    const reader = await openEngine({ upstreams, store: inner });
    const known = new Set(await keysUnder(inner, 'catalogs/'));
    await upstreams.nexus.publish('demo', '3.0.0');
    await chartroom.operator.sync('nexus');
    const [fresh = ''] = (await keysUnder(inner, 'catalogs/')).filter((key) => !known.has(key));
    await damage(inner, fresh);
    await reader.engine.committed.follow();
    await reader.archive('demo', '2.0.0');
    await pass(reader.clock, 15_000, 5_000);
    expect(reader.clock.sleeping).toBe(1);

    await reader.reconfigure({ upstreams: { other: upstreams.other } });
    await pass(reader.clock, 15_000, 5_000);
    expect(reader.clock.sleeping).toBe(0);
  });

  test('takes no index away that is served: a configuration that would is refused until it is back', async () => {
    const { upstreams, inner, chartroom, catalog } = await filled();
    const { nexus, other } = upstreams;
    await chartroom.reconfigure({ upstreams: { other } });
    await chartroom.operator.sync('other');
    await other.publish('else', '2.0.0');
    await chartroom.operator.sync('other');
    const before = chartroom.index;
    const repair = await damage(inner, catalog);

    expect(await faultOf(chartroom.reconfigure({ upstreams: { nexus, other } }))).toMatchObject({
      code: 'store-failed',
      message: expect.stringMatching(/^The repository all would have no index any more: The catalog sha256:/),
    });
    expect(chartroom.index).toBe(before);

    await repair();
    await chartroom.reconfigure({ upstreams: { nexus, other } });
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    await chartroom.engine.stop();
  });

  test('costs nothing in a process that had read it: all of it goes on being served', async () => {
    const { upstreams, inner, chartroom } = await filled();
    const reader = await started({ upstreams, store: inner, self: { id: 'reader', host: 'there', pid: 2 } });
    const before = reader.index;
    // news that this process cannot read
    await upstreams.nexus.publish('demo', '2.0.0');
    const known = new Set(await keysUnder(inner, 'catalogs/'));
    reader.engine.quiesce();
    await chartroom.operator.sync('nexus');
    const [fresh = ''] = (await keysUnder(inner, 'catalogs/')).filter((key) => !known.has(key));
    const repair = await damage(inner, fresh);
    await reader.engine.committed.follow();

    expect(reader.index).toBe(before);
    expect(await reader.archive('demo', '1.0.0')).toEqual(upstreams.nexus.rows[0]?.archive);
    expect(reader.status('nexus').state).toBe('failing');

    await repair();
    await reader.engine.committed.follow();
    expect(reader.status('nexus').state).toBe('ok');
    await Promise.all([reader.engine.stop(), chartroom.engine.stop()]);
  });
});

describe('while one upstream cannot be read', () => {
  /** A process that has read all of it, and news of `nexus` that are lost. */
  async function blinded() {
    const all = await filled();
    const { inner, chartroom, upstreams } = all;
    await upstreams.nexus.publish('demo', '1.1.0');
    await chartroom.operator.sync('nexus');
    const reader = await openEngine({ upstreams, store: inner, self: { id: 'reader', host: 'there', pid: 2 } });
    await upstreams.nexus.publish('demo', '2.0.0');
    const known = new Set(await keysUnder(inner, 'catalogs/'));
    await chartroom.operator.sync('nexus');
    const [fresh = ''] = (await keysUnder(inner, 'catalogs/')).filter((key) => !known.has(key));
    const bytes = await bytesAt(inner, fresh);
    await inner.remove(fresh);
    await reader.engine.committed.follow();
    return { ...all, reader, repair: () => inner.write(fresh, bytes) };
  }

  test('the others are synced, served and filled', async () => {
    const { upstreams, reader } = await blinded();
    const { archive } = await upstreams.other.publish('else', '2.0.0');
    await reader.operator.sync('other');

    expect(reader.versions('else')).toEqual(['2.0.0', '1.0.0']);
    expect(await reader.archive('else', '2.0.0')).toEqual(archive);
    expect(reader.versions('demo')).toEqual(['1.1.0', '1.0.0']);
  });

  test('what was fetched of it meanwhile is committed when it can be read again', async () => {
    const { upstreams, inner, reader, repair } = await blinded();
    reader.engine.start();
    await reader.archive('demo', '1.1.0');
    await pass(reader.clock, 60_000, 5_000);
    await repair();
    await pass(reader.clock, 60_000, 5_000);

    expect(reader.known('nexus').fresh.size).toBe(0);
    const third = await openEngine({ upstreams, store: inner });
    expect(third.status('nexus').counts.held).toBe(2);
    await reader.engine.stop();
  });
});

test('an upstream that is new and cannot be read keeps no news of the others from being served', async () => {
  const { upstreams, inner, chartroom } = await filled();
  const added = new FakeUpstream();
  await added.publish('added', '1.0.0');
  const three = { ...upstreams, added };
  const reader = await openEngine({ upstreams: three, store: inner, self: { id: 'reader', host: 'there', pid: 2 } });
  const known = new Set(await keysUnder(inner, 'catalogs/'));
  const writer = await openEngine({ upstreams: three, store: inner });
  await writer.operator.sync('added');
  const [fresh = ''] = (await keysUnder(inner, 'catalogs/')).filter((key) => !known.has(key));
  await inner.remove(fresh);
  await reader.engine.committed.follow();
  expect(reader.status('added').state).toBe('failing');

  await upstreams.other.publish('else', '2.0.0');
  await reader.operator.sync('other');

  expect(reader.versions('else')).toEqual(['2.0.0', '1.0.0']);
  await chartroom.engine.stop();
});
