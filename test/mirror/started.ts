import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, type EngineOptions, type TestEngine } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

/** An upstream with these versions of one chart. */
export async function upstreamWith(...versions: readonly string[]): Promise<FakeUpstream> {
  const upstream = new FakeUpstream();
  for (const version of versions) await upstream.publish('demo', version);
  return upstream;
}

/** An engine that works, on a clock that stands still. */
export async function started(options: Omit<EngineOptions, 'clock'>, clock = new ManualClock()): Promise<TestEngine> {
  const chartroom = await openEngine({ ...options, clock });
  chartroom.engine.start();
  await pass(clock, 1_000);
  return chartroom;
}
