import { expect, test } from 'vitest';

import { openEngine, pass, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { FakeJudge, requiring, signedBy } from '../support/verifying.ts';

const minuteMs = 60_000;
const asked = 'open provenance demo-1.0.0';

/** A server that was given a provenance which its keyring does not take. */
async function refusing(): Promise<{ upstream: FakeUpstream; chartroom: TestEngine; options: object }> {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0', { provenance: signedBy('mallory') });
  const options = {
    upstreams: { nexus: { upstream, mirror: 'all' as const, verify: requiring('alice') } },
    judge: new FakeJudge().judge,
    store: watchedStore(),
  };
  const chartroom = await openEngine(options);
  chartroom.engine.start();
  await pass(chartroom.clock, 30_000, 5_000);
  return { upstream, chartroom, options };
}

function publish(upstream: FakeUpstream, provenance: Buffer): void {
  upstream.rows = upstream.rows.map((row) => ({ ...row, provenance }));
}

async function ask(chartroom: TestEngine): Promise<string> {
  return (await faultOf(Promise.resolve().then(() => chartroom.archive('demo', '1.0.0')))).code;
}

test('a provenance that its publisher mended is taken when somebody asks, on every replica and for good', async () => {
  const { upstream, chartroom, options } = await refusing();
  const mended = signedBy('alice');
  publish(upstream, mended);

  expect(await ask(chartroom)).toBe('provenance-invalid');
  await pass(chartroom.clock, 15_000, 1_000);
  expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  expect(await chartroom.archive('demo', '1.0.0')).toBeInstanceOf(Buffer);
  expect(await chartroom.provenance('demo', '1.0.0')).toEqual(mended);
  await chartroom.engine.stop();

  const other = await openEngine({ ...options, upstreams: { nexus: { upstream, verify: requiring('alice') } } });
  expect(other.versions('demo')).toEqual(['1.0.0']);
  expect(await other.provenance('demo', '1.0.0')).toEqual(mended);
});

test('another one that is no better is not taken, and upstream is asked every ten minutes at most', async () => {
  const { upstream, chartroom } = await refusing();
  publish(upstream, signedBy('eve'));
  const before = upstream.count(asked);

  for (let minutes = 0; minutes < 25; minutes += 1) {
    expect(await ask(chartroom)).toBe('provenance-invalid');
    await pass(chartroom.clock, minuteMs, 20_000);
  }
  expect(upstream.count(asked) - before).toBe(3);
  expect(chartroom.versions('demo')).toEqual([]);
  expect(chartroom.known('nexus').held('demo', '1.0.0')?.verdict).toMatchObject({ result: 'invalid' });
});

test('nobody waits for an upstream that is asked for a better one and does not answer', async () => {
  const { upstream, chartroom } = await refusing();
  upstream.down = unreachable();

  expect(await ask(chartroom)).toBe('provenance-invalid');
  await pass(chartroom.clock, 5_000, 1_000);
  expect(await ask(chartroom)).toBe('provenance-invalid');
});
