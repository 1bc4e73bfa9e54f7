import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { imageKey } from '../../src/store/layout.ts';
import { bytesAt, openEngine, pass, storeGone, watchedStore } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { pull } from '../support/pulled-image.ts';

const demo = { repository: 'all', chart: 'demo' };
const signature = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');

/** A store with the image of a chart, which was told. */
async function open() {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0', { provenance: signature });
  const options = { upstreams: { nexus: upstream }, store: watchedStore() };
  const chartroom = await openEngine(options);
  await chartroom.operator.sync('nexus');
  const first = await pull(chartroom.images, demo, '1.0.0');
  await chartroom.operator.settled();
  await chartroom.engine.stop();
  const kept = await chartroom.reader.resolve({ ...demo, version: '1.0.0' });
  const { archive, provenance } = kept;
  const key = imageKey(archive.digest, typeof provenance === 'object' ? provenance.digest : undefined);
  const again = () => openEngine(options);
  return { upstream, options, store: options.store, first, key, again };
}

type Record = { readonly config: string; readonly manifest: string };

/** What other code would have derived: the same, said otherwise. */
function otherwise({ config, manifest }: Record): Record {
  const other = `${config} `;
  const named = JSON.parse(manifest) as { config: { digest: string; size: number } };
  named.config.digest = digestOf(Buffer.from(other));
  named.config.size = other.length;
  return { config: other, manifest: JSON.stringify(named) };
}

async function recordIn(store: ReturnType<typeof watchedStore>, key: string): Promise<Record> {
  return JSON.parse((await bytesAt(store, key)).toString()) as Record;
}

describe('the record of a derived image', () => {
  test('has both texts as they are served', async () => {
    const { store, key, first } = await open();

    expect(await recordIn(store, key)).toEqual({
      config: first.config.toString(),
      manifest: first.manifest.toString(),
    });
  });

  test('is what is served, whatever would be derived now', async () => {
    const { store, key, first, again } = await open();
    const other = otherwise(await recordIn(store, key));
    await store.remove(key);
    await store.write(key, Buffer.from(JSON.stringify(other)));
    // of a store in which nobody told of the image yet
    await store.remove('state.json');
    const chartroom = await again();
    await chartroom.operator.sync('nexus');
    const pulled = await pull(chartroom.images, demo, '1.0.0');

    expect(pulled.config.toString()).toBe(other.config);
    expect(pulled.digest).not.toBe(first.digest);
  });

  test.each(['', '{', '{}', '{"config":"{}","manifest":"{}"}', '{"config":1,"manifest":2}'])(
    'is replaced when it is damaged: %s',
    async (text) => {
      const { store, key, first, again } = await open();
      const sound = await bytesAt(store, key);
      await store.write(key, Buffer.from(text));
      const chartroom = await again();

      expect((await pull(chartroom.images, demo, '1.0.0')).digest).toBe(first.digest);
      expect(await bytesAt(store, key)).toEqual(sound);
    },
  );

  test('is replaced when it is not what was told, and what was told can be derived', async () => {
    const { store, key, first, again } = await open();
    const sound = await recordIn(store, key);
    await store.write(key, Buffer.from(JSON.stringify(otherwise(sound))));
    const chartroom = await again();

    expect((await pull(chartroom.images, demo, first.digest)).manifest).toEqual(first.manifest);
    expect(await recordIn(store, key)).toEqual(sound);
  });

  test('is written anew when it is lost', async () => {
    const { store, key, first, again } = await open();
    const sound = await bytesAt(store, key);
    await store.remove(key);
    const chartroom = await again();

    expect((await pull(chartroom.images, demo, first.digest)).manifest).toEqual(first.manifest);
    expect(await bytesAt(store, key)).toEqual(sound);
  });

  test('is what was told, although the store does not say so, or nothing is', async () => {
    const { store, first, again } = await open();
    const chartroom = await again();
    await chartroom.archive('demo', '1.0.0');
    store.beforeRead = (key) => {
      if (key.startsWith('derived/')) storeGone();
    };
    expect((await pull(chartroom.images, demo, '1.0.0')).digest).toBe(first.digest);
  });

  test('is waited for while nobody told of it and the store does not say whether there is one', async () => {
    const { store, upstream, again } = await open();
    await upstream.publish('demo', '2.0.0');
    const chartroom = await again();
    await chartroom.operator.sync('nexus');
    store.beforeRead = (key) => {
      if (key.startsWith('derived/')) storeGone();
    };
    expect((await faultOf(pull(chartroom.images, demo, '2.0.0'))).code).toBe('store-failed');
  });

  test('is the winner’s when two write it at once', async () => {
    const { store, upstream, options, again } = await open();
    await upstream.publish('demo', '2.0.0');
    const [one, other] = [await again(), await openEngine(options)];
    await one.operator.sync('nexus');
    await other.operator.sync('nexus');
    const pulled = await Promise.all([pull(one.images, demo, '2.0.0'), pull(other.images, demo, '2.0.0')]);

    expect(pulled[0].digest).toBe(pulled[1].digest);
    expect(store.writes.filter((key) => key.startsWith('derived/'))).toHaveLength(2);
  });
});

describe('an image that is derived differently now', () => {
  test('is told beside the one before, which is then lost and not said to be missing', async () => {
    const { store, key, first, again } = await open();
    await store.remove(key);
    const chartroom = await again();
    const kept = chartroom.known('nexus').held('demo', '1.0.0');
    const [image] = kept?.images ?? [];
    if (!kept || !image) throw new Error('it was told');
    // as if other code had told of another one
    const [digest, config] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`] as const;
    const told = { ...image, manifest: { digest, size: 10 }, config: { digest: config, size: 10 } };
    chartroom.known('nexus').fresh.set('demo/1.0.0', { ...kept, images: [told] });
    const pulled = await pull(chartroom.images, demo, '1.0.0');

    expect(pulled.digest).toBe(first.digest);
    expect(chartroom.logged.filter(({ level, msg }) => level === 40 && msg.includes('derived anew'))).toHaveLength(1);
    await pass(chartroom.clock, 1_000);
    expect(await faultOf(pull(chartroom.images, demo, digest))).toMatchObject({ code: 'store-failed' });
    expect((await pull(chartroom.images, demo, first.digest)).digest).toBe(first.digest);
  });
});
