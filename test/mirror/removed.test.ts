import { describe, expect, test } from 'vitest';

import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, type EngineOptions, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { keysOf, stateOf } from '../support/kept-store.ts';

const hour = 3_600_000;
const signature = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');
const retention = { firstMs: hour, everyMs: hour, graceMs: hour };

/** A server over an upstream of which one version is held with its provenance and one was withdrawn, and over another one. */
async function openWorld(repositories?: EngineOptions['repositories']) {
  const [nexus, late] = [new FakeUpstream(), new FakeUpstream()];
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await nexus.publish('demo', version, { provenance: signature });
  await late.publish('other', '1.0.0');
  const clock = new ManualClock();
  const store = memoryStore({ clock });
  const chartroom = await openEngine({ upstreams: { nexus, late }, repositories, store, clock, retention });
  chartroom.engine.start();
  await pass(clock, 5_000);
  const archive = await chartroom.archive('demo', '1.0.0');
  await chartroom.provenance('demo', '1.0.0');
  nexus.withdraw('demo', '1.1.0');
  for (let round = 0; round < 3; round += 1) await chartroom.operator.sync('nexus');
  await chartroom.operator.settled();
  return { nexus, late, clock, store, chartroom, archive };
}

/** When each version of an upstream was seen first. */
function datesOf(chartroom: TestEngine): readonly unknown[] {
  const all = [...chartroom.known('nexus').catalog.all()];
  return all.map(({ version, claims }) => [version, claims.map(({ since, missing }) => [since, missing])]);
}

describe('an upstream that is taken out of the configuration', () => {
  test('is listed and served no more, and nothing of it is removed from the store', async () => {
    const { late, store, chartroom } = await openWorld();
    const [before, state] = [await keysOf(store, ''), await stateOf(store)];

    await chartroom.reconfigure({ upstreams: { late } });

    expect(chartroom.versions('demo')).toEqual([]);
    expect(await faultOf(chartroom.archive('demo', '1.0.0'))).toMatchObject({ code: 'not-found' });
    expect(await keysOf(store, '')).toEqual(before);
    expect((await stateOf(store))?.upstreams['nexus']).toEqual(state?.upstreams['nexus']);
  });

  test('is there again when it comes back, whether it answers or not: dates, bytes, provenance, what was withdrawn', async () => {
    const { nexus, late, clock, chartroom, archive } = await openWorld();
    const [index, dates] = [chartroom.index, datesOf(chartroom)];
    await chartroom.reconfigure({ upstreams: { late } });
    await pass(clock, 24 * hour, hour / 2);
    nexus.down = unreachable();
    nexus.calls.length = 0;

    await chartroom.reconfigure({ upstreams: { nexus, late } });

    expect(chartroom.index).toBe(index);
    expect(chartroom.rows('demo').map(({ version, annotations }) => [version, annotations])).toEqual([
      ['1.2.0', undefined],
      ['1.1.0', { 'chartroom/withdrawn': 'true' }],
      ['1.0.0', undefined],
    ]);
    expect(datesOf(chartroom)).toEqual(dates);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
    expect(await chartroom.provenance('demo', '1.0.0')).toEqual(signature);
    expect(nexus.count('open')).toBe(0);
  });

  test('has back the names that it owned, also from who listed them meanwhile', async () => {
    const { nexus, late, clock, chartroom } = await openWorld();
    await chartroom.reconfigure({ upstreams: { late } });
    await pass(clock, hour, hour / 2);
    await late.publish('demo', '9.0.0');
    await chartroom.operator.sync('late');
    expect(chartroom.versions('demo')).toEqual(['9.0.0']);

    await chartroom.reconfigure({ upstreams: { late, nexus } });

    expect(chartroom.versions('demo')).toEqual(['1.2.0', '1.1.0', '1.0.0']);
    expect(chartroom.status('late').counts.contested).toBe(1);
  });

  test('loses nothing to the sweep, however long it is gone', async () => {
    const { nexus, late, clock, store, chartroom, archive } = await openWorld();
    const before = (await keysOf(store, '')).filter((key) => /^(?:holdings|attachments|blobs)\//.test(key));
    const { catalog, snapshot } = (await stateOf(store))?.upstreams['nexus'] ?? {};
    expect([catalog, snapshot]).toEqual([expect.any(String), expect.any(String)]);
    await chartroom.reconfigure({ upstreams: { late } });
    await pass(clock, 10 * hour, hour / 2);
    const swept = chartroom.logged.filter(({ msg }) => msg === 'what nothing names any more was swept');
    // what was swept were tables that others took the place of: it does work
    expect(swept.length).toBeGreaterThan(5);
    expect(swept.some(({ tables }) => Number(tables) > 0)).toBe(true);

    expect(await keysOf(store, '')).toEqual(expect.arrayContaining(before));
    nexus.down = unreachable();
    const again = await openEngine({ upstreams: { nexus, late }, store, clock });
    expect(await again.archive('demo', '1.0.0')).toEqual(archive);
    expect(await again.provenance('demo', '1.0.0')).toEqual(signature);
    expect(again.versions('demo')).toHaveLength(3);
  });

  test('goes on offering what is held when it comes back retired, and is never asked', async () => {
    const { nexus, late, clock, chartroom, archive } = await openWorld();
    await chartroom.reconfigure({ upstreams: { late } });
    await pass(clock, hour, hour / 2);
    nexus.calls.length = 0;

    await chartroom.reconfigure({ upstreams: { nexus: { upstream: nexus, retired: true }, late } });
    await pass(clock, 5 * hour, hour / 2);

    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
    expect(await chartroom.provenance('demo', '1.0.0')).toEqual(signature);
    expect((await faultOf(chartroom.archive('demo', '1.2.0'))).code).toBe('not-found');
    expect(nexus.calls).toEqual([]);
  });
});

describe('a repository that is taken out of the configuration', () => {
  test('answers no more, costs the store nothing, and is the same when it comes back', async () => {
    const repositories = { all: { root: true }, few: { upstreams: ['nexus'], charts: ['demo'] } };
    const { nexus, late, store, chartroom } = await openWorld(repositories);
    const index = Buffer.concat(chartroom.reader.rendering('few').identity).toString();
    const before = await keysOf(store, '');
    const upstreams = { nexus, late };

    await chartroom.reconfigure({ upstreams, repositories: { all: { root: true } } });
    expect(() => chartroom.reader.rendering('few')).toThrow();
    expect(await keysOf(store, '')).toEqual(before);

    await chartroom.reconfigure({ upstreams, repositories });
    expect(Buffer.concat(chartroom.reader.rendering('few').identity).toString()).toBe(index);
  });
});
