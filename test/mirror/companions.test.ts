import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { readAll } from '../../src/lib/bytes.ts';
import { Companions } from '../../src/mirror/images/companions.ts';
import type { Held } from '../../src/mirror/reading/reader.ts';
import { artifactOf, cosignTag } from '../support/artifacts.ts';
import { pass, turn, type TestEngine } from '../support/engine.ts';
import { unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { world } from './artifacts-world.ts';

const name = { repository: 'all', chart: 'demo' };
const minutes = 60_000;

/** Of an engine with one version, which is held and offered unless `offers` says no. */
function companionsOf({ engine, known }: Pick<TestEngine, 'engine' | 'known'>, offers: () => boolean = () => true) {
  const offered = (): Held | undefined => {
    const [one, version] = [known('ghcr'), known('ghcr').catalog.find('demo', '1.0.0')];
    const kept = one.held('demo', '1.0.0');
    return version && kept && offers() ? { known: one, version, kept } : undefined;
  };
  return new Companions({
    engine,
    versionWith: async (_, digest) => {
      const found = offered();
      const digests = [found?.kept.manifest, ...(found?.kept.artifacts ?? []).map(({ manifest }) => manifest)];
      return digests.some((one) => one?.digest === digest) ? found : undefined;
    },
    read: async (_, { descriptor }) => {
      const opened = await engine.blobs.open(descriptor);
      if (!opened) throw new Error('it is lost');
      return Buffer.isBuffer(opened.body) ? opened.body : readAll(opened.body, descriptor.size);
    },
    coldWaitMs: () => 25_000,
  });
}

/** A registry whose only chart is held, and nobody asked what stands beside it. */
async function heldWorld() {
  const opened = await world({ mirror: 'requested' });
  await opened.sync();
  await opened.chartroom.archive('demo', '1.0.0');
  const { chartroom } = opened;
  const known = (upstream: string) => chartroom.known(upstream);
  const parts = { engine: chartroom.engine, known };
  return { ...opened, companions: companionsOf(parts), parts };
}

describe('what refers to a chart', () => {
  test('is asked for when somebody wants to know, with type and annotations as its manifest says', async () => {
    const { upstream, companions, manifest } = await heldWorld();
    const annotations = { 'org.example.what': 'bill' };
    const bill = artifactOf({
      word: 'bill',
      subject: { digest: manifest },
      artifactType: 'application/spdx+json',
      annotations,
    });
    const plain = artifactOf({ word: 'plain', subject: { digest: manifest } });
    const ofBill = artifactOf({ word: 'of the bill', subject: bill });
    const signature = artifactOf({ word: 'signature' });
    upstream.attach([bill], [plain], [signature, cosignTag(manifest)]);

    const size = (one: typeof bill): number => one.manifest.length;
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const billed = {
      mediaType,
      digest: bill.digest,
      size: size(bill),
      artifactType: 'application/spdx+json',
      annotations,
    };
    const artifactType = 'application/vnd.oci.empty.v1+json';
    const plainly = { mediaType, digest: plain.digest, size: size(plain), artifactType };
    expect(await companions.referrers(name, manifest)).toEqual([billed, plainly]);
    expect(await companions.referrers(name, bill.digest)).toEqual([]);
    expect(await companions.referrers(name, ofBill.digest)).toEqual([]);
  });

  test('is asked for once in ten minutes, whoever asked', async () => {
    const { upstream, companions, manifest, chartroom } = await heldWorld();
    for (let times = 0; times < 3; times += 1) await companions.referrers(name, manifest);
    await companions.tagged(name, cosignTag(manifest));
    expect(upstream.count('artifacts')).toBe(1);

    upstream.attach([artifactOf({ subject: { digest: manifest } })]);
    await pass(chartroom.clock, 10 * minutes, minutes);
    expect(await companions.referrers(name, manifest)).toHaveLength(1);
    expect(upstream.count('artifacts')).toBe(2);
  });

  test('is a fault, not nothing, while upstream does not answer and nobody ever asked; then it is asked again', async () => {
    const { upstream, companions, manifest } = await heldWorld();
    upstream.attach([artifactOf(), cosignTag(manifest)]);
    upstream.down = unreachable();
    expect(await faultOf(companions.referrers(name, manifest))).toMatchObject({ code: 'upstream-unreachable' });
    expect(await faultOf(companions.tagged(name, cosignTag(manifest)))).toMatchObject({ code: 'upstream-unreachable' });
    upstream.down = undefined;
    expect(await companions.tagged(name, cosignTag(manifest))).toBeDefined();
  });

  test('is what is known while upstream does not answer, which is not waited for again at once', async () => {
    const { upstream, companions, manifest, chartroom } = await heldWorld();
    upstream.attach([artifactOf({ subject: { digest: manifest } })]);
    await companions.referrers(name, manifest);
    await pass(chartroom.clock, 10 * minutes, minutes);
    const gate = Promise.withResolvers<void>();
    upstream.before.artifacts = () => gate.promise;

    const asking = companions.referrers(name, manifest);
    await pass(chartroom.clock, 3_000);
    expect(await asking).toHaveLength(1);
    expect(await companions.referrers(name, manifest)).toHaveLength(1);
    expect(upstream.count('artifacts')).toBe(2);
    gate.resolve();
    await turn();
  });

  test('is waited for as long as for a chart when nobody ever asked', async () => {
    const { upstream, companions, manifest, chartroom } = await heldWorld();
    const gate = Promise.withResolvers<void>();
    upstream.before.artifacts = () => gate.promise;
    const asking = faultOf(companions.referrers(name, manifest));
    await pass(chartroom.clock, 25_000);
    expect(await asking).toMatchObject({ code: 'upstream-unreachable', timedOut: true, retryAfterMs: 5_000 });
    gate.resolve();
    await turn();
  });

  test('is what is known of an upstream that is retired, and only asked for first of one that is synced by hand', async () => {
    const { upstream, upstreams, parts, companions, manifest, chartroom } = await heldWorld();
    await chartroom.reconfigure({ upstreams: { ghcr: { ...upstreams.ghcr, retired: true } } });
    expect(await companionsOf(parts).referrers(name, manifest)).toEqual([]);
    expect(upstream.count('artifacts')).toBe(0);

    await chartroom.reconfigure({ upstreams: { ghcr: { ...upstreams.ghcr, intervalMs: 0 } } });
    await companions.referrers(name, manifest);
    await pass(chartroom.clock, 60 * minutes, 10 * minutes);
    await companions.referrers(name, manifest);
    expect(upstream.count('artifacts')).toBe(1);
  });

  test('is nothing when its version is no longer offered once upstream has answered', async () => {
    const { upstream, parts, manifest } = await heldWorld();
    upstream.attach([artifactOf({ subject: { digest: manifest } })]);
    let isOffered = true;
    upstream.before.artifacts = () => {
      isOffered = false;
    };
    expect(await companionsOf(parts, () => isOffered).referrers(name, manifest)).toEqual([]);
  });
});

describe("a tag of cosign's", () => {
  test('leads to what hangs there now, beside a chart or beside what stands beside it', async () => {
    const { upstream, companions, manifest, chartroom } = await heldWorld();
    const bill = artifactOf({ word: 'bill' });
    const [first, second] = [artifactOf({ word: 'first' }), artifactOf({ word: 'second' })];
    upstream.attach([bill, cosignTag(manifest, 'sbom')], [first, cosignTag(manifest)]);
    expect((await companions.tagged(name, cosignTag(manifest)))?.descriptor.digest).toBe(first.digest);

    upstream.detachAll();
    upstream.attach([second, cosignTag(manifest)]);
    await pass(chartroom.clock, 10 * minutes, minutes);
    expect((await companions.tagged(name, cosignTag(manifest)))?.descriptor.digest).toBe(second.digest);
    expect((await companions.tagged(name, cosignTag(manifest, 'sbom')))?.descriptor.digest).toBe(bill.digest);
    expect(await companions.tagged(name, cosignTag(manifest, 'att'))).toBeUndefined();
    expect(await companions.tagged(name, cosignTag(bill.digest))).toBeUndefined();
  });

  test.each([
    '1.0.0',
    'latest',
    `sha256-${'0'.repeat(64)}`,
    `sha256-${'0'.repeat(64)}.zip`,
    `sha256-${'0'.repeat(63)}.sig`,
  ])('is not %s, for which nobody is asked', async (tag) => {
    const { upstream, companions } = await heldWorld();
    expect(await companions.tagged(name, tag)).toBeUndefined();
    expect(upstream.count('artifacts')).toBe(0);
  });

  test('of what nobody offers here leads nowhere, and nobody is asked', async () => {
    const { upstream, companions } = await heldWorld();
    expect(await companions.tagged(name, cosignTag(digestOf(Buffer.from('elsewhere'))))).toBeUndefined();
    expect(upstream.count('artifacts')).toBe(0);
  });
});
