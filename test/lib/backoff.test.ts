import { expect, it } from 'vitest';

import { backoffMs } from '../../src/lib/backoff.ts';

const ceilings = (random: number): number[] =>
  [1, 2, 3, 4, 5, 1000].map((failures) => backoffMs(failures, 100, 1000, () => random));

it('waits up to twice as long after each failure, never longer than the most', () => {
  expect(ceilings(1)).toEqual([100, 200, 400, 800, 1000, 1000]);
});

it('spreads the waits over all of that time', () => {
  expect(ceilings(0)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(ceilings(0.5)).toEqual([50, 100, 200, 400, 500, 500]);
  const waits = new Set(Array.from({ length: 50 }, () => backoffMs(5, 1000, 60_000)));
  expect(waits.size).toBeGreaterThan(10);
  for (const wait of waits) expect(wait).toBeLessThanOrEqual(16_000);
});
