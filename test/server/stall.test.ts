import { expect, onTestFinished, test } from 'vitest';

import { StallMeter } from '../../src/server/stall.ts';
import { standStill } from './stall.ts';

function startedMeter(): StallMeter {
  const meter = new StallMeter();
  meter.start();
  onTestFinished(() => meter.stop());
  return meter;
}

test('a loop that stood still is seen', async () => {
  const meter = startedMeter();
  await standStill();

  expect(meter.take()).toBeGreaterThan(0.03);
});

test('what was told once is not told again', async () => {
  const meter = startedMeter();
  await standStill();
  meter.take();

  expect(meter.take()).toBe(0);
});

test('a meter that is not started yet sees nothing', async () => {
  const meter = new StallMeter();
  await standStill();

  expect(meter.take()).toBe(0);
});

test('a meter that was stopped sees nothing more', async () => {
  const meter = startedMeter();
  await standStill();
  meter.take();
  meter.stop();
  await standStill();

  expect(meter.take()).toBe(0);
});
