import { describe, expect, it } from 'vitest';

import { Renewing } from '../../src/lib/renewing.ts';
import { ManualClock } from '../support/clock.ts';

const minute = 60_000;

/** Makes `1`, `2`, ... each good for an hour, unless told otherwise. */
function maker(lifeMs: number | undefined = 60 * minute) {
  const clock = new ManualClock();
  const state = { made: 0, asked: 0, failing: false, hold: Promise.resolve() };
  const make = async () => {
    state.asked += 1;
    await state.hold;
    if (state.failing) throw new Error(`failure ${state.asked}`);
    state.made += 1;
    return { value: String(state.made), expiresMs: lifeMs && clock.now() + lifeMs };
  };
  return { clock, state, renewing: new Renewing(make, clock) };
}

function latch() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { hold: promise, release: resolve };
}

/** What was begun beside the requests has gone as far as it can. */
const settled = (clock: ManualClock) => clock.advance(0);

describe('a value that ends', () => {
  it('is made once for all who ask', async () => {
    const { state, renewing } = maker();
    const values = await Promise.all(Array.from({ length: 20 }, () => renewing.get()));
    expect(new Set(values)).toEqual(new Set(['1']));
    expect(state.asked).toBe(1);
  });

  it('is not made before somebody asks', async () => {
    const { clock, state } = maker();
    await clock.advance(1000 * minute);
    expect(state.asked).toBe(0);
  });

  it('is renewed at 80 % of its life, beside the request that finds it so old', async () => {
    const { clock, state, renewing } = maker();
    await renewing.get();
    await clock.advance(48 * minute - 1);
    await renewing.get();
    expect(state.asked).toBe(1);
    await clock.advance(1);
    const { hold, release } = latch();
    state.hold = hold;
    expect(await Promise.all([renewing.get(), renewing.get()])).toEqual(['1', '1']);
    expect(state.asked).toBe(2);
    release();
    await settled(clock);
    expect(await renewing.get()).toBe('2');
  });

  it.each([
    ['in its last minute', 60 * minute, 59 * minute],
    ['in the last tenth of a short life', minute, 54_000],
  ])('is waited for %s', async (_, lifeMs, waitedFrom) => {
    const { clock, renewing } = maker(lifeMs);
    await renewing.get();
    await clock.advance(waitedFrom);
    expect(await renewing.get()).toBe('2');
  });

  it('keeps nobody waiting before while the next one hangs', async () => {
    const { clock, state, renewing } = maker();
    await renewing.get();
    state.hold = latch().hold;
    await clock.advance(59 * minute - 1);
    expect(await renewing.get()).toBe('1');
  });

  it('is never given after its end', async () => {
    const { clock, state, renewing } = maker();
    await renewing.get();
    state.failing = true;
    await clock.advance(60 * minute - 1);
    expect(await renewing.get()).toBe('1');
    await clock.advance(10_001);
    await expect(renewing.get()).rejects.toThrow('failure');
  });

  it('ends by the wall clock although the machine slept', async () => {
    const { clock, renewing } = maker();
    await renewing.get();
    clock.jump(60 * minute);
    expect(await renewing.get()).toBe('2');
  });

  it('ends after its life although the wall clock was set back', async () => {
    const { clock, renewing } = maker();
    await renewing.get();
    clock.jump(-24 * 60 * minute);
    await clock.advance(60 * minute);
    expect(await renewing.get()).toBe('2');
  });

  it('is made every ten seconds at most when it has ended as it comes, by a clock that is ahead', async () => {
    const { clock, state, renewing } = maker(-60 * minute);
    expect(await renewing.get()).toBe('1');
    await clock.advance(7_000);
    expect(await renewing.get()).toBe('1');
    expect(state.asked).toBe(1);
  });

  it('is kept for ever when it says no end', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const renewing = new Renewing(async () => ({ value: ++asked }), clock);
    await renewing.get();
    await clock.advance(365 * 24 * 60 * minute);
    expect(await renewing.get()).toBe(1);
  });
});

describe('a value that cannot be had', () => {
  it('is a failure for whoever asks, and is asked for again after ten seconds only', async () => {
    const { clock, state, renewing } = maker();
    state.failing = true;
    await expect(renewing.get()).rejects.toThrow('failure 1');
    await clock.advance(9_999);
    await expect(renewing.get()).rejects.toThrow('failure 1');
    await clock.advance(1);
    state.failing = false;
    expect(await renewing.get()).toBe('1');
    expect(state.asked).toBe(2);
  });

  it('is asked for every ten seconds while the old one is good', async () => {
    const { clock, state, renewing } = maker();
    await renewing.get();
    await clock.advance(50 * minute);
    state.failing = true;
    for (let second = 0; second < 60; second += 1) {
      expect(await renewing.get()).toBe('1');
      await clock.advance(1000);
    }
    expect(state.asked).toBe(1 + 6);
  });
});

describe('a value that was refused', () => {
  it('is made anew, once for all who had it', async () => {
    const { clock, state, renewing } = maker();
    const value = await renewing.get();
    await clock.advance(minute);
    renewing.drop(value);
    renewing.drop(value);
    expect(await Promise.all([renewing.get(), renewing.get()])).toEqual(['2', '2']);
    expect(state.asked).toBe(2);
  });

  it('is known by what it says, not by which object it is', async () => {
    const clock = new ManualClock();
    let serial = 0;
    const renewing = new Renewing(async () => ({ value: { serial: ++serial } }), clock);
    await renewing.get();
    await clock.advance(minute);
    renewing.drop({ serial: 1 });
    expect(await renewing.get()).toEqual({ serial: 2 });
  });

  it('leaves alone the one that has replaced it', async () => {
    const { clock, renewing } = maker();
    const old = await renewing.get();
    await clock.advance(55 * minute);
    await renewing.get();
    await clock.advance(minute);
    renewing.drop(old);
    expect(await renewing.get()).toBe('2');
  });

  it('stays while it is ten seconds young, so that a server that refuses everything is not our beat', async () => {
    const { clock, renewing } = maker();
    renewing.drop(await renewing.get());
    await clock.advance(9_999);
    renewing.drop(await renewing.get());
    expect(await renewing.get()).toBe('1');
    await clock.advance(1);
    renewing.drop('1');
    expect(await renewing.get()).toBe('2');
  });
});
