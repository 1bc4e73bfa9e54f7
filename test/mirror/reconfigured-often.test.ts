import { queryObjects } from 'node:v8';

import { describe, expect, test } from 'vitest';

import { Known } from '../../src/mirror/committing/known.ts';
import { Served } from '../../src/mirror/offering/served.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, type EngineOptions } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

const hour = 3_600_000;

/** How many there are that somebody still refers to. */
function alive(): { readonly known: number; readonly served: number } {
  return { known: queryObjects(Known, { format: 'count' }), served: queryObjects(Served, { format: 'count' }) };
}

describe('a server whose configuration is changed again and again', () => {
  test('keeps nothing of the earlier ones, whatever was asked of it under each, nor wakes up for them', async () => {
    const [ghcr, nexus] = [new FakeUpstream('registry'), new FakeUpstream()];
    await ghcr.publish('tagged', '1.0.0');
    for (const version of ['1.0.0', '1.1.0', '2.0.0']) await nexus.publish('demo', version);
    const configuration = (round: number): Pick<EngineOptions, 'upstreams' | 'repositories'> => ({
      upstreams: {
        ghcr: { upstream: ghcr, type: 'registry', unlisted: true, maxArchiveBytes: 1_000_000 + round },
        nexus: { upstream: nexus, mirror: 'all', maxArchiveBytes: 1_000_000 + round },
      },
      repositories: { all: { root: true, cooldownMs: hour + round }, few: { upstreams: ['nexus'], listNewest: round } },
    });
    const clock = new ManualClock();
    const chartroom = await openEngine({ ...configuration(1), clock });
    chartroom.engine.start();
    let first: { readonly asleep: number; readonly alive: ReturnType<typeof alive> } | undefined;
    for (let round = 2; round < 12; round += 1) {
      await chartroom.reconfigure(configuration(round));
      const asked = [`1.${round}.0`, '1.0.0'].flatMap((version) => [
        faultOf(chartroom.archive('tagged', version)),
        faultOf(chartroom.archive('demo', version)),
      ]);
      await pass(clock, 30_000, 5_000);
      await Promise.all(asked);
      first ??= { asleep: clock.sleeping, alive: alive() };
    }
    chartroom.beforeJob = (job) =>
      job === 'render' ? Promise.reject(new Error('the thread died')) : Promise.resolve();
    // not the error itself, whose stack refers to who was at work
    const outcome = await chartroom.reconfigure(configuration(12)).then(
      () => 'taken',
      () => 'refused',
    );
    expect(outcome).toBe('refused');
    chartroom.beforeJob = undefined;
    await pass(clock, 30_000, 5_000);

    expect(ghcr.count('find')).toBeGreaterThan(9);
    expect({ asleep: clock.sleeping, alive: alive() }).toEqual(first);
    await chartroom.engine.stop();
    expect(clock.sleeping).toBe(0);
  });
});
