import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { mediaTypes } from '../../src/formats/oci-manifest.ts';
import { openEngine, pass, storeGone, watchedStore, type EngineOptions } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { bytesOf, pull } from '../support/pulled-image.ts';

const demo = { repository: 'all', chart: 'demo' };
const signature = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');

async function open(kind: 'chart-repository' | 'registry' = 'chart-repository', more: Partial<EngineOptions> = {}) {
  const upstream = new FakeUpstream(kind);
  const row = await upstream.publish('demo', '1.0.0', { provenance: signature });
  await upstream.publish('demo', '1.1.0+build.7');
  const store = watchedStore();
  const options = { upstreams: { nexus: { upstream, type: kind } }, store, ...more };
  const chartroom = await openEngine(options);
  await chartroom.operator.sync('nexus');
  await chartroom.operator.settled();
  return { upstream, row, options, store, chartroom, images: chartroom.images };
}

describe('the image of a chart from a chart repository', () => {
  test('has its archive, its provenance and what its Chart.yaml says', async () => {
    const { images, row } = await open();
    const { config, layers, mediaType } = await pull(images, demo, '1.0.0');

    expect(mediaType).toBe(mediaTypes.manifest);
    expect(layers.get(mediaTypes.chartLayer)).toEqual(row.archive);
    expect(layers.get(mediaTypes.provenanceLayer)).toEqual(signature);
    expect(JSON.parse(config.toString())).toMatchObject({ name: 'demo', version: '1.0.0' });
  });

  test('has no provenance where upstream has none', async () => {
    const { images } = await open();
    const { layers } = await pull(images, demo, '1.1.0_build.7');

    expect([...layers.keys()]).toEqual([mediaTypes.chartLayer]);
  });

  test('is the same by its digest, and warm without waiting for anything', async () => {
    const { images } = await open();
    const { digest, manifest, config, layers } = await pull(images, demo, '1.0.0');
    await images.manifest(demo, digest);

    expect(images.tagged(demo, '1.0.0')).toMatchObject({ bytes: manifest });
    expect(images.manifest(demo, digest)).toMatchObject({ bytes: manifest, descriptor: { digest } });
    for (const bytes of [config, ...layers.values()]) {
      const found = images.blob(demo, digestOf(bytes));
      if (found instanceof Promise) throw new Error('it is not warm');
      expect(found.open()).toMatchObject({ body: bytes });
      expect(found.open({ start: 2, end: 5 })).toMatchObject({
        size: 4,
        total: bytes.length,
        body: bytes.subarray(2, 6),
      });
    }
  });

  test('is derived once however many ask', async () => {
    const { images, store } = await open();
    const all = await Promise.all(Array.from({ length: 20 }, () => pull(images, demo, '1.0.0')));

    expect(new Set(all.map(({ digest }) => digest)).size).toBe(1);
    expect(store.writes.filter((key) => key.startsWith('derived/'))).toHaveLength(1);
  });

  test('is committed before it is told', async () => {
    const { images, options } = await open();
    const { descriptor } = await images.tagged(demo, '1.0.0');
    const later = await openEngine(options);

    expect(await later.images.manifest(demo, descriptor.digest)).toMatchObject({ descriptor });
  });

  test('goes on without its provenance while upstream does not say whether there is one, and is asked again later', async () => {
    const { images, upstream, chartroom } = await open();
    await chartroom.archive('demo', '1.0.0');
    upstream.down = unreachable();
    const unsigned = await pull(images, demo, '1.0.0');
    expect([...unsigned.layers.keys()]).toEqual([mediaTypes.chartLayer]);
    const asked = upstream.count('open provenance');
    await pull(images, demo, '1.0.0');
    expect(upstream.count('open provenance')).toBe(asked);

    upstream.down = undefined;
    await pass(chartroom.clock, 61_000, 1_000);
    const signed = await pull(images, demo, '1.0.0');

    expect(signed.layers.get(mediaTypes.provenanceLayer)).toEqual(signature);
    expect(signed.config).toEqual(unsigned.config);
    expect((await pull(images, demo, unsigned.digest)).manifest).toEqual(unsigned.manifest);
    expect((await pull(images, demo, signed.digest)).manifest).toEqual(signed.manifest);
  });

  test('does not wait for a provenance that takes long', async () => {
    const { images, upstream, chartroom } = await open();
    await chartroom.archive('demo', '1.0.0');
    upstream.before.open = () => new Promise(() => undefined);
    const told = pull(images, demo, '1.0.0');
    await pass(chartroom.clock, 5_000);

    expect([...(await told).layers.keys()]).toEqual([mediaTypes.chartLayer]);
  });
});

describe('the image of a chart from a registry', () => {
  test('is the manifest and the config that the registry has', async () => {
    const { images, row } = await open('registry');
    const { bytes, descriptor } = await images.tagged(demo, '1.0.0');
    const config = digestOf(Buffer.from(`{"config":"${row.source}"}`));

    expect(bytes.toString()).toBe(`{"manifest":"${row.source}","layer":"${row.digest}"}`);
    expect(images.manifest(demo, descriptor.digest)).toMatchObject({ bytes });
    expect((await bytesOf(await images.blob(demo, config))).toString()).toBe(`{"config":"${row.source}"}`);
    expect(await bytesOf(await images.blob(demo, digestOf(row.archive ?? signature)))).toEqual(row.archive);
    expect(await bytesOf(await images.blob(demo, digestOf(signature)))).toEqual(signature);
  });

  test('can be had by the digest that it was described with, although nobody asked for its tag', async () => {
    const { images, row } = await open('registry');
    const digest = digestOf(Buffer.from(`{"manifest":"${row.source}","layer":"${row.digest}"}`));

    expect((await images.manifest(demo, digest)).descriptor.digest).toBe(digest);
  });

  test('is not said to be missing while its tags are not described', async () => {
    const upstream = new FakeUpstream('registry');
    await upstream.publish('demo', '1.0.0');
    await upstream.publish('ready', '1.0.0');
    upstream.before.describe = (call) => (call.includes('demo') ? new Promise(() => undefined) : undefined);
    const chartroom = await openEngine({ upstreams: { ghcr: { upstream, type: 'registry' } } });
    const synced = chartroom.operator.sync('ghcr');
    await pass(chartroom.clock, 20_000);
    await synced;
    const asked = faultOf(pull(chartroom.images, demo, digestOf(signature)));
    await pass(chartroom.clock, 1_000);

    expect(await asked).toMatchObject({ code: 'unavailable', retryAfterMs: 5_000 });
  });
});

describe('a tag', () => {
  test.each(['latest', '1.0', '1.0.0-', 'v9', 'sha256-0'])(
    '%s that no version stands for is not found',
    async (tag) => {
      const { images } = await open();
      expect((await faultOf(pull(images, demo, tag))).code).toBe('not-found');
    },
  );

  test('that nobody listed is asked for upstream', async () => {
    const { images, upstream } = await open('registry');
    await upstream.publish('demo', '2.0.0');

    expect((await images.tagged(demo, '2.0.0')).bytes.toString()).toContain('demo-2.0.0');
  });

  test('is what upstream did not answer, never absent', async () => {
    const { images, upstream } = await open();
    upstream.down = unreachable();
    expect((await faultOf(pull(images, demo, '1.0.0'))).code).toBe('upstream-unreachable');
  });
});

describe('lists', () => {
  test('have the charts and tags that the index has, in order, as the same list while nothing changes', async () => {
    const { images, upstream, chartroom } = await open();
    await upstream.publish('a-chart', '1.0.0');
    await upstream.publish('Upper', '1.0.0');
    await upstream.publish('demo', '0.9.0');
    await upstream.publish('demo', '10.0.0-rc.1');
    await chartroom.operator.sync('nexus');

    expect(images.charts('all')).toEqual(['a-chart', 'demo']);
    expect(await images.tags(demo)).toEqual(['0.9.0', '1.0.0', '1.1.0_build.7', '10.0.0-rc.1']);
    expect(images.charts('all')).toBe(images.charts('all'));
    expect(images.tags(demo)).toBe(images.tags(demo));
  });

  test('show the newest alone where lists do, while every tag can be had', async () => {
    const { images } = await open('chart-repository', { repositories: { all: { root: true, listNewest: 1 } } });

    expect(await images.tags(demo)).toEqual(['1.1.0_build.7']);
    expect((await pull(images, demo, '1.0.0')).layers.size).toBe(2);
  });

  test('are none for a chart that lists do not show, or a repository that is not there', async () => {
    const { images } = await open();
    const faults = [
      () => images.tags({ repository: 'all', chart: 'none' }),
      () => images.tags({ repository: 'none', chart: 'demo' }),
      () => images.charts('none'),
    ].map((list) => thrownBy(list));

    expect(faults.map(({ code }) => code)).toEqual(['not-found', 'not-found', 'not-found']);
  });

  test('do not deny a chart that an upstream may have which was never listed', async () => {
    const [here, silent] = [new FakeUpstream(), new FakeUpstream('registry')];
    await here.publish('demo', '1.0.0');
    silent.down = unreachable();
    const chartroom = await openEngine({ upstreams: { here, silent: { upstream: silent, charts: ['podinfo'] } } });
    await chartroom.operator.sync('here');
    const askFor = async (chart: string) => chartroom.images.tags({ repository: 'all', chart });

    expect((await faultOf(askFor('podinfo'))).code).toBe('unavailable');
    expect((await faultOf(askFor('nginx'))).code).toBe('not-found');
    expect(await askFor('demo')).toEqual(['1.0.0']);
  });

  test('are not told before anything was listed', async () => {
    const chartroom = await openEngine({ upstreams: { nexus: new FakeUpstream() } });
    const { images } = chartroom;

    for (const list of [() => images.charts('all'), () => images.tags(demo), () => images.tagged(demo, '1.0.0')]) {
      expect(thrownBy(list)).toMatchObject({ code: 'unavailable', retryAfterMs: 5_000 });
    }
  });
});

describe('a store that cannot be written', () => {
  test('keeps nobody from an image, and it is kept once the store takes it', async () => {
    const { images, options, store, chartroom } = await open();
    store.beforeWrite = storeGone;
    const { digest } = await pull(images, demo, '1.0.0');
    await pull(images, demo, digest);
    store.beforeWrite = undefined;
    await pull(images, demo, '1.0.0');
    await chartroom.engine.commit();

    const later = await openEngine(options);
    expect((await pull(later.images, demo, digest)).digest).toBe(digest);
  });

  test('or that hangs keeps somebody for ten seconds, and nobody else', async () => {
    const { images, store, chartroom } = await open();
    await chartroom.archive('demo', '1.0.0');
    store.beforeWrite = (key) => (key === 'state.json' ? new Promise(() => undefined) : undefined);
    const told = pull(images, demo, '1.0.0');
    await pass(chartroom.clock, 10_000);
    const { digest, manifest } = await told;

    expect(images.tagged(demo, '1.0.0')).toMatchObject({ bytes: manifest });
    expect(images.manifest(demo, digest)).toMatchObject({ bytes: manifest });
  });
});

function thrownBy(list: () => unknown): Fault {
  try {
    list();
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  throw new Error('nothing was thrown');
}
