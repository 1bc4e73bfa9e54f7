import { describe, expect, it } from 'vitest';

import { systemClock, timestamp } from '../../src/lib/clock.ts';
import { runOk } from '../support/process.ts';

describe("the machine's clock", () => {
  it('tells the time, and sleeps', async () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
    const before = systemClock.elapsed();
    await systemClock.sleep(20);
    expect(systemClock.elapsed() - before).toBeGreaterThanOrEqual(15);
  });

  it("wakes with the signal's own reason when it is told to, also before it slept", async () => {
    const reason = new Error('enough');
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const asleep = systemClock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(asleep).rejects.toBe(reason);
  });

  it('keeps no process alive by its sleep', async () => {
    const script = "const { systemClock } = await import('./src/lib/clock.ts'); void systemClock.sleep(3_600_000);";
    await runOk(process.execPath, ['--input-type=module', '--eval', script]);
  });
});

it('a time is written in UTC with whole seconds, never later than it is', () => {
  expect(timestamp(Date.parse('2026-01-01T02:00:00.999+02:00'))).toBe('2026-01-01T00:00:00Z');
});
