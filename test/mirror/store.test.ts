import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { blobKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { openEngine, pass, storeGone, TestEngine, turn, watchedStore } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

async function serving(...versions: readonly string[]) {
  const upstream = new FakeUpstream();
  for (const version of versions) await upstream.publish('demo', version);
  const upstreams = { nexus: upstream };
  const inner = memoryStore();
  const store = watchedStore(inner);
  const chartroom = await openEngine({ upstreams, store });
  await chartroom.operator.sync('nexus');
  const restart = async (maxHotBytes?: number) => {
    await chartroom.engine.stop();
    return openEngine({ upstreams, store, ...(maxHotBytes !== undefined && { maxHotBytes }) });
  };
  return { upstream, inner, store, chartroom, restart };
}

describe('a store that is gone', () => {
  test('costs nothing that is in memory: index, hot archives, status', async () => {
    const { store, chartroom } = await serving('1.0.0');
    const bytes = await chartroom.archive('demo', '1.0.0');
    const { index } = chartroom;
    store.beforeRead = store.beforeWrite = storeGone;

    for (let times = 0; times < 50; times += 1) expect(await chartroom.archive('demo', '1.0.0')).toEqual(bytes);
    expect(chartroom.index).toBe(index);
    expect(chartroom.operator.readiness()).toMatchObject({ ready: true });
  });

  test('is a fault of the store for what is not in memory, held or not, and passes with it', async () => {
    const { upstream, store, chartroom, restart } = await serving('1.0.0', '1.1.0');
    await chartroom.archive('demo', '1.0.0');
    const again = await restart();
    upstream.calls.length = 0;
    store.beforeRead = store.beforeWrite = storeGone;

    expect((await faultOf(again.archive('demo', '1.0.0'))).code).toBe('store-failed');
    expect((await faultOf(again.archive('demo', '1.1.0'))).code).toBe('store-failed');
    expect(upstream.calls).toEqual([]);

    store.beforeRead = store.beforeWrite = undefined;
    for (const row of upstream.rows) expect(await again.archive('demo', row.version)).toEqual(row.archive);
  });

  test('fails a sync that has news, keeps what is served, and the next sync brings them', async () => {
    const { upstream, store, chartroom } = await serving('1.0.0');
    await upstream.publish('demo', '1.1.0');
    store.beforeWrite = storeGone;
    expect((await faultOf(chartroom.operator.sync('nexus'))).code).toBe('store-failed');
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(chartroom.status('nexus')).toMatchObject({ state: 'failing', fault: { code: 'store-failed' } });

    store.beforeWrite = undefined;
    await chartroom.operator.sync('nexus');
    expect(chartroom.versions('demo')).toEqual(['1.1.0', '1.0.0']);
  });

  test('while a batch is due costs nothing: it is committed when the store is back', async () => {
    const { store, chartroom, restart } = await serving('1.0.0');
    await chartroom.archive('demo', '1.0.0');
    store.beforeWrite = storeGone;
    await pass(chartroom.clock, 25_000, 5_000);
    expect(chartroom.logged).toContainEqual(
      expect.objectContaining({ level: 50, msg: 'what was fetched could not be recorded yet' }),
    );
    store.beforeWrite = undefined;
    await pass(chartroom.clock, 10_000, 5_000);
    const writes = store.writes.length;

    const again = await restart();
    expect(store.writes).toHaveLength(writes);
    expect(again.status('nexus').counts.held).toBe(1);
  });
});

describe('a store that is full', () => {
  test('does not keep verified bytes from being answered, again and again, at the price of one request upstream', async () => {
    const { upstream, inner, store, chartroom } = await serving('1.0.0');
    store.beforeWrite = storeGone;

    for (let times = 0; times < 20; times += 1) {
      expect(await chartroom.archive('demo', '1.0.0')).toEqual(upstream.rows[0]?.archive);
    }

    expect(upstream.count('open')).toBe(1);
    const key = blobKey(upstream.rows[0]?.digest ?? 'sha256:');
    expect(await inner.head(key)).toBeUndefined();
    expect(chartroom.status('nexus').counts.held).toBe(0);

    store.beforeWrite = undefined;
    await chartroom.archive('demo', '1.0.0');
    await turn();
    expect(await inner.head(key)).toBeDefined();
    expect(chartroom.status('nexus').counts.held).toBe(1);
    expect(upstream.count('open')).toBe(1);
  });

  test('does not let unverified bytes out either', async () => {
    const { upstream, store, chartroom } = await serving('0.9.0');
    await upstream.publish('demo', '1.0.0', { digest: digestOf(Buffer.from('promised')) });
    await chartroom.operator.sync('nexus');
    store.beforeWrite = storeGone;

    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('digest-mismatch');
  });
});

describe('a store that cannot be written', () => {
  test('is served from, and the log says so', async () => {
    const { upstream, store, chartroom } = await serving('1.0.0');
    await chartroom.archive('demo', '1.0.0');
    await chartroom.engine.stop();
    store.beforeWrite = storeGone;

    const again = await openEngine({ upstreams: { added: new FakeUpstream(), nexus: upstream }, store });

    expect(await again.archive('demo', '1.0.0')).toEqual(upstream.rows[0]?.archive);
    expect(again.logged).toContainEqual(expect.objectContaining({ level: 50, msg: 'the store cannot be written' }));
  });
});

describe('a blob', () => {
  const damage = async (inner: ReturnType<typeof memoryStore>, key: string, how: 'flipped' | 'lost') => {
    const object = await inner.read(key);
    if (!object || !Buffer.isBuffer(object.body)) throw new Error('no blob');
    const bytes = Buffer.from(object.body);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await inner.remove(key);
    if (how === 'flipped') await inner.write(key, bytes);
  };

  test.each(['flipped', 'lost'] as const)('that is %s is fetched again, and is the same bytes', async (how) => {
    const { upstream, inner, chartroom, restart } = await serving('1.0.0');
    const bytes = await chartroom.archive('demo', '1.0.0');
    const again = await restart();
    await damage(inner, blobKey(digestOf(bytes)), how);

    expect(await again.archive('demo', '1.0.0')).toEqual(bytes);

    expect(upstream.count('open')).toBe(2);
    const third = await openEngine({ upstreams: { nexus: upstream }, store: inner });
    expect(await third.archive('demo', '1.0.0')).toEqual(bytes);
    expect(upstream.count('open')).toBe(2);
  });

  test.each(['flipped', 'lost'] as const)(
    'that is %s is a fault of the store while upstream is down or has other bytes, never a 404 and never served',
    async (how) => {
      const { upstream, inner, chartroom, restart } = await serving('1.0.0');
      const bytes = await chartroom.archive('demo', '1.0.0');
      const again = await restart();
      await damage(inner, blobKey(digestOf(bytes)), how);
      upstream.down = unreachable();
      expect((await faultOf(again.archive('demo', '1.0.0'))).code).toBe('store-failed');

      upstream.down = undefined;
      upstream.rows = [];
      await upstream.publish('demo', '1.0.0', { archive: Buffer.from('rewritten') });
      expect((await faultOf(again.archive('demo', '1.0.0'))).code).toBe('store-failed');
    },
  );
});

describe('a store that is damaged or not ours', () => {
  test.each([
    ['state.json', 'not json', /state\.json in the store is damaged/],
    ['format.json', '{"format":99}', /format 99/],
  ])('says so instead of serving: %s', async (key, text, message) => {
    const { inner } = await serving('1.0.0');
    await inner.write(key, Buffer.from(text));
    const chartroom = new TestEngine({ upstreams: { nexus: new FakeUpstream() }, store: inner });

    await expect(chartroom.engine.open()).rejects.toThrow(message);
    expect(() => chartroom.index).toThrow(Fault);
    expect(chartroom.operator.readiness()).toMatchObject({ ready: false, waitingFor: ['store'] });
  });
});
