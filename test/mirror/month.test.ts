import { expect, test } from 'vitest';

import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

const hour = 3_600_000;
const signed = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: demo\n');

/** Everything that was ever seen, read again: the index to the byte, archives and provenance. */
async function readAll(chartroom: TestEngine, index: string, all: readonly FakeUpstream[]): Promise<void> {
  expect(chartroom.index).toBe(index);
  for (const { chart, version, archive } of all.flatMap(({ rows }) => rows)) {
    expect(await chartroom.archive(chart, version)).toEqual(archive);
    expect(await chartroom.provenance(chart, version)).toEqual(signed);
  }
}

test('a month without any upstream: every read is good, over a restart, and the log is not flooded', async () => {
  const [store, clock] = [memoryStore(), new ManualClock(undefined, 5 * 60_000)];
  const [nexus, ghcr] = [new FakeUpstream(), new FakeUpstream('registry')];
  for (const version of ['1.0.0', '1.1.0', '2.0.0']) {
    await nexus.publish('demo', version, { provenance: signed });
    await ghcr.publish('other', version, { provenance: signed });
  }
  const upstreams = {
    nexus: { upstream: nexus, mirror: 'all' as const },
    ghcr: { upstream: ghcr, type: 'registry', mirror: 'all' as const },
  };
  const start = async (): Promise<TestEngine> => {
    const chartroom = await openEngine({ upstreams, store, clock, maxHotBytes: 1 });
    chartroom.engine.start();
    await turn();
    return chartroom;
  };
  let chartroom = await start();
  await pass(clock, hour, 5 * 60_000);
  const { index } = chartroom;
  await readAll(chartroom, index, [nexus, ghcr]);

  nexus.down = ghcr.down = unreachable({ timedOut: true });
  const logged: number[] = [];
  for (let day = 1; day <= 30; day += 1) {
    await pass(clock, 24 * hour, hour);
    await readAll(chartroom, index, [nexus, ghcr]);
    if (day % 10 === 0) {
      // two upstreams that fail every few minutes: a line for each attempt
      logged.push(chartroom.logged.filter(({ level }) => level >= 40).length);
      expect(chartroom.logged.filter(({ level }) => level >= 50)).toEqual([]);
      await chartroom.engine.stop();
      chartroom = await start();
      expect(chartroom.operator.readiness().ready).toBe(true);
    }
  }
  expect((await faultOf(chartroom.archive('demo', '9.9.9'))).code).toBe('upstream-unreachable');
  expect(chartroom.status('nexus')).toMatchObject({ state: 'failing', counts: { held: 3, withdrawn: 0 } });
  expect(Math.max(...logged)).toBeLessThanOrEqual(10 * 24 * 2 * 13);

  nexus.down = ghcr.down = undefined;
  await nexus.publish('demo', '3.0.0', { provenance: signed });
  await pass(clock, 15 * 60_000, 5 * 60_000);
  expect(chartroom.versions('demo')).toEqual(['3.0.0', '2.0.0', '1.1.0', '1.0.0']);
  expect(chartroom.status('ghcr').state).toBe('ok');
  await chartroom.engine.stop();
});
