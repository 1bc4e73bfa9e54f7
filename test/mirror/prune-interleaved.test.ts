import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import type { Holding } from '../../src/chart/holding.ts';
import { blobKey, firstHoldingKey, stateKey } from '../../src/store/layout.ts';
import { recordBytes } from '../../src/store/records.ts';
import { storeGone } from '../support/engine.ts';
import { keysOf, putBlob, stateOf } from '../support/kept-store.ts';
import { missing, stepping, type Around } from '../support/stepping-store.ts';
import {
  contentsOf,
  fillAtRandom,
  inspect,
  openWorld,
  own,
  pruneGone,
  type Contents,
  type World,
} from './prune-world.ts';

/** Prunes, with something happening around every step. */
function pruneAround({ store, clock }: World, around: Around) {
  return pruneGone({ store: stepping(store, around), clock });
}

/** Every step of an undisturbed prune, in order: right before and right after, or only after, which is before the next. */
async function stepsOfAPrune(moments: readonly string[] = ['before', 'after']): Promise<readonly string[]> {
  const steps: string[] = [];
  await pruneAround(await openWorld(), async (step, at) => {
    if (moments.includes(at)) steps.push(`${at} ${step}`);
  });
  return steps;
}

/** Of a store, only what a whole one has. */
async function keptIn(world: World, whole: Contents): Promise<Contents> {
  const now = await contentsOf(world.store);
  const kept = (await stateOf(world.store))?.upstreams['kept'];
  const found = Object.keys(whole).map((key) => [key, now[key] ?? 'missing'] as const);
  return { ...Object.fromEntries(found), [stateKey]: JSON.stringify({ kept }) };
}

/** What a fill does: the blob, the record, and the blob again if it is not there. */
async function* fillInSteps(world: World, upstream: string): AsyncGenerator<undefined, void> {
  const archive = await putBlob(world.store, own);
  yield undefined;
  const holding: Holding = { chart: 'new', version: '1.0.0', archive, heldAt: '2026-01-01T00:00:00Z' };
  await world.store.write(firstHoldingKey(upstream, 'new', '1.0.0'), recordBytes(holding), 'absent');
  yield undefined;
  if (!(await world.store.head(blobKey(archive.digest)))) await putBlob(world.store, own);
}

class Killed extends Error {}

describe('a prune', () => {
  test.each([
    ['dies', Killed, () => Promise.reject(new Killed())],
    ['meets a store that answers no more', Error, async () => storeGone()],
  ] as const)('that %s at any of its steps leaves no lie, and the next one finishes', async (_, kind, fail) => {
    const whole = await contentsOf((await openWorld({ withGone: false })).store);
    const steps = await stepsOfAPrune();
    expect(steps.length).toBeGreaterThan(100);
    for (let moment = 0; moment < steps.length; moment += 1) {
      const world = await openWorld();
      let now = 0;
      const around: Around = async () => {
        if (now++ >= moment) await fail();
      };
      await expect(pruneAround(world, around)).rejects.toThrow(kind);
      expect([steps[moment], await missing(world.store), await keptIn(world, whole)]).toEqual([
        steps[moment],
        [],
        whole,
      ]);
      const { found } = await inspect(world);
      expect([steps[moment], found.filter(({ harmless }) => !harmless)]).toEqual([steps[moment], []]);

      expect(await pruneGone(world)).toMatchObject({ left: [] });
      expect([steps[moment], await contentsOf(world.store)]).toEqual([steps[moment], whole]);
    }
  });

  test('that meets one fault of the store at any step says so, or goes on as if nothing had been', async () => {
    const whole = await contentsOf((await openWorld({ withGone: false })).store);
    const steps = await stepsOfAPrune();
    for (let moment = 0; moment < steps.length; moment += 1) {
      const world = await openWorld();
      let now = 0;
      const around: Around = async () => {
        if (now++ === moment) storeGone();
      };
      const outcome = await pruneAround(world, around).catch((error: unknown) => error);
      expect([steps[moment], outcome]).toEqual([
        steps[moment],
        outcome instanceof Fault
          ? expect.objectContaining({ code: 'store-failed' })
          : expect.objectContaining({ left: [] }),
      ]);
      expect([steps[moment], await missing(world.store), await keptIn(world, whole)]).toEqual([
        steps[moment],
        [],
        whole,
      ]);
      // what was put back is young again
      await world.clock.advance(25 * 60 * 60_000);
      await pruneGone(world);
      expect([steps[moment], await contentsOf(world.store)]).toEqual([steps[moment], whole]);
    }
  });

  test.each(['kept', 'gone'])('takes nothing that a fill for %s names at any of its steps', async (upstream) => {
    const whole = await contentsOf((await openWorld({ withGone: false })).store);
    const { length } = await stepsOfAPrune(['after']);
    for (let first = 0; first < length; first += 1) {
      for (const [second, third] of [0, 7].flatMap((a) => [0, 6].map((b) => [a, a + b] as const))) {
        const world = await openWorld();
        const filling = fillInSteps(world, upstream);
        let now = 0;
        const when = [first, first + second, first + third];
        const around: Around = async (_, at) => {
          if (at === 'before') return;
          for (const moment of when) if (moment === now) await filling.next();
          now += 1;
        };
        const { left } = await pruneAround(world, around);
        for (let more = 0; more < 3; more += 1) await filling.next();
        const at = when.join(' ');
        expect([at, await missing(world.store), await keptIn(world, whole)]).toEqual([at, [], whole]);
        const filled = await keysOf(world.store, `holdings/${upstream}/new/`);
        if (upstream === 'kept') expect([at, filled, left]).toEqual([at, [expect.any(String)], []]);
        else if (left.length > 0) expect([at, filled]).toEqual([at, [expect.any(String)]]);
      }
    }
  });

  test('keeps what another process commits at any of its steps', async () => {
    const steps = await stepsOfAPrune(['after']);
    for (let moment = 0; moment < steps.length; moment += 1) {
      const world = await openWorld();
      let now = 0;
      const around: Around = async (_, at) => {
        if (at === 'before' || now++ !== moment) return;
        const state = await stateOf(world.store);
        await world.store.write(
          stateKey,
          recordBytes({ ...state, upstreams: { ...state?.upstreams, other: { since: '2026' } } }),
        );
      };
      await pruneAround(world, around);
      const { upstreams } = (await stateOf(world.store)) ?? {};
      expect([steps[moment], Object.keys(upstreams ?? {})]).toEqual([steps[moment], ['kept', 'other']]);
      expect(await missing(world.store)).toEqual([]);
    }
  });
});

describe('property: whatever is kept of two upstreams', () => {
  test('pruning one leaves all of the other, to the byte, and nothing else', async () => {
    const versions = fc.uniqueArray(
      fc.record({
        chart: fc.constantFrom('a', 'b'),
        version: fc.constantFrom('1.0.0', '2.0.0'),
        content: fc.nat(3),
        signed: fc.boolean(),
        committed: fc.boolean(),
        accepted: fc.boolean(),
      }),
      // first bytes are written once
      { maxLength: 6, selector: ({ chart, version, accepted }) => `${chart} ${version} ${accepted}` },
    );
    await fc.assert(
      fc.asyncProperty(versions, versions, async (kept, gone) => {
        const [world, whole] = [await openWorld({ withGone: false }), await openWorld({ withGone: false })];
        for (const { store } of [world, whole]) await fillAtRandom(store, 'kept', kept);
        await fillAtRandom(world.store, 'gone', gone);
        for (const { clock } of [world, whole]) await clock.advance(48 * 60 * 60_000);
        const before = await inspect(whole);

        // what nothing named before goes, too
        await pruneGone(whole);
        await pruneGone(world);

        expect(await contentsOf(world.store)).toEqual(await contentsOf(whole.store));
        const after = await inspect(world);
        expect([after.found, after.unconfigured]).toEqual([before.found, []]);
      }),
      { numRuns: 60 },
    );
  });
});
