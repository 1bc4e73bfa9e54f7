import { describe, expect, test } from 'vitest';

import { openEngine, pass, turn, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const startMs = Date.parse('2026-01-01T00:00:00Z');

/** A nexus whose versions are offered once they have been known for three days, unless told otherwise. */
async function nexus(options: { cooldownMs?: number; beforeJob?: (job: string) => void } = {}) {
  const { cooldownMs = 3 * dayMs, beforeJob } = options;
  const upstream = new FakeUpstream();
  await upstream.publish('other', '1.0.0', { created: '2020-01-01T00:00:00Z' });
  const store = watchedStore();
  const composition = (ms: number) => ({
    upstreams: { nexus: upstream },
    repositories: { all: { root: true, cooldownMs: ms } },
  });
  const chartroom = await openEngine({ ...composition(cooldownMs), store, ...(beforeJob && { beforeJob }) });
  const configure = (ms: number) => chartroom.reconfigure(composition(ms));
  const restart = () => openEngine({ ...composition(cooldownMs), store, clock: chartroom.clock });
  return { upstream, store, chartroom, configure, restart, sync: () => chartroom.operator.sync('nexus') };
}

/** Whether a version is offered: what the index says, once it is sure that the doors say the same. */
async function isOffered(chartroom: TestEngine, version: string): Promise<boolean> {
  const isListed = chartroom.versions('demo').includes(version);
  const fault = await chartroom.archive('demo', version).then(
    () => undefined,
    () => faultOf(chartroom.archive('demo', version)),
  );
  const signature = await chartroom.provenance('demo', version).then(
    () => undefined,
    () => faultOf(chartroom.provenance('demo', version)),
  );
  const said = { code: 'not-found', message: expect.stringContaining('(cooldown)') as string };
  for (const one of [fault, signature]) expect(one ?? said).toMatchObject(said);
  expect([fault === undefined, signature === undefined]).toEqual([isListed, isListed]);
  return isListed;
}

/** Moves on to just before a moment, and then to it; answers with what was offered at both. */
async function around(chartroom: TestEngine, atMs: number, version: string): Promise<readonly boolean[]> {
  const leftMs = atMs - 1 - chartroom.clock.now();
  await pass(chartroom.clock, leftMs, Math.max(leftMs, 1));
  const before = await isOffered(chartroom, version);
  await pass(chartroom.clock, 1, 1);
  return [before, await isOffered(chartroom, version)];
}

describe('a version of the first listing', () => {
  test('is offered so long after it was made, to the millisecond, without anybody asking for it', async () => {
    const { upstream, chartroom, sync } = await nexus();
    await upstream.publish('demo', '1.0.0', { created: '2025-12-31T00:00:00Z' });
    await sync();
    upstream.calls.length = 0;

    expect(await around(chartroom, startMs + 2 * dayMs, '1.0.0')).toEqual([false, true]);
    // and it was not fetched before
    expect(upstream.calls.filter((call) => call !== 'open provenance demo-1.0.0')).toEqual(['open archive demo-1.0.0']);
  });

  test('is offered at once when it was made long ago', async () => {
    const { upstream, chartroom, sync } = await nexus();
    await upstream.publish('demo', '1.0.0', { created: '2024-12-31T00:00:00Z' });
    await sync();

    expect(await isOffered(chartroom, '1.0.0')).toBe(true);
  });

  test.each([undefined, '2027-01-01T00:00:00Z', '2026-01-01T00:00:01Z'])(
    'is as old as our first sight of it when it says %s',
    async (created) => {
      const { upstream, chartroom, sync } = await nexus();
      await upstream.publish('demo', '1.0.0', { created });
      await sync();

      expect(await around(chartroom, startMs + 3 * dayMs, '1.0.0')).toEqual([false, true]);
    },
  );
});

describe('a version of a later listing', () => {
  test('is as old as our first sight of it, however old it says it is', async () => {
    const { upstream, chartroom, sync } = await nexus();
    await sync();
    await pass(chartroom.clock, 5 * hourMs, 5 * hourMs);
    await upstream.publish('demo', '1.0.0', { created: '2020-01-01T00:00:00Z' });
    await sync();

    expect(await around(chartroom, startMs + 5 * hourMs + 3 * dayMs, '1.0.0')).toEqual([false, true]);
  });

  test('counts from when somebody asked for it by name, if that was earlier', async () => {
    const { upstream, chartroom, sync } = await nexus();
    await sync();
    await pass(chartroom.clock, hourMs, hourMs);
    await upstream.publish('demo', '1.0.0');
    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).message).toContain('offered from 2026-01-04T01:00:00');
    await pass(chartroom.clock, hourMs, hourMs);
    await sync();

    expect(await around(chartroom, startMs + hourMs + 3 * dayMs, '1.0.0')).toEqual([false, true]);
  });
});

describe('several versions', () => {
  test('are offered one after the other, and index and doors agree all the while', async () => {
    const { upstream, chartroom, sync } = await nexus();
    await sync();
    const seenMs: number[] = [];
    for (let minor = 0; minor < 5; minor += 1) {
      await upstream.publish('demo', `1.${minor}.0`);
      await sync();
      seenMs.push(chartroom.clock.now());
      await pass(chartroom.clock, 7 * hourMs, 7 * hourMs);
    }
    for (let step = 0; step < 30; step += 1) {
      await pass(chartroom.clock, 4 * hourMs, 4 * hourMs);
      const nowMs = chartroom.clock.now();
      for (const [minor, ms] of seenMs.entries()) {
        expect(await isOffered(chartroom, `1.${minor}.0`)).toBe(ms + 3 * dayMs <= nowMs);
      }
    }
    expect(chartroom.versions('demo')).toHaveLength(5);
  });
});

describe('a restart', () => {
  test('changes nothing: not the moment, and not a byte', async () => {
    const { upstream, chartroom, restart, sync } = await nexus();
    await sync();
    await upstream.publish('demo', '1.0.0');
    await sync();
    await pass(chartroom.clock, dayMs, dayMs);
    const again = await restart();
    expect(again.index).toBe(chartroom.index);

    expect(await around(again, startMs + 3 * dayMs, '1.0.0')).toEqual([false, true]);
    expect(again.index).toBe(chartroom.index);
    expect((await restart()).index).toBe(chartroom.index);
  });
});

describe('a reload', () => {
  test('without a cooldown offers what was known already, and with a longer one takes it back', async () => {
    const { upstream, chartroom, configure, sync } = await nexus();
    await upstream.publish('demo', '1.0.0');
    await sync();
    await configure(0);
    expect(await isOffered(chartroom, '1.0.0')).toBe(true);
    await pass(chartroom.clock, 4 * dayMs, dayMs);
    await configure(10 * dayMs);

    expect(await isOffered(chartroom, '1.0.0')).toBe(false);
    expect(await around(chartroom, startMs + 10 * dayMs, '1.0.0')).toEqual([false, true]);
  });
});

describe('a cooldown', () => {
  test('of more than a year is waited for to the end', async () => {
    const { upstream, chartroom, sync } = await nexus({ cooldownMs: 365 * dayMs });
    await sync();
    await upstream.publish('demo', '1.0.0');
    await sync();
    const built = chartroom.ran.filter((job) => job === 'render').length;
    await pass(chartroom.clock, 364 * dayMs, dayMs);

    expect(await around(chartroom, startMs + 365 * dayMs, '1.0.0')).toEqual([false, true]);
    // no timer may be set for longer than some days: once a day is enough
    expect(chartroom.ran.filter((job) => job === 'render').length - built).toBeLessThan(370);
  });

  test('that ends while the index cannot be built leaves everything as it was, until it can', async () => {
    let broken = false;
    const beforeJob = (job: string) => {
      if (broken && job === 'render') throw new Error('no memory');
    };
    const { upstream, chartroom, sync } = await nexus({ beforeJob });
    await sync();
    await upstream.publish('demo', '1.0.0');
    await sync();
    await pass(chartroom.clock, 3 * dayMs - 60_000, dayMs);
    chartroom.engine.start();
    broken = true;
    await pass(chartroom.clock, 2 * 60_000, 10_000);
    expect(await isOffered(chartroom, '1.0.0')).toBe(false);
    broken = false;
    await pass(chartroom.clock, 10_000, 1_000);

    expect(await isOffered(chartroom, '1.0.0')).toBe(true);
    const stopped = chartroom.engine.stop();
    await turn();
    await stopped;
  });
});
