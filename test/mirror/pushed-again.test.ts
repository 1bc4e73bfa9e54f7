import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine, pass } from '../support/engine.ts';
import { FakeUpstream, type Row } from '../support/fake-upstream.ts';

/** A registry with one tag that was listed and described. */
async function registry(row: Partial<Row> = {}) {
  const upstream = new FakeUpstream('registry');
  await upstream.publish('demo', '0.9.0');
  await upstream.publish('demo', '1.0.0', row);
  const chartroom = await openEngine({ upstreams: { ghcr: { upstream, type: 'registry' } } });
  await chartroom.operator.sync('ghcr');
  const pushAgain = async () => {
    const archive = await chartArchive({ name: 'demo', version: '1.0.0' }, { 'README.md': 'again' });
    upstream.rows = upstream.rows.filter(({ version }) => version !== '1.0.0');
    await upstream.publish('demo', '1.0.0', { archive });
    return archive;
  };
  return { upstream, chartroom, pushAgain };
}

describe('a tag that is pushed again', () => {
  test('as a chart, after it was none, can be had by its name', async () => {
    const { chartroom, pushAgain } = await registry({ notAChart: true });
    const archive = await pushAgain();
    await pass(chartroom.clock, 30_000, 5_000);

    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
  });

  // the description stays pinned to what the tag was until its turn to be looked at comes, a day later
  test('before anybody fetched it is had as it is now', async () => {
    const { chartroom, pushAgain } = await registry();
    const archive = await pushAgain();
    await pass(chartroom.clock, 30_000, 5_000);

    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
    await pass(chartroom.clock, 10_000, 10_000);
    const row = chartroom.rows('demo').find(({ version }) => version === '1.0.0');
    expect(`sha256:${row?.digest}`).toBe(digestOf(archive));
  });

  test('after it was withdrawn is listed again, and its held bytes stay', async () => {
    const { upstream, chartroom, pushAgain } = await registry();
    const first = await chartroom.archive('demo', '1.0.0');
    upstream.withdraw('demo', '1.0.0');
    for (let times = 0; times < 3; times += 1) await chartroom.operator.sync('ghcr');
    expect(chartroom.status('ghcr').counts.withdrawn).toBe(1);
    await pushAgain();
    await chartroom.operator.sync('ghcr');

    expect(chartroom.status('ghcr').counts.withdrawn).toBe(0);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(first);
  });
});
