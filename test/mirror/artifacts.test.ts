import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { attachmentKey, blobKey } from '../../src/store/layout.ts';
import { artifactOf, cosignTag } from '../support/artifacts.ts';
import { bytesAt, kindOf, openEngine, pass, turn } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { heldIn, keysOfParts, lookAgain, wordsOf, world } from './artifacts-world.ts';

describe('what stands beside a chart in its registry', () => {
  test('is fetched with all of its parts after the archive, and stays when upstream is gone', async () => {
    const { upstream, upstreams, store, chartroom, manifest, sync } = await world();
    const signature = artifactOf({ word: 'signature' });
    const bill = artifactOf({ word: 'bill', subject: { digest: manifest } });
    upstream.attach([signature, cosignTag(manifest)], [bill]);
    await sync();
    await chartroom.engine.stop();
    upstream.down = unreachable();

    const again = await openEngine({ upstreams, store });

    const { artifacts } = heldIn(again);
    expect(wordsOf(artifacts)).toEqual([
      [signature.digest, cosignTag(manifest)],
      [bill.digest, undefined],
    ]);
    expect(artifacts?.[1]?.subject).toBe(manifest);
    for (const one of [signature, bill]) {
      for (const bytes of [one.manifest, ...one.blobs]) {
        expect(await bytesAt(store, blobKey(digestOf(bytes)))).toEqual(bytes);
      }
    }
  });

  test('is written before the record that names it, and that before the snapshot', async () => {
    const { upstream, store, manifest, sync } = await world();
    const signature = artifactOf();
    upstream.attach([signature, cosignTag(manifest)]);
    store.writes.length = 0;
    await sync();

    const parts = keysOfParts(signature);
    const kinds = store.writes.filter((key) => !key.startsWith('blobs/') || parts.has(key)).map(kindOf);
    expect(kinds.filter((kind) => ['blobs', 'attachments', 'snapshots'].includes(kind))).toEqual([
      // first that there is no provenance
      'attachments',
      'blobs',
      'blobs',
      'blobs',
      'attachments',
      'snapshots',
    ]);
  });

  test('may be nothing, which needs no record and is not asked again by the next sync', async () => {
    const { upstream, store, chartroom, sync } = await world();
    await sync();
    await sync();

    expect(heldIn(chartroom).artifacts).toEqual([]);
    expect(upstream.count('artifacts')).toBe(1);
    const record = await store.text(attachmentKey('ghcr', heldIn(chartroom).archive.digest));
    expect(record).toBe('{"provenance":"none"}\n');
  });

  test('is not said to be nothing when upstream does not answer; it is tried again', async () => {
    const { upstream, chartroom, manifest, sync } = await world();
    upstream.attach([artifactOf(), cosignTag(manifest)]);
    upstream.before.artifacts = () => {
      throw unreachable();
    };
    await sync();
    expect(heldIn(chartroom).artifacts).toBeUndefined();
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(upstream.rows[0]?.archive);

    upstream.before.artifacts = undefined;
    await sync();
    expect(heldIn(chartroom).artifacts).toHaveLength(1);
  });

  test('is kept whole or not at all', async () => {
    const { upstream, store, chartroom, manifest, sync } = await world();
    const [first, second] = [artifactOf({ word: 'first' }), artifactOf({ word: 'second' })];
    upstream.attach([first, cosignTag(manifest)], [second, cosignTag(manifest, 'att')]);
    const last = digestOf(second.blobs[1] ?? Buffer.alloc(0));
    upstream.before.open = (call) => {
      if (call.endsWith(last)) throw unreachable();
    };
    await sync();

    expect(heldIn(chartroom).artifacts).toBeUndefined();
    expect(store.writes.filter((key) => keysOfParts(first).has(key))).toEqual([]);
  });

  test('is left out where upstream lacks a part of it', async () => {
    const { upstream, chartroom, manifest, sync } = await world();
    const [whole, broken] = [artifactOf({ word: 'whole' }), artifactOf({ word: 'broken' })];
    upstream.attach([{ ...broken, blobs: broken.blobs.slice(0, 1) }, cosignTag(manifest, 'att')]);
    upstream.attach([whole, cosignTag(manifest)]);
    await sync();

    expect(wordsOf(heldIn(chartroom).artifacts)).toEqual([[whole.digest, cosignTag(manifest)]]);
    expect(chartroom.logged.find(({ leftOut }) => leftOut)?.['leftOut']).toEqual([
      `${cosignTag(manifest, 'att')}: a part of it is not there`,
    ]);
  });

  test('is refused when its bytes are not what they are called', async () => {
    const { upstream, store, chartroom, manifest, sync } = await world({ mirror: 'requested' });
    await sync();
    await chartroom.archive('demo', '1.0.0');
    const signature = artifactOf({ word: 'signature' });
    upstream.attach([signature, cosignTag(manifest)]);
    const { artifacts } = upstream;
    if (!artifacts) throw new Error('a registry has artifacts');
    const other = Buffer.from('signaturX');
    const body = async function* () {
      yield other;
    };
    upstream.artifacts = {
      ...artifacts,
      open: async (source, part, signal) =>
        part.size === other.length ? { size: other.length, body: body() } : artifacts.open(source, part, signal),
    };

    expect(await faultOf(lookAgain(chartroom))).toMatchObject({ code: 'digest-mismatch' });
    expect(store.writes).not.toContain(blobKey(digestOf(other)));
    expect(heldIn(chartroom).artifacts).toBeUndefined();
  });

  test('is together at most as large as an archive may be', async () => {
    const { upstream, chartroom, manifest, sync } = await world({ maxArchiveBytes: 20_000 });
    const large = artifactOf({ word: 'x'.repeat(15_000) });
    const larger = artifactOf({ word: 'y'.repeat(15_000) });
    const small = artifactOf({ word: 'small' });
    upstream.attach(
      [large, cosignTag(manifest)],
      [larger, cosignTag(manifest, 'att')],
      [small, cosignTag(manifest, 'sbom')],
    );
    await sync();

    expect(wordsOf(heldIn(chartroom).artifacts)).toEqual([
      [large.digest, cosignTag(manifest)],
      [small.digest, cosignTag(manifest, 'sbom')],
    ]);
  });

  test('counts once what several of them have', async () => {
    const { upstream, chartroom, manifest, sync } = await world({ maxArchiveBytes: 20_000 });
    const [first, second] = ['a', 'b'].map((annotation) =>
      artifactOf({ word: 'x'.repeat(15_000), annotations: { of: annotation } }),
    );
    if (!first || !second) throw new Error('there are two');
    upstream.attach([first, cosignTag(manifest)]);
    await sync();
    upstream.attach([first, cosignTag(manifest)], [second, cosignTag(manifest, 'att')]);
    await lookAgain(chartroom);

    expect(heldIn(chartroom).artifacts).toHaveLength(2);
  });

  test('is nothing that anybody is asked for of a chart repository', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    const chartroom = await openEngine({ upstreams: { nexus: { upstream, mirror: 'all' } } });
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();

    expect(upstream.count('artifacts')).toBe(0);
    expect(heldIn(chartroom, 'nexus').artifacts).toBeUndefined();
  });
});

describe('what stands beside a chart and changes upstream', () => {
  test('is found later; what upstream removed stays, and a tag that moved leads to what it leads to now', async () => {
    const { upstream, upstreams, store, chartroom, manifest, sync } = await world();
    const [first, second] = [artifactOf({ word: 'first' }), artifactOf({ word: 'second' })];
    upstream.attach([first, cosignTag(manifest)]);
    await sync();
    upstream.detachAll();
    expect(wordsOf(await lookAgain(chartroom))).toEqual([[first.digest, cosignTag(manifest)]]);
    upstream.attach([second, cosignTag(manifest)]);
    const both = [
      [first.digest, cosignTag(manifest)],
      [second.digest, cosignTag(manifest)],
    ];
    expect(wordsOf(await lookAgain(chartroom))).toEqual(both);
    await chartroom.engine.stop();

    expect(wordsOf(heldIn(await openEngine({ upstreams, store })).artifacts)).toEqual(both);
  });

  test('is fetched once: what is held is not asked for again', async () => {
    const { upstream, chartroom, manifest, sync } = await world();
    upstream.attach([artifactOf(), cosignTag(manifest)]);
    await sync();
    const before = upstream.count('open');
    await lookAgain(chartroom);
    expect(upstream.count('open')).toBe(before);
  });

  test('of a process that died before it could commit is not fetched again', async () => {
    const { upstream, upstreams, store, chartroom, manifest, sync } = await world({ mirror: 'requested' });
    await sync();
    await chartroom.archive('demo', '1.0.0');
    await chartroom.engine.commit();
    upstream.attach([artifactOf(), cosignTag(manifest)]);
    await lookAgain(chartroom);
    const asked = upstream.count('open');

    const again = await openEngine({ upstreams, store: await store.copy() });
    expect(heldIn(again).artifacts).toBeUndefined();
    expect(await lookAgain(again)).toHaveLength(1);
    expect(upstream.count('open')).toBe(asked);
  });

  test('is found within a day and a half by the daily look at its tag', async () => {
    const { upstream, chartroom, manifest, sync } = await world();
    await sync();
    chartroom.engine.start();
    await turn();
    upstream.attach([artifactOf(), cosignTag(manifest)]);
    await pass(chartroom.clock, 49 * 3_600_000, 600_000);
    expect(heldIn(chartroom).artifacts).toHaveLength(1);
    expect(upstream.count('artifacts')).toBeLessThanOrEqual(4);
    await chartroom.engine.stop();
  });
});
