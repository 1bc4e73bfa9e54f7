import fc from 'fast-check';
import { expect, test } from 'vitest';

import { everyStep, TwoServers, versions, type Step } from './images-histories.ts';

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(...everyStep),
  at: fc.constantFrom(0 as const, 1 as const),
  version: fc.constantFrom(...versions),
});

test('an archive and its provenance have one digest, which opens at every server once it was told, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const world = new TwoServers();
      await world.open();
      for (const one of steps) await world.run(one);
      // what was told can be had without any upstream
      for (const last of ['mend', 'down'] as const) await world.run({ do: last, at: 0, version: '1.0.0' });
      for (const at of [0, 1] as const) await world.run({ do: 'digest', at, version: '1.0.0' });

      expect(world.wrong).toEqual([]);
    }),
    { numRuns: 30 },
  );
}, 60_000);
