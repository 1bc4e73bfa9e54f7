import fc from 'fast-check';
import { expect, test } from 'vitest';

import { statusOf } from '../../src/chart/fault-answers.ts';
import { Fault } from '../../src/chart/fault.ts';
import type { ChartRef } from '../../src/mirror/contract/doors.ts';
import { EngineExplainer } from '../../src/mirror/explain.ts';
import type { TestEngine } from '../support/engine.ts';
import { charts, configuration, history, openWorld, versions } from './random-world.ts';

async function answered({ reader }: TestEngine, ref: ChartRef): Promise<number> {
  try {
    await reader.resolve(ref);
    return 200;
  } catch (error) {
    if (error instanceof Fault) return statusOf(error);
    throw error;
  }
}

test('what is explained is what the doors answer, whatever the rules and the past', async () => {
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(configuration, history, async (wanted, past) => {
      const { world } = await openWorld(wanted, past);
      const explainer = new EngineExplainer(world.engine);
      for (const chart of [...charts, 'ghost']) {
        for (const version of [...versions, '9.9.9']) {
          for (const repository of Object.keys(wanted.repositories)) {
            const { repositories } = await explainer.explain({ repository, chart, version });
            const ref = { repository, chart, version };
            asked += 1;
            expect({ ...ref, word: repositories[0], status: repositories[0]?.answer.status }).toMatchObject({
              status: await answered(world, ref),
            });
          }
        }
      }
    }),
    { numRuns: 60 },
  );
  expect(asked).toBeGreaterThan(1_000);
});
