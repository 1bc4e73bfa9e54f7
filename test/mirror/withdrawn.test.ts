import { describe, expect, test } from 'vitest';

import { memoryStore } from '../../src/store/memory.ts';
import { openEngine, pass, type TestEngine, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

const signed = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: demo\n');

/** Three versions, all of them held with their provenance. */
async function held(settings: Settings = {}) {
  const upstream = new FakeUpstream();
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await upstream.publish('demo', version, { provenance: signed });
  const store = memoryStore();
  const settled = { upstream, mirror: 'all' as const, ...settings };
  const chartroom = await openEngine({ upstreams: { nexus: settled }, store });
  await chartroom.operator.sync('nexus');
  await chartroom.operator.settled();
  /** The next process on this store, with other settings. */
  const restart = async (before: TestEngine, more: Settings = {}, others: Record<string, TestUpstream> = {}) => {
    await before.engine.stop();
    return openEngine({ upstreams: { nexus: { ...settled, ...more }, ...others }, store });
  };
  return { upstream, store, chartroom, restart };
}

async function syncTimes(chartroom: TestEngine, times: number): Promise<void> {
  for (let at = 0; at < times; at += 1) await chartroom.operator.sync('nexus');
}

const withdrawn = (chartroom: TestEngine) =>
  chartroom
    .rows('demo')
    .filter(({ annotations }) => annotations?.['chartroom/withdrawn'] === 'true')
    .map(({ version }) => version);

describe('a version that upstream no longer lists', () => {
  test('is withdrawn at the third good answer, unchanged ones included, whatever restarts and failures lie between', async () => {
    const { upstream, chartroom, restart } = await held();
    upstream.withdraw('demo', '1.0.0');
    await chartroom.operator.sync('nexus');
    const second = await restart(chartroom);
    await second.operator.sync('nexus');
    upstream.down = unreachable();
    await faultOf(second.operator.sync('nexus'));
    upstream.down = undefined;
    const third = await restart(second);
    expect(withdrawn(third)).toEqual([]);

    expect((await third.operator.sync('nexus')).withdrawn).toBe(1);

    expect(withdrawn(third)).toEqual(['1.0.0']);
    expect(third.status('nexus').counts).toMatchObject({ versions: 3, held: 3, withdrawn: 1 });
    const fourth = await restart(third);
    expect(fourth.index).toBe(third.index);
    expect(withdrawn(fourth)).toEqual(['1.0.0']);
    expect(await fourth.provenance('demo', '1.0.0')).toEqual(signed);
  });

  test('is counted from zero again when it was seen in between', async () => {
    const { upstream, chartroom } = await held();
    const rows = upstream.rows;
    for (let times = 0; times < 10; times += 1) {
      upstream.rows = rows.slice(1);
      await syncTimes(chartroom, 2);
      upstream.rows = rows;
      await syncTimes(chartroom, 1);
    }
    expect(withdrawn(chartroom)).toEqual([]);
  });

  test.each([true, false])(
    'is not withdrawn within seconds because clients ask for what is not there (conditional: %s)',
    async (conditional) => {
      const { upstream, chartroom } = await held();
      upstream.conditional = conditional;
      await pass(chartroom.clock, 10_000, 5_000);
      const rows = upstream.rows;
      // an index that is half published, and a pipeline that waits for its chart
      upstream.rows = rows.slice(1);
      for (let asked = 0; asked < 5; asked += 1) {
        await faultOf(chartroom.archive('demo', '9.9.9'));
        await pass(chartroom.clock, 2_100, 2_100);
      }
      expect(withdrawn(chartroom)).toEqual([]);
    },
  );

  test('with every other one stays, also when all that is listed is nothing', async () => {
    const { upstream, chartroom } = await held();
    upstream.rows = [];
    await syncTimes(chartroom, 4);

    expect(chartroom.versions('demo')).toEqual(['1.2.0', '1.1.0', '1.0.0']);
    expect(withdrawn(chartroom)).toHaveLength(3);
    for (const version of chartroom.versions('demo')) expect(await chartroom.archive('demo', version)).toBeDefined();
  });
});

describe('a version that upstream no longer lists, with drop', () => {
  test('is offered until the third good answer, and then on no address', async () => {
    const { upstream, chartroom } = await held({ withdrawn: 'drop' });
    upstream.withdraw('demo', '1.0.0');
    await syncTimes(chartroom, 2);
    expect(chartroom.versions('demo')).toEqual(['1.2.0', '1.1.0', '1.0.0']);
    expect(await chartroom.archive('demo', '1.0.0')).toBeDefined();

    await syncTimes(chartroom, 1);

    expect(chartroom.versions('demo')).toEqual(['1.2.0', '1.1.0']);
    expect(chartroom.reader.catalog('all').decide('demo', '1.0.0').outcome).toBe('hidden');
    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('not-found');
    expect((await faultOf(chartroom.provenance('demo', '1.0.0'))).code).toBe('not-found');
    expect(await chartroom.archive('demo', '1.1.0')).toBeDefined();
  });

  test('is offered again with its first bytes as soon as it is listed again', async () => {
    const { upstream, chartroom } = await held({ withdrawn: 'drop' });
    const rows = upstream.rows;
    upstream.withdraw('demo', '1.0.0');
    await syncTimes(chartroom, 3);
    upstream.rows = rows;
    await syncTimes(chartroom, 1);

    expect(chartroom.versions('demo')).toEqual(['1.2.0', '1.1.0', '1.0.0']);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(rows[0]?.archive);
    expect(upstream.count('open archive demo-1.0.0')).toBe(1);
  });

  test('is offered as soon as somebody asks for it by name and upstream lists it again', async () => {
    const { upstream, chartroom } = await held({ withdrawn: 'drop' });
    const rows = upstream.rows;
    upstream.withdraw('demo', '1.0.0');
    await syncTimes(chartroom, 3);
    await pass(chartroom.clock, 10_000, 10_000);
    upstream.rows = rows;

    expect(await chartroom.archive('demo', '1.0.0')).toEqual(rows[0]?.archive);
    expect(chartroom.versions('demo')).toEqual(['1.2.0', '1.1.0', '1.0.0']);
  });

  test('comes back when keep is set again, and goes when drop is, without a sync', async () => {
    const { upstream, chartroom, restart } = await held();
    const bytes = await chartroom.archive('demo', '1.0.0');
    upstream.withdraw('demo', '1.0.0');
    await syncTimes(chartroom, 3);
    const dropping = await restart(chartroom, { withdrawn: 'drop' });
    expect(dropping.versions('demo')).toEqual(['1.2.0', '1.1.0']);
    expect((await faultOf(dropping.archive('demo', '1.0.0'))).code).toBe('not-found');

    const keeping = await restart(dropping, { withdrawn: 'keep' });

    expect(keeping.index).toBe(chartroom.index);
    expect(await keeping.archive('demo', '1.0.0')).toEqual(bytes);
  });

  test('is not to be had by its digest either', async () => {
    const { upstream, chartroom } = await held({ withdrawn: 'drop' });
    const { archive } = await chartroom.reader.resolve({ repository: 'all', chart: 'demo', version: '1.0.0' });
    upstream.withdraw('demo', '1.0.0');
    await syncTimes(chartroom, 3);

    expect(await chartroom.reader.open('all', archive.digest)).toBeUndefined();
  });

  test('leaves its name to nobody else, also when it was the last of the chart', async () => {
    const { upstream, chartroom, restart } = await held({ withdrawn: 'drop', maxShrink: 1 });
    const taker = new FakeUpstream();
    await taker.publish('demo', '9.0.0');
    await upstream.publish('else', '1.0.0');
    upstream.rows = upstream.rows.filter(({ chart }) => chart === 'else');
    await syncTimes(chartroom, 3);
    expect(chartroom.versions('demo')).toEqual([]);

    const both = await restart(chartroom, {}, { taker });
    await both.clock.advance(86_400_000);
    await both.operator.sync('taker');

    expect(both.versions('demo')).toEqual([]);
    expect((await faultOf(both.archive('demo', '9.0.0'))).code).toBe('not-found');
    expect(both.status('taker').counts.contested).toBe(1);
  });
});
