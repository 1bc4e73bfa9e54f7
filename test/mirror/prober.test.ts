import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import type { Prober, Trial } from '../../src/mirror/contract/commands.ts';
import { prober } from '../../src/mirror/prober.ts';
import type { UpstreamSettings } from '../../src/mirror/settings.ts';
import { ManualClock } from '../support/clock.ts';
import { storeGone } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { never } from '../support/http.ts';

interface Asked {
  readonly prepareStore?: () => Promise<void>;
  readonly clock?: ManualClock;
}

type Place = readonly [upstream: FakeUpstream, more?: Partial<UpstreamSettings>];

/** A prober of fakes by name, and of a store that is there. */
function proberOf(places: Readonly<Record<string, Place>>, asked: Asked = {}): Prober {
  const { prepareStore = () => Promise.resolve(), clock = new ManualClock() } = asked;
  const upstreams = Object.entries(places).map(([name, [upstream, more]]) => ({
    settings: settingsOf(name, upstream, more),
    authenticatedBy: () => `the key of ${name}`,
  }));
  return prober({ upstreams, storeKind: 'memory', prepareStore, clock });
}

function settingsOf(name: string, upstream: FakeUpstream, more: Partial<UpstreamSettings> = {}): UpstreamSettings {
  return {
    name,
    type: 'chart-repository',
    url: `https://${name}.example`,
    upstream,
    intervalMs: 120_000,
    retired: false,
    withdrawn: 'keep',
    rewritten: 'refuse',
    maxShrink: 0.5,
    warnings: [],
    mirror: 'all',
    concurrency: 4,
    retries: 1,
    maxArchiveBytes: 1024,
    unlisted: false,
    charts: ['*'],
    versions: [],
    ...more,
  };
}

async function upstreamWith(...charts: readonly string[]): Promise<FakeUpstream> {
  const upstream = new FakeUpstream();
  for (const chart of charts) await upstream.publish(chart, '1.0.0');
  return upstream;
}

async function first(trials: Promise<readonly Trial[]>): Promise<Trial | undefined> {
  return (await trials)[0];
}

describe('probing', () => {
  test('says of every upstream in order what authenticated and how many charts it has, and of the store that it is there', async () => {
    const places: Record<string, Place> = {
      nexus: [await upstreamWith('demo', 'podinfo')],
      ghcr: [await upstreamWith('demo')],
    };

    expect(await proberOf(places).probe(never)).toEqual([
      { name: 'nexus', type: 'chart-repository', authenticatedBy: 'the key of nexus', charts: 2, durationMs: 0 },
      { name: 'ghcr', type: 'chart-repository', authenticatedBy: 'the key of ghcr', charts: 1, durationMs: 0 },
      { name: 'store', type: 'memory', durationMs: 0 },
    ]);
  });

  test('does not count names of a registry that turn out to be images, and says when nothing else is there', async () => {
    const mixed = new FakeUpstream('registry');
    await mixed.publish('demo', '1.0.0');
    await mixed.publish('web', '2.0.0');
    mixed.rows = mixed.rows.map((row) => (row.chart === 'web' ? { ...row, notAChart: true } : row));
    const images = new FakeUpstream('registry');
    images.rows = mixed.rows.filter((row) => row.chart === 'web');

    const [some, none] = await proberOf({ mixed: [mixed], images: [images] }).probe(never);

    expect(some).toMatchObject({ charts: 1 });
    expect(none).toMatchObject({ fault: { code: 'no-charts-found' } });
  });

  test('counts a chart once however many versions it has, and none that the configuration leaves out', async () => {
    const nexus = await upstreamWith('demo', 'podinfo', 'legacy-demo');
    await nexus.publish('demo', '2.0.0');

    expect(await first(proberOf({ nexus: [nexus, { charts: ['*', '!legacy-*'] }] }).probe(never))).toMatchObject({
      charts: 2,
    });
  });

  test('asks for one listing and nothing else', async () => {
    const nexus = await upstreamWith('demo');
    await proberOf({ nexus: [nexus] }).probe(never);

    expect(nexus.calls).toEqual(['list']);
  });

  test('leaves retired upstreams alone', async () => {
    const old = await upstreamWith('demo');

    expect(await proberOf({ old: [old, { retired: true }] }).probe(never)).toMatchObject([{ name: 'store' }]);
    expect(old.calls).toEqual([]);
  });

  test('knows no number of charts of a registry that is asked by name only', async () => {
    const trial = await first(proberOf({ ghcr: [new FakeUpstream('registry'), { unlisted: true }] }).probe(never));

    expect(trial).toMatchObject({ name: 'ghcr', charts: undefined });
    expect(trial?.fault).toBeUndefined();
  });

  test.each([
    ['it lists no charts', [], ['*']],
    ['nothing it lists is a chart we are to offer', ['demo'], ['podinfo']],
  ])('finds fault with an upstream of which nothing would be offered: %s', async (what, listed, charts) => {
    const nexus = await upstreamWith(...listed);

    expect(await first(proberOf({ nexus: [nexus, { charts }] }).probe(never))).toMatchObject({
      fault: { code: 'no-charts-found', message: `nexus: ${what}.` },
    });
  });

  test('says what is wrong with one upstream, and asks the others all the same', async () => {
    const down = new FakeUpstream();
    down.down = new Fault('upstream-unreachable', 'nexus: no answer.', 'Check the address.');
    const trials = await proberOf({ nexus: [down], ghcr: [await upstreamWith('demo')] }).probe(never);

    expect(trials[0]).toMatchObject({
      authenticatedBy: 'the key of nexus',
      fault: { code: 'upstream-unreachable', message: 'nexus: no answer.', advice: 'Check the address.' },
    });
    expect(trials[1]).toMatchObject({ charts: 1 });
  });

  test('names the upstream of a defect', async () => {
    const nexus = new FakeUpstream();
    nexus.before.list = () => Promise.reject(new Error('nobody foresaw this'));

    expect(await first(proberOf({ nexus: [nexus] }).probe(never))).toMatchObject({
      fault: { code: 'upstream-failed', message: expect.stringMatching(/^nexus: .*nobody foresaw this/) as string },
    });
  });

  test('says what is wrong with the store', async () => {
    const trials = await proberOf({}, { prepareStore: async () => storeGone() }).probe(never);

    expect(trials).toMatchObject([{ name: 'store', type: 'memory', fault: { code: 'store-failed' } }]);
  });

  test('asks all of them at once, and says how long each took', async () => {
    const clock = new ManualClock();
    const waits = { nexus: 3_000, ghcr: 2_000 };
    const [nexus, ghcr] = [await upstreamWith('demo'), await upstreamWith('demo')];
    nexus.before.list = () => clock.sleep(waits.nexus);
    ghcr.before.list = () => clock.sleep(waits.ghcr);
    const prepareStore = (): Promise<void> => clock.sleep(1_000);
    const trials = proberOf({ nexus: [nexus], ghcr: [ghcr] }, { clock, prepareStore }).probe(never);
    expect(clock.sleeping).toBe(3);
    await clock.advance(3_000);

    expect((await trials).map(({ durationMs }) => durationMs)).toEqual([3_000, 2_000, 1_000]);
  });

  test('rejects with the reason of a signal that ended it', async () => {
    const stopping = new AbortController();
    const nexus = await upstreamWith('demo');
    nexus.before.list = () => stopping.abort(new Error('SIGINT'));

    await expect(proberOf({ nexus: [nexus] }).probe(stopping.signal)).rejects.toThrow('SIGINT');
  });
});
