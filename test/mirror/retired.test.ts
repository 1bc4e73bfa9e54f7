import { describe, expect, test } from 'vitest';

import { blobKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

const hour = 3_600_000;

/** An upstream of which one version of two is held, and which is retired then. */
async function retired(kind: 'chart-repository' | 'registry' = 'chart-repository') {
  const upstream = new FakeUpstream(kind);
  const signed = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: demo\n');
  for (const version of ['1.0.0', '1.1.0']) await upstream.publish('demo', version, { provenance: signed });
  await upstream.publish('unheld', '1.0.0');
  const store = memoryStore();
  const settings = { upstream, type: kind, intervalMs: 10_000 };
  const before = await openEngine({ upstreams: { nexus: settings }, store });
  await before.operator.sync('nexus');
  const archive = await before.archive('demo', '1.0.0');
  await before.provenance('demo', '1.0.0');
  await before.engine.stop();
  upstream.calls.length = 0;
  const upstreams = { nexus: { ...settings, mirror: 'all' as const, retired: true } };
  const chartroom = await openEngine({ upstreams, store, maxHotBytes: 1 });
  chartroom.engine.start();
  await turn();
  return { upstream, chartroom, store, settings, archive, signed };
}

describe.each(['chart-repository', 'registry'] as const)('a retired %s', (kind) => {
  test('is never contacted: not by its timer, not for a miss, not to fill, not to restore', async () => {
    const { upstream, chartroom, store, archive } = await retired(kind);
    await upstream.publish('demo', '2.0.0');
    await pass(chartroom.clock, 30 * hour, hour);

    expect((await faultOf(chartroom.archive('demo', '2.0.0'))).code).toBe('not-found');
    expect((await faultOf(chartroom.archive('fresh', '1.0.0'))).code).toBe('not-found');
    expect((await faultOf(chartroom.archive('unheld', '1.0.0'))).code).toBe('not-found');
    expect((await faultOf(chartroom.operator.sync('nexus'))).code).toBe('listing-refused');
    await store.remove(blobKey((await chartroom.reader.resolve(ref('1.0.0'))).archive.digest));
    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('store-failed');
    await chartroom.operator.settled();

    expect(upstream.calls).toEqual([]);
    expect(archive.length).toBeGreaterThan(0);
    await chartroom.engine.stop();
  });

  test('goes on offering all that is held, with its provenance, and lists nothing else', async () => {
    const { upstream, chartroom, archive, signed } = await retired(kind);
    await pass(chartroom.clock, hour, hour);

    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(chartroom.versions('unheld')).toEqual([]);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
    expect(await chartroom.provenance('demo', '1.0.0')).toEqual(signed);
    expect(chartroom.status('nexus')).toMatchObject({ schedule: 'retired', state: 'ok', counts: { held: 1 } });
    expect(chartroom.status('nexus').nextAttempt).toBeUndefined();
    expect(chartroom.operator.readiness().ready).toBe(true);
    expect(upstream.calls).toEqual([]);
    await chartroom.engine.stop();
  });

  test('that is not retired any more has back all that it listed', async () => {
    const { chartroom, store, settings } = await retired(kind);
    await chartroom.engine.stop();

    const again = await openEngine({ upstreams: { nexus: settings }, store });

    expect(again.versions('demo')).toEqual(['1.1.0', '1.0.0']);
    expect(again.versions('unheld')).toEqual(['1.0.0']);
  });
});

function ref(version: string) {
  return { repository: 'all', chart: 'demo', version };
}

test('an upstream is ok after it was retired by a reload, and says of no success once the store knows nothing of it', async () => {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const other = new FakeUpstream();
  const chartroom = await openEngine({ upstreams: { nexus: upstream, other } });
  await chartroom.operator.sync('nexus');
  await chartroom.reconfigure({ upstreams: { nexus: { upstream, retired: true }, other } });
  expect(chartroom.status('nexus')).toMatchObject({ state: 'ok', lastSuccess: '2026-01-01T00:00:00Z' });

  chartroom.engine.known[0]?.forget();
  const { state, lastSuccess } = chartroom.status('nexus');
  expect({ state, lastSuccess }).toEqual({ state: 'never', lastSuccess: undefined });
});

test('what one retired upstream held is kept from another that lists the same name', async () => {
  const { chartroom, store, settings } = await retired();
  await chartroom.engine.stop();
  const other = new FakeUpstream();
  await other.publish('demo', '9.0.0');
  await other.publish('unheld', '9.0.0');

  const clock = new ManualClock(Date.parse('2026-01-03T00:00:00Z'));
  const again = await openEngine({ upstreams: { other, nexus: { ...settings, retired: true } }, store, clock });
  await again.operator.sync('other');

  expect(again.versions('demo')).toEqual(['1.0.0']);
  await again.engine.stop();
});
