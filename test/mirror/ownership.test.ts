import { describe, expect, test } from 'vitest';

import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

async function offering(chart: string, ...versions: readonly string[]): Promise<FakeUpstream> {
  const upstream = new FakeUpstream();
  for (const version of versions) await upstream.publish(chart, version);
  return upstream;
}

async function syncAll(chartroom: TestEngine): Promise<void> {
  for (const { name } of chartroom.engine.known) await chartroom.operator.sync(name);
}

describe('a chart name that two upstreams list', () => {
  test('goes to the first in order when they were configured together, whoever answers first', async () => {
    const [first, second] = [await offering('demo', '1.0.0'), await offering('demo', '2.0.0')];
    const chartroom = await openEngine({ upstreams: { first, second } });

    await chartroom.operator.sync('second');
    expect(chartroom.versions('demo')).toEqual(['2.0.0']);
    await pass(chartroom.clock, 30_000, 10_000);
    await chartroom.operator.sync('first');

    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(chartroom.status('second').counts.contested).toBe(1);
    expect(chartroom.status('first').counts.contested).toBe(0);
  });

  test('stays with the one that listed it when the other came a minute late', async () => {
    const [first, second] = [await offering('demo', '1.0.0'), await offering('demo', '2.0.0')];
    const chartroom = await openEngine({ upstreams: { first, second } });
    await chartroom.operator.sync('second');
    await pass(chartroom.clock, 61_000, 10_000);

    await chartroom.operator.sync('first');

    expect(chartroom.versions('demo')).toEqual(['2.0.0']);
    expect(chartroom.status('first').counts.contested).toBe(1);
  });

  test('is never taken by an upstream that was added later, not even as the first in order', async () => {
    const [old, added] = [await offering('demo', '1.0.0'), await offering('demo', '9.0.0')];
    const clock = new ManualClock();
    const store = watchedStore();
    const before = await openEngine({ upstreams: { old }, store, clock });
    await before.operator.sync('old');
    await before.engine.stop();
    await pass(clock, 3_600_000, 600_000);

    const chartroom = await openEngine({ upstreams: { added, old }, store, clock });
    await syncAll(chartroom);

    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(chartroom.status('added').counts).toMatchObject({ contested: 1, versions: 1 });
    expect((await faultOf(chartroom.archive('demo', '9.0.0'))).code).toBe('not-found');
  });

  test('stays while its owner is down, and when its owner lists it no more', async () => {
    const [old, added] = [await offering('demo', '1.0.0'), await offering('demo', '9.0.0')];
    const clock = new ManualClock();
    const store = watchedStore();
    const before = await openEngine({ upstreams: { old }, store, clock });
    await before.operator.sync('old');
    await before.engine.stop();
    await pass(clock, 3_600_000, 600_000);
    old.down = unreachable();
    const chartroom = await openEngine({ upstreams: { added, old }, store, clock });
    await faultOf(chartroom.operator.sync('old'));
    await chartroom.operator.sync('added');
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);

    old.down = undefined;
    old.rows = [];
    for (let times = 0; times < 4; times += 1) await chartroom.operator.sync('old');
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  });

  test('is owned alike by every replica, whatever it asked first', async () => {
    const upstreams = {
      a: await offering('demo', '1.0.0'),
      b: await offering('demo', '2.0.0'),
      c: await offering('demo', '3.0.0'),
    };
    const store = watchedStore();
    const one = await openEngine({ upstreams, store });
    for (const name of ['c', 'a', 'b']) await one.operator.sync(name);
    await turn();

    const other = await openEngine({ upstreams, store });

    expect(other.index).toBe(one.index);
    expect(other.versions('demo')).toEqual(['1.0.0']);
  });
});
