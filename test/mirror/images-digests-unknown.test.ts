import { expect, test, vi } from 'vitest';

import { Catalog } from '../../src/chart/catalog.ts';
import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { mediaTypes } from '../../src/formats/oci-manifest.ts';
import { openEngine, pass, turn, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable, type Row } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { bytesOf } from '../support/pulled-image.ts';

const demo = { repository: 'all', chart: 'demo' };
const signature = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');

/** What a client gets that asks for a blob, or why not. */
async function blobOf({ images, clock }: TestEngine, digest: Digest) {
  const asked = Promise.resolve().then(() => images.blob(demo, digest));
  asked.catch(() => undefined);
  await pass(clock, 3_000, 1_000);
  return asked;
}

/** A registry whose manifest names the provenance, as real ones do. */
function signedRegistry(row: Row): Buffer {
  const archive = row.archive ?? signature;
  const layer = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const layers = [layer(mediaTypes.chartLayer, archive), layer(mediaTypes.provenanceLayer, signature)];
  const config = layer(mediaTypes.chartConfig, Buffer.from(`{"config":"${row.source}"}`));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers }));
}

test('a provenance that a manifest names is never said to be missing because its registry does not answer', async () => {
  const upstream = new FakeUpstream('registry');
  const manifest = signedRegistry(await upstream.publish('demo', '1.0.0', { provenance: signature }));
  const describe = upstream.describe.bind(upstream);
  upstream.describe = async (source) => {
    const described = await describe(source);
    const claim = described && { ...described.claim, source: `${source}@${digestOf(manifest)}` };
    return claim && { ...described, claim, manifest };
  };
  const chartroom = await openEngine({ upstreams: { ghcr: { upstream, type: 'registry' } } });
  await chartroom.operator.sync('ghcr');
  await pass(chartroom.clock, 20_000, 10_000);
  await chartroom.archive('demo', '1.0.0');
  upstream.down = unreachable();

  const told = await chartroom.images.tagged(demo, '1.0.0');
  expect(told.bytes).toEqual(manifest);
  expect((await faultOf(blobOf(chartroom, digestOf(signature)))).code).toBe('upstream-unreachable');
  upstream.down = undefined;
  expect(await bytesOf(await blobOf(chartroom, digestOf(signature)))).toEqual(signature);
});

test('a digest that nobody has is looked for once while no other server committed anything', async () => {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const chartroom = await openEngine({ upstreams: { nexus: upstream } });
  await chartroom.operator.sync('nexus');
  const naming = vi.spyOn(Catalog.prototype, 'naming');

  expect((await faultOf(blobOf(chartroom, digestOf(signature)))).code).toBe('not-found');
  expect(naming).toHaveBeenCalledTimes(1);
  naming.mockRestore();
});

test('a manifest opens to nobody who waits for its lost bytes while a rule comes that denies it', async () => {
  const upstream = new FakeUpstream('registry');
  await upstream.publish('demo', '1.0.0');
  const [store, gate] = [watchedStore(), Promise.withResolvers<void>()];
  const options = { upstreams: { ghcr: { upstream, type: 'registry' } }, store } as const;
  const first = await openEngine(options);
  await first.operator.sync('ghcr');
  await pass(first.clock, 20_000, 10_000);
  const { digest } = (await first.images.tagged(demo, '1.0.0')).descriptor;
  await first.engine.stop();
  for await (const { key } of store.list('blobs/')) await store.remove(key);
  const later = await openEngine(options);
  upstream.before.describe = () => gate.promise;
  const waiting = faultOf(Promise.resolve().then(() => later.images.manifest(demo, digest)));
  await turn();
  await later.reconfigure({ ...options, repositories: { all: { deny: [{ text: 'demo', chart: 'demo' }] } } });
  gate.resolve();

  expect((await waiting).code).toBe('denied');
});

test('the tags of a chart with thousands of versions are gathered while others get their turn', async () => {
  const upstream = new FakeUpstream();
  for (let at = 0; at < 1_000; at += 1) {
    upstream.rows.push({
      chart: 'demo',
      version: `1.0.${at}`,
      source: `${at}`,
      digest: digestOf(Buffer.from(`${at}`)),
    });
  }
  const chartroom = await openEngine({ upstreams: { nexus: upstream } });
  await chartroom.operator.sync('nexus');
  let turns = 0;
  const counting = setInterval(() => (turns += 1), 0);
  const [tags, same] = await Promise.all([chartroom.images.tags(demo), chartroom.images.tags(demo)]);
  clearInterval(counting);

  expect(tags).toHaveLength(1_000);
  expect(same).toBe(tags);
  expect(chartroom.images.tags(demo)).toBe(tags);
  expect(turns).toBeGreaterThan(0);
});

test('whoever asks for a digest that nobody has is not kept waiting by a store that hangs', async () => {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const store = watchedStore();
  const chartroom = await openEngine({ upstreams: { nexus: upstream }, store, coldWaitMs: 5_000 });
  await chartroom.operator.sync('nexus');
  store.beforeRead = () => new Promise(() => undefined);
  const asked = faultOf(Promise.resolve().then(() => chartroom.images.blob(demo, digestOf(signature))));
  await pass(chartroom.clock, 6_000, 1_000);

  expect((await asked).code).toBe('store-failed');
});
