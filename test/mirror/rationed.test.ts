import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import type { MirrorPolicy } from '../../src/chart/survey.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, type TestEngine } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

const hour = 3_600_000;
const windowMs = 6 * hour;
const limit = 100;

/** A registry that gives so many manifests in six hours, and then 429 until they are over. */
class RationedRegistry extends FakeUpstream {
  /** How often each manifest was given. */
  readonly given = new Map<string, number>();
  refused = 0;
  #windowEndsMs = 0;
  #used = 0;
  readonly #clock: ManualClock;
  readonly #tells: boolean;

  constructor(clock: ManualClock, tells: boolean) {
    super('registry');
    this.#clock = clock;
    this.#tells = tells;
    this.before.describe = (call) => this.#ration(call);
  }

  #ration(call: string): void {
    const nowMs = this.#clock.elapsed();
    if (nowMs >= this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + windowMs;
      this.#used = 0;
    }
    if (this.#used >= limit) {
      this.refused += 1;
      const retryAfterMs = this.#windowEndsMs - nowMs;
      throw new Fault('rate-limited', 'ghcr: too many manifests.', 'Wait.', { retryAfterMs });
    }
    this.#used += 1;
    this.given.set(call, (this.given.get(call) ?? 0) + 1);
    if (this.#tells) this.left = { remaining: limit - this.#used, limit, windowMs };
  }
}

interface Options {
  readonly charts: number;
  readonly tags: number;
  readonly tells: boolean;
  readonly mirror?: MirrorPolicy;
}

async function rationed({ charts, tags, tells, mirror = 'requested' }: Options) {
  const clock = new ManualClock(undefined, 5 * 60_000);
  const upstream = new RationedRegistry(clock, tells);
  const store = memoryStore();
  const upstreams = { ghcr: { upstream, type: 'registry', intervalMs: 2 * hour, mirror } };
  await upstream.publish('warm', '1.0.0');
  const first = await openEngine({ upstreams, store, clock });
  await first.operator.sync('ghcr');
  await first.archive('warm', '1.0.0');
  await first.engine.stop();
  for (let chart = 0; chart < charts; chart += 1) {
    for (let tag = 0; tag < tags; tag += 1) await upstream.publish(`chart-${chart}`, `1.${tag}.0`);
  }
  const start = async (): Promise<TestEngine> => {
    const chartroom = await openEngine({ upstreams, store, clock });
    chartroom.engine.start();
    await turn();
    return chartroom;
  };
  return { upstream, clock, start };
}

/** Asks for one that nobody described yet. */
async function coldRequest(chartroom: TestEngine, upstream: RationedRegistry): Promise<string> {
  const row = upstream.rows.find(({ source }) => !upstream.given.has(`describe ${source}`));
  const answer = chartroom.archive(row?.chart ?? '', row?.version ?? '');
  return answer.then(
    () => 'had',
    (error: Fault) => error.code,
  );
}

const indexed = (chartroom: TestEngine): number =>
  Object.values((JSON.parse(chartroom.index) as { readonly entries: Record<string, unknown[]> }).entries).flat().length;

/** Reads through so many windows, with a restart after every few of them; answers how cold requests fared. */
async function readThrough(options: Options & { readonly windows: number; readonly restartEvery: number }) {
  const { upstream, clock, start } = await rationed(options);
  let chartroom = await start();
  const cold: string[] = [];
  for (let window = 1; window <= options.windows; window += 1) {
    await pass(clock, hour, 20 * 60_000);
    expect(await chartroom.archive('warm', '1.0.0')).toEqual(upstream.rows[0]?.archive);
    if (upstream.given.size < upstream.rows.length) cold.push(await coldRequest(chartroom, upstream));
    await pass(clock, windowMs - hour, hour);
    if (window % options.restartEvery === 0) {
      await chartroom.engine.stop();
      chartroom = await start();
    }
  }
  await chartroom.engine.stop();
  return { upstream, cold, indexed: indexed(chartroom) };
}

describe('a registry that gives a hundred manifests in six hours and then 429', () => {
  test('of 2,000 tags is had whole, no manifest twice, over three restarts; what is held is answered meanwhile', async () => {
    const { upstream, ...had } = await readThrough({
      charts: 100,
      tags: 20,
      tells: false,
      windows: 24,
      restartEvery: 6,
    });

    expect(had.indexed).toBe(2_001);
    expect(upstream.given.size).toBe(2_001);
    expect(Math.max(...upstream.given.values())).toBe(1);
    // who met the limit knows: not one refusal for every tag or request
    expect(upstream.refused).toBeLessThanOrEqual(24 * 4 + 4 * 4);
  }, 30_000);

  test('and tells what is left is asked for manifests by cold requests too, and they are answered', async () => {
    const { upstream, ...had } = await readThrough({ charts: 20, tags: 20, tells: true, windows: 8, restartEvery: 2 });

    expect(had.indexed).toBe(401);
    expect(Math.max(...upstream.given.values())).toBe(1);
    expect(had.cold.length).toBeGreaterThanOrEqual(3);
    expect(new Set(had.cold)).toEqual(new Set(['had']));
  });
});

describe('what is left of a rate limit', () => {
  /** How as many cold requests fare, each so long after the one before. */
  async function coldRequests(count: number, everyMs: number): Promise<readonly string[]> {
    const { upstream, clock, start } = await rationed({ charts: 30, tags: 10, tells: true });
    const chartroom = await start();
    await pass(clock, 10 * 60_000, 60_000);
    expect(upstream.given.size).toBeGreaterThanOrEqual(85);
    expect(upstream.given.size).toBeLessThanOrEqual(limit - 5);
    const answers: string[] = [];
    for (let at = 0; at < count; at += 1) {
      await pass(clock, everyMs, 60_000);
      answers.push(await coldRequest(chartroom, upstream));
    }
    await chartroom.engine.stop();
    return answers;
  }

  test('is kept for requests: five of a hundred that come late in the window are all answered', async () => {
    expect(await coldRequests(5, 66 * 60_000)).toEqual(['had', 'had', 'had', 'had', 'had']);
  });

  test('is kept for requests also when none came for most of the window', async () => {
    expect(await coldRequests(1, 5.5 * hour)).toEqual(['had']);
  });
});
