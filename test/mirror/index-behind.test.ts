import { expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { openEngine, pass } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

test('what was measured is in the index a moment later also when looking it over failed once', async () => {
  const upstream = new FakeUpstream();
  const { archive = Buffer.alloc(0) } = await upstream.publish('demo', '1.0.0', { digest: undefined });
  let threadDies = false;
  const beforeJob = (job: string) => {
    if (!threadDies || job !== 'survey') return;
    threadDies = false;
    throw new Error('the thread died');
  };
  const chartroom = await openEngine({ upstreams: { nexus: upstream }, store: memoryStore(), beforeJob });
  await chartroom.timedSync('nexus');
  await chartroom.archive('demo', '1.0.0');
  threadDies = true;
  await expect(chartroom.engine.settled()).rejects.toThrow('the thread died');
  expect(chartroom.rows('demo')[0]?.digest).toBeUndefined();

  chartroom.engine.start();
  await pass(chartroom.clock, 10_000);

  expect(`sha256:${chartroom.rows('demo')[0]?.digest}`).toBe(digestOf(archive));
  await chartroom.engine.stop();
});
