import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Pace } from '../../src/lib/pace.ts';
import { ManualClock } from '../support/clock.ts';

const never = new AbortController().signal;
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Turns of a name each, and when they began. */
function office(width: number, perSecond: number) {
  const clock = new ManualClock(0);
  const pace = new Pace({ width, perSecond, clock });
  const begun: { readonly name: string; readonly atMs: number }[] = [];
  const ends = new Map<string, () => void>();
  const ask = async (name: string, signal = never): Promise<void> => {
    ends.set(name, await pace.take(signal));
    begun.push({ name, atMs: clock.elapsed() });
  };
  return { clock, begun, ask, end: (name: string) => ends.get(name)?.(), names: () => begun.map(({ name }) => name) };
}

describe('turns at a pace', () => {
  it('are so many at once, and the next begins when one ends, in order of arrival', async () => {
    const { ask, end, names } = office(2, 1000);
    const all = ['a', 'b', 'c', 'd'].map((name) => ask(name));
    await settle();
    expect(names()).toEqual(['a', 'b']);
    end('b');
    end('b');
    await settle();
    expect(names()).toEqual(['a', 'b', 'c']);
    end('a');
    await Promise.all(all);
    expect(names()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('begin evenly, but for a few after a pause', async () => {
    const { clock, ask, begun } = office(100, 20);
    for (let at = 0; at < 8; at += 1) void ask(String(at));
    await settle();
    await clock.advance(1000);
    expect(begun.map(({ atMs }) => atMs)).toEqual([0, 0, 0, 0, 50, 100, 150, 200]);
    await clock.advance(60_000);
    for (let at = 8; at < 14; at += 1) void ask(String(at));
    await settle();
    await clock.advance(1000);
    expect(begun.slice(8).map(({ atMs }) => atMs - 61_000)).toEqual([0, 0, 0, 0, 50, 100]);
  });

  it('begin one a second where that is all there is', async () => {
    const { clock, ask, begun, end } = office(4, 1);
    for (const name of ['a', 'b', 'c']) void ask(name).then(() => end(name));
    await settle();
    await clock.advance(10_000);
    expect(begun.map(({ atMs }) => atMs)).toEqual([0, 1000, 2000]);
  });

  it('are given up at once by whoever is told to, in the queue and before it, with the reason', async () => {
    const { clock, ask, end, names } = office(1, 1000);
    const reason = new Error('enough');
    const leaving = new AbortController();
    await ask('a');
    const left = ask('b', leaving.signal);
    const other = ask('c');
    leaving.abort(reason);
    await expect(left).rejects.toBe(reason);
    await expect(ask('d', leaving.signal)).rejects.toBe(reason);
    end('a');
    await other;
    expect(names()).toEqual(['a', 'c']);
    expect(clock.sleeping).toBe(0);
  });

  it('that began are not taken back by a signal', async () => {
    const { ask, end, names } = office(1, 1000);
    const leaving = new AbortController();
    await ask('a', leaving.signal);
    leaving.abort();
    const next = ask('b');
    await settle();
    expect(names()).toEqual(['a']);
    end('a');
    await next;
  });

  it('never are more at once, nor more in any stretch of time, than was said, and each has its day', async () => {
    const step = fc.record({ waitMs: fc.nat(400), asks: fc.nat(6), ends: fc.nat(6) });
    const promise = fc.asyncProperty(
      fc.array(step, { maxLength: 20 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 60 }),
      async (steps, width, perSecond) => {
        const { clock, ask, end, begun } = office(width, perSecond);
        let asked = 0;
        let ended = 0;
        const work = async (waitMs: number, ends: number): Promise<void> => {
          for (let at = 0; at < ends && ended < begun.length; at += 1) end(begun[ended++]?.name ?? '');
          await settle();
          await clock.advance(waitMs);
          expect(begun.length - ended).toBeLessThanOrEqual(width);
        };
        for (const { waitMs, asks, ends } of steps) {
          for (let at = 0; at < asks; at += 1) void ask(String(asked++));
          await work(waitMs, ends);
        }
        for (let at = 0; at < asked; at += 1) await work(1000, width);
        expect(begun.map(({ name }) => Number(name))).toEqual(begun.map((_, at) => at));
        expect(begun).toHaveLength(asked);
        const together = Math.max(1, Math.floor(perSecond / 5));
        for (const [at, first] of begun.entries()) {
          const last = begun[at + together];
          if (last) expect(last.atMs - first.atMs).toBeGreaterThanOrEqual(Math.floor(1000 / perSecond));
        }
        for (const [at, first] of begun.entries()) {
          const last = begun[at + together + perSecond];
          if (last) expect(last.atMs - first.atMs).toBeGreaterThanOrEqual(1000);
        }
      },
    );
    await fc.assert(promise, { numRuns: 50 });
  });
});
