import { describe, expect, test } from 'vitest';

import { memoryStore } from '../../src/store/memory.ts';
import { openEngine, pass, turn, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

/** Two versions of an upstream of which is offered only what it lists. */
async function dropping() {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  await upstream.publish('demo', '2.0.0');
  const options = {
    upstreams: { nexus: { upstream, withdrawn: 'drop' as const, maxShrink: 1 } },
    store: memoryStore(),
  };
  const chartroom = await openEngine(options);
  await chartroom.timedSync('nexus');
  await pass(chartroom.clock, 5_000, 5_000);
  return { upstream, chartroom, restart: () => openEngine(options) };
}

async function syncTimes(chartroom: TestEngine, times: number): Promise<void> {
  for (let at = 0; at < times; at += 1) {
    await pass(chartroom.clock, 120_000, 60_000);
    await chartroom.timedSync('nexus');
  }
}

describe('a version that is found missing first when a client asks for another', () => {
  test('is dropped after three answers in their turn, although they all say the same', async () => {
    const { upstream, chartroom } = await dropping();
    upstream.withdraw('demo', '2.0.0');
    expect((await faultOf(chartroom.archive('demo', '9.9.9'))).code).toBe('not-found');

    await syncTimes(chartroom, 2);
    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    await syncTimes(chartroom, 1);
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  });

  test('is dropped after three answers in their turn also by the next process', async () => {
    const { upstream, chartroom, restart } = await dropping();
    upstream.withdraw('demo', '2.0.0');
    await upstream.publish('demo', '3.0.0');
    await chartroom.archive('demo', '3.0.0');
    await chartroom.engine.stop();

    const again = await restart();
    await syncTimes(again, 2);
    expect(again.versions('demo')).toEqual(['3.0.0', '2.0.0', '1.0.0']);
    await syncTimes(again, 1);
    expect(again.versions('demo')).toEqual(['3.0.0', '1.0.0']);
  });
});

describe('a version that was dropped', () => {
  const dropped = async () => {
    const world = await dropping();
    world.upstream.withdraw('demo', '2.0.0');
    await syncTimes(world.chartroom, 3);
    expect(world.chartroom.versions('demo')).toEqual(['1.0.0']);
    await pass(world.chartroom.clock, 5_000, 5_000);
    return world;
  };

  test('is not denied while upstream does not answer, and is as soon as it does', async () => {
    const { upstream, chartroom } = await dropped();
    upstream.down = unreachable();
    expect((await faultOf(chartroom.archive('demo', '2.0.0'))).code).toBe('upstream-unreachable');
    expect((await faultOf(chartroom.provenance('demo', '2.0.0'))).code).toBe('upstream-unreachable');

    upstream.down = undefined;
    await pass(chartroom.clock, 5_000, 5_000);
    expect((await faultOf(chartroom.archive('demo', '2.0.0'))).code).toBe('not-found');
  });

  test('is not denied on the word of a listing that began before it was asked for', async () => {
    const { upstream, chartroom } = await dropped();
    const gate = Promise.withResolvers<void>();
    upstream.before.list = () => gate.promise;
    const earlier = chartroom.timedSync('nexus');
    await pass(chartroom.clock, 1_000);

    const request = faultOf(chartroom.archive('demo', '2.0.0'));
    await turn();
    gate.resolve();
    await earlier;

    expect((await request).timedOut).toBe(true);
  });
});
