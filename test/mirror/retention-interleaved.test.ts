import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { digestOf, type Descriptor } from '../../src/chart/digest.ts';
import type { Holding } from '../../src/chart/holding.ts';
import { Tables } from '../../src/mirror/committing/tables.ts';
import { sweep } from '../../src/mirror/retention/sweep.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { blobKey, firstHoldingKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { recordBytes } from '../../src/store/records.ts';
import { ManualClock } from '../support/clock.ts';
import { claimOf, commit, hold, jobsHere, keysOf, putBlob } from '../support/kept-store.ts';
import { missing, stepping, type Around } from '../support/stepping-store.ts';

const day = 24 * 60 * 60 * 1000;
const contents = ['one', 'two'].map((text) => Buffer.from(text));

/** A store that was used a while ago and holds old blobs which nobody named, and old tables. */
async function oldStore() {
  const clock = new ManualClock();
  const store = memoryStore({ clock });
  const before = await hold(store, 'nexus', { chart: 'kept', version: '1.0.0', archive: Buffer.from('kept') });
  const other = await hold(store, 'nexus', { chart: 'kept', version: '2.0.0', archive: Buffer.from('kept too') });
  await commit(store, 'nexus', { kept: [before, other], claims: [claimOf(before), claimOf(other)] });
  await commit(store, 'nexus', { kept: [before], claims: [claimOf(before)] });
  for (const content of contents) await putBlob(store, content);
  await clock.advance(2 * day);
  const sweepOn = (own: ObjectStore, batchBytes?: number) =>
    sweep({
      store: own,
      tidy: async () => 0,
      load: (kind, digest) => new Tables(own, jobsHere).load(kind, digest),
      clock,
      signal: new AbortController().signal,
      ...(batchBytes !== undefined && { batchBytes }),
    });
  const commitAll = () => commit(store, 'nexus', { kept: [before, other], claims: [claimOf(before), claimOf(other)] });
  return { store, sweepOn, commitAll };
}

/** What a fill does: the blob, the record, and the blob again if it is not there. */
async function* fillInSteps(store: ObjectStore, chart: string, content: Buffer): AsyncGenerator<undefined, void> {
  const archive: Descriptor = await putBlob(store, content);
  yield undefined;
  const holding: Holding = { chart, version: '1.0.0', archive, heldAt: '2026-01-01T00:00:00Z' };
  await store.write(firstHoldingKey('nexus', chart, '1.0.0'), recordBytes(holding), 'absent');
  yield undefined;
  if (!(await store.head(blobKey(archive.digest)))) await putBlob(store, content);
}

async function fill(store: ObjectStore, chart: string, content: Buffer): Promise<void> {
  const steps = fillInSteps(store, chart, content);
  while (!(await steps.next()).done);
}

/** Every step of an undisturbed sweep, in order. */
async function stepsOfASweep(): Promise<readonly string[]> {
  const { store, sweepOn } = await oldStore();
  const steps: string[] = [];
  await sweepOn(stepping(store, async (step, at) => void steps.push(`${at} ${step}`)));
  return steps;
}

class Killed extends Error {}

describe('a sweep', () => {
  test('takes nothing that a fill names at any of its steps', async () => {
    const count = (await stepsOfASweep()).length;
    expect(count).toBeGreaterThan(40);
    // the three steps of the fill at every three moments of the sweep
    for (let first = 0; first < count; first += 1) {
      for (const [second, third] of [0, 1, 2, 5, 12].flatMap((a) => [0, 1, 6].map((b) => [a, a + b] as const))) {
        const { store, sweepOn } = await oldStore();
        const [content = Buffer.alloc(0)] = contents;
        const filling = fillInSteps(store, 'fresh', content);
        let now = 0;
        const when = [first, first + second, first + third];
        const around: Around = async () => {
          for (const moment of when) if (moment === now) await filling.next();
          now += 1;
        };
        await sweepOn(stepping(store, around));
        for (let left = 0; left < 3; left += 1) await filling.next();
        expect(await missing(store), `${first} ${second} ${third}`).toEqual([]);
      }
    }
  });

  test('takes no table that the state names again at any of its steps', async () => {
    const count = (await stepsOfASweep()).length;
    for (let moment = 0; moment < count; moment += 1) {
      const { store, sweepOn, commitAll } = await oldStore();
      let now = 0;
      const around: Around = async () => {
        if (now++ === moment) await commitAll();
      };
      await sweepOn(stepping(store, around));
      expect(await missing(store), `at step ${moment}`).toEqual([]);
    }
  });

  test('may die at any of its steps', async () => {
    const steps = await stepsOfASweep();
    for (let moment = 0; moment < steps.length; moment += 1) {
      const { store, sweepOn } = await oldStore();
      let now = 0;
      const around: Around = async () => {
        if (now++ >= moment) throw new Killed();
      };
      await expect(sweepOn(stepping(store, around))).rejects.toThrow(Killed);
      expect([steps[moment], await missing(store)]).toEqual([steps[moment], []]);
      // the next one goes on from there
      await sweepOn(store);
      expect(await keysOf(store, 'blobs/')).toHaveLength(2);
    }
  });

  test('that dies leaves a record without its blob only when the whole fill fell between its look and its removal', async () => {
    const steps = await stepsOfASweep();
    let windows = 0;
    // right before a step is as good as right after the one before
    const moments = [...steps.keys()].filter((at) => steps[at]?.startsWith('after'));
    for (const die of moments) {
      for (const moment of moments.filter((at) => at <= die)) {
        const { store, sweepOn } = await oldStore();
        const [content = Buffer.alloc(0)] = contents;
        const seen: string[] = [];
        const around: Around = async (step, at) => {
          if (seen.length === moment) await fill(store, 'fresh', content);
          seen.push(`${at} ${step}`);
          if (seen.length > die) throw new Killed();
        };
        await sweepOn(stepping(store, around)).catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
        const key = blobKey(digestOf(content));
        const isWindow = steps[moment] === `after head ${key}`;
        const isGone = seen.includes(`after remove ${key}`) && !seen.includes(`after write ${key}`);
        expect(await missing(store), `${steps[moment]}, ${steps[die]}`).toEqual(isWindow && isGone ? [key] : []);
        windows += isWindow && isGone ? 1 : 0;
      }
    }
    expect(windows).toBeGreaterThan(0);
  });
});

describe('property: whatever fills and sweeps do at the same time', () => {
  test('every blob that a record names is there', async () => {
    const plan = fc.record({
      batchBytes: fc.constantFrom(1, 6, 1000),
      sweeps: fc.integer({ min: 1, max: 2 }),
      fills: fc.array(fc.nat(1), { minLength: 1, maxLength: 3 }),
      picks: fc.array(fc.record({ who: fc.nat(4), steps: fc.constantFrom(1, 1, 3, 8) }), {
        minLength: 10,
        maxLength: 60,
      }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ batchBytes, sweeps, fills, picks }) => {
        const { store, sweepOn } = await oldStore();
        const turns = new Turns(picks);
        const work = [
          ...Array.from({ length: sweeps }, () => turns.take((own) => sweepOn(own, batchBytes), store)),
          ...fills.map((content, at) =>
            turns.take((own) => fill(own, `fresh-${at}`, contents[content] ?? Buffer.alloc(0)), store),
          ),
        ];
        await turns.run();
        await Promise.all(work);
        expect(await missing(store)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

/** Whose turn it is, and for how many steps. */
interface Turn {
  readonly who: number;
  readonly steps: number;
}

/** Lets several pieces of work take their steps on a store one at a time, in an order that was picked before. */
class Turns {
  readonly #picks: readonly Turn[];
  /** Who waits for a turn: one may ask for several things at once. */
  readonly #waiting: { readonly who: number; readonly go: () => void }[] = [];
  #begun = 0;
  #running = 0;

  constructor(picks: readonly Turn[]) {
    this.#picks = picks;
  }

  async take(work: (store: ObjectStore) => Promise<unknown>, store: ObjectStore): Promise<void> {
    const who = this.#begun++;
    this.#running += 1;
    const around: Around = async (_, at) => {
      if (at === 'before') await new Promise<void>((go) => this.#waiting.push({ who, go }));
    };
    try {
      await work(stepping(store, around));
    } finally {
      this.#running -= 1;
    }
  }

  async run(): Promise<void> {
    for (let at = 0; this.#running > 0; at += 1) {
      const { who = 0, steps = 1 } = this.#picks[at % this.#picks.length] ?? {};
      const able = [...new Set(this.#waiting.map((one) => one.who))].sort((a, b) => a - b);
      const chosen = able[who % Math.max(1, able.length)];
      for (let step = 0; step < steps; step += 1) {
        const next = this.#waiting.findIndex((one) => one.who === chosen);
        if (next >= 0) this.#waiting.splice(next, 1)[0]?.go();
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
}
