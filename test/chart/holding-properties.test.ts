import fc from 'fast-check';
import { expect, it } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { currentOf, mergeHoldings, Snapshot, type KeptVersion } from '../../src/chart/holding.ts';
import { tableOf } from '../../src/lib/shared-table.ts';
import { textOf } from '../support/indexes.ts';

const descriptor = (text: string) => ({ mediaType: 'x/y', digest: digestOf(Buffer.from(text)), size: text.length });
const second = (at: number): string => `2026-01-01T00:00:0${at}.000Z`;
const signatureOf = (archive: string) => descriptor(`signature of ${archive}`);

interface Life {
  readonly first: string;
  /** What was accepted one after the other, in the order of time. */
  readonly accepted: readonly string[];
}

/** Nothing that was accepted is what is held already. */
const isPossible = ({ first, accepted }: Life): boolean =>
  accepted.every((one, at) => one !== [first, ...accepted][at]);

const life: fc.Arbitrary<Life> = fc
  .record({ first: fc.constantFrom('a', 'b'), accepted: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 }) })
  .filter(isPossible);

/** Lives in which no bytes ever came back. */
const straight = life.filter(({ first, accepted }) => new Set([first, ...accepted]).size === accepted.length + 1);

/**
 * Everything that replicas may have said of one version in its life: the first bytes, each acceptance, and each of them
 * again with what is known of its provenance.
 */
function wordsOn({ first, accepted }: Life): readonly KeptVersion[] {
  const held = (archive: string, more: Partial<KeptVersion> = {}): KeptVersion => ({
    chart: 'demo',
    version: '1.0.0',
    archive: descriptor(archive),
    heldAt: second(0),
    ...more,
  });
  const all = [held(first), ...accepted.map((archive, at) => held(archive, { acceptedAt: second(at + 1) }))];
  const texts = [first, ...accepted];
  return all.flatMap((one, at) => [
    one,
    { ...one, provenance: 'none' as const },
    { ...one, provenance: signatureOf(texts[at] ?? '') },
  ]);
}

/** Some of the words, in some order, some of them more than once. */
const heardOf = (lives: fc.Arbitrary<Life>) =>
  lives.chain((one) => {
    const words = fc.array(fc.constantFrom(...wordsOn(one)), { minLength: 1, maxLength: 8 });
    return fc.record({ words, order: fc.infiniteStream(fc.nat()) });
  });

const heard = heardOf(life);

function inSomeOrder<T>(all: readonly T[], order: Iterator<number>): readonly T[] {
  return all
    .map((one) => ({ one, at: Number(order.next().value ?? 0) }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

const after = (words: readonly KeptVersion[]): KeptVersion => words.slice(1).reduce(currentOf, words[0] as KeptVersion);

/** The archive of the word that was said last, whoever heard of it when. */
function lastAccepted(words: readonly KeptVersion[]): KeptVersion['archive'] | undefined {
  const latest = words.reduce((last, { acceptedAt = '' }) => (acceptedAt > last ? acceptedAt : last), '');
  return words.find(({ acceptedAt = '' }) => acceptedAt === latest)?.archive;
}

const isLastInAnyOrder = (lives: fc.Arbitrary<Life>) =>
  fc.property(heardOf(lives), ({ words, order }) => {
    expect(after(inSomeOrder(words, order)).archive).toEqual(lastAccepted(words));
  });

it('what counts of different bytes is what was accepted last, in whatever order it is heard of', () => {
  fc.assert(isLastInAnyOrder(straight));
});

it('what counts is what was accepted last, also when that are bytes which were held before', () => {
  fc.assert(isLastInAnyOrder(life), { numRuns: 2_000 });
});

it('a provenance that was found is never forgotten, in whatever order it is heard of', () => {
  const one = life.map(({ first }) => ({ first, accepted: [] }));
  fc.assert(
    fc.property(heardOf(one), ({ words, order }) => {
      const found = words.map(({ provenance }) => provenance);
      const best = found.find((each) => typeof each === 'object') ?? found.find((each) => each === 'none');
      expect(after(inSomeOrder(words, order)).provenance).toEqual(best);
    }),
  );
});

it('a snapshot says the same however the words were split among commits', () => {
  fc.assert(
    fc.property(heard, fc.nat(8), ({ words }, cut) => {
      const nothing = tableOf([]);
      const once = mergeHoldings(nothing, words);
      const twice = mergeHoldings(mergeHoldings(nothing, words.slice(0, cut)), words.slice(cut));
      const oneByOne = words.reduce((table, word) => mergeHoldings(table, [word]), nothing);
      expect(textOf(twice)).toBe(textOf(once));
      expect(textOf(oneByOne)).toBe(textOf(once));
      expect(new Snapshot(once).size).toBe(1);
    }),
  );
});

it('hearing the same again changes nothing', () => {
  fc.assert(
    fc.property(heard, ({ words }) => {
      const once = mergeHoldings(tableOf([]), words);
      const again = [...new Snapshot(once).all()];
      expect(textOf(mergeHoldings(once, again))).toBe(textOf(once));
    }),
  );
});

it('holdings of different versions do not touch each other', () => {
  const versions = fc.uniqueArray(fc.constantFrom('1.0.0', '1.1.0', '2.0.0-rc.1', '10.0.0'), { minLength: 1 });
  fc.assert(
    fc.property(versions, heard, (names, { words }) => {
      const all = words.flatMap((word) => names.map((version) => ({ ...word, version })));
      const merged = new Snapshot(mergeHoldings(tableOf([]), all));
      expect(merged.size).toBe(names.length);
      for (const version of names) expect(merged.find('demo', version)).toEqual({ ...after(words), version });
    }),
  );
});
