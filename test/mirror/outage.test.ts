import { expect, test } from 'vitest';

import { openEngine, pass, storeGone, turn, watchedStore } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

const minute = 60_000;

/** A server whose store is gone for an hour and comes back. */
async function afterAnHourWithoutStore() {
  const upstream = new FakeUpstream();
  for (const version of ['1.0.0', '1.1.0']) await upstream.publish('demo', version);
  const store = watchedStore();
  const chartroom = await openEngine({ upstreams: { nexus: { upstream, mirror: 'all' } }, store });
  chartroom.engine.start();
  await turn();
  await pass(chartroom.clock, minute, 5_000);
  await upstream.publish('demo', '2.0.0');
  chartroom.logged.splice(0);
  store.beforeRead = store.beforeWrite = storeGone;
  await pass(chartroom.clock, 60 * minute, 10_000);
  store.beforeRead = store.beforeWrite = undefined;
  return { upstream, store, chartroom };
}

test('a store that is gone for an hour is made up for within an interval, without a restart', async () => {
  const { upstream, chartroom } = await afterAnHourWithoutStore();
  expect(chartroom.versions('demo')).toEqual(['1.1.0', '1.0.0']);
  for (const { version, archive } of upstream.rows.slice(0, 2)) {
    expect(await chartroom.archive('demo', version)).toEqual(archive);
  }

  await pass(chartroom.clock, 125_000, 5_000);

  expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.1.0', '1.0.0']);
  expect(await chartroom.archive('demo', '2.0.0')).toEqual(upstream.rows[2]?.archive);
  expect(chartroom.status('nexus').state).toBe('ok');
  expect(chartroom.operator.holdsLease()).toBe(true);
  await chartroom.engine.stop();
});

test('a store that is gone is a few lines a minute in the log at most', async () => {
  const { chartroom } = await afterAnHourWithoutStore();

  expect(chartroom.logged.filter(({ level }) => level >= 40).length).toBeLessThanOrEqual(60 * 4);
  await chartroom.engine.stop();
});
