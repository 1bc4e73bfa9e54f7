import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { openEngine, pass, turn } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

async function listed(...versions: readonly string[]) {
  const upstream = new FakeUpstream();
  for (const version of versions) await upstream.publish('demo', version);
  const chartroom = await openEngine({ upstreams: { nexus: upstream } });
  const sync = () => chartroom.operator.sync('nexus');
  return { upstream, chartroom, sync };
}

describe('what upstream withdraws', () => {
  test('stays listed and served, and says so after three good answers without it', async () => {
    const { upstream, chartroom, sync } = await listed('1.0.0', '1.1.0');
    await sync();
    const bytes = await chartroom.archive('demo', '1.0.0');
    upstream.withdraw('demo', '1.0.0');

    const reports = [await sync(), await sync(), await sync(), await sync()];

    // the second and later answers are "unchanged"
    expect(reports.map(({ withdrawn }) => withdrawn)).toEqual([0, 0, 1, 0]);
    expect(reports.map(({ unchanged }) => unchanged)).toEqual([false, false, false, true]);
    expect(chartroom.rows('demo')[1]).toMatchObject({
      version: '1.0.0',
      annotations: { 'chartroom/withdrawn': 'true' },
    });
    expect(chartroom.status('nexus').counts).toMatchObject({ versions: 2, withdrawn: 1 });
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(bytes);
  });

  test('is not withdrawn by answers that were none', async () => {
    const { upstream, chartroom, sync } = await listed('1.0.0', '1.1.0');
    await sync();
    upstream.withdraw('demo', '1.0.0');
    await sync();
    upstream.down = unreachable();
    for (let times = 0; times < 5; times += 1) await faultOf(sync());

    expect(chartroom.status('nexus').counts.withdrawn).toBe(0);
  });

  test('and lists again is as it was', async () => {
    const { upstream, chartroom, sync } = await listed('1.0.0', '1.1.0');
    await sync();
    const before = chartroom.index;
    const rows = upstream.rows;
    upstream.rows = rows.slice(1);
    for (let times = 0; times < 3; times += 1) await sync();
    expect(chartroom.index).not.toBe(before);
    upstream.rows = rows;

    await sync();

    expect(chartroom.index).toBe(before);
  });
});

describe('what upstream rewrites', () => {
  test.each([
    ['long ago', 10_000],
    ['a moment ago', 0],
  ])('keeps the bytes and the digest that were held first, %s, and is counted', async (_, agoMs) => {
    const { upstream, chartroom, sync } = await listed('1.0.0');
    await sync();
    const bytes = await chartroom.archive('demo', '1.0.0');
    await pass(chartroom.clock, agoMs);
    const before = chartroom.index;
    upstream.rows = [];
    const other = Buffer.from('other bytes');
    await upstream.publish('demo', '1.0.0', { archive: other });

    const report = await sync();

    expect(report.rewritten).toBe(1);
    expect(chartroom.index).toBe(before);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(bytes);
    await pass(chartroom.clock, 10_000);
    expect(chartroom.index).toBe(before);
    expect(chartroom.status('nexus').counts.rewritten).toBe(1);
  });

  test('before anybody fetched it follows the upstream', async () => {
    const { upstream, chartroom, sync } = await listed('1.0.0');
    await sync();
    upstream.rows = [];
    const { digest } = await upstream.publish('demo', '1.0.0', { archive: Buffer.from('other bytes') });

    await sync();

    expect(`sha256:${chartroom.rows('demo')[0]?.digest}`).toBe(digest);
  });
});

describe('several rows for one version', () => {
  test('are one row without a digest while they disagree; any promised digest is accepted, and shown once held', async () => {
    const { upstream, chartroom, sync } = await listed('1.0.0');
    await upstream.publish('demo', '1.0.0', {
      source: 'second',
      archive: undefined,
      digest: digestOf(Buffer.from('x')),
    });
    await sync();
    expect(chartroom.rows('demo')).toHaveLength(1);
    expect(chartroom.rows('demo')[0]?.digest).toBeUndefined();

    const bytes = await chartroom.archive('demo', '1.0.0');
    await pass(chartroom.clock, 10_000);

    expect(`sha256:${chartroom.rows('demo')[0]?.digest}`).toBe(digestOf(bytes));
  });

  test('are tried one after the other until one has the bytes', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0', { source: 'lost', archive: undefined, digest: digestOf(Buffer.from('x')) });
    const { archive } = await upstream.publish('demo', '1.0.0', { source: 'there' });
    const chartroom = await openEngine({ upstreams: { nexus: upstream } });
    await chartroom.operator.sync('nexus');

    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
  });
});

describe('a digest that upstream does not say', () => {
  test('is in the index ten seconds after the archive came, and stays as it is', async () => {
    const { upstream, chartroom, sync } = await listed();
    await upstream.publish('demo', '1.0.0', { digest: undefined });
    await sync();
    expect(chartroom.rows('demo')[0]?.digest).toBeUndefined();

    const bytes = await chartroom.archive('demo', '1.0.0');
    await pass(chartroom.clock, 10_000);

    expect(`sha256:${chartroom.rows('demo')[0]?.digest}`).toBe(digestOf(bytes));
    const before = chartroom.index;
    upstream.conditional = false;
    await sync();
    await turn();
    expect(chartroom.index).toBe(before);
  });
});
