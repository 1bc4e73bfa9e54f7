import { describe, expect, test } from 'vitest';

import { attachmentKey } from '../../src/store/layout.ts';
import { artifactOf, cosignTag } from '../support/artifacts.ts';
import { openEngine } from '../support/engine.ts';
import { heldIn, keysOfParts, lookAgain, world } from './artifacts-world.ts';

const provenance = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');

describe('the record of what came beside an archive', () => {
  test('loses nothing when two replicas write different parts of it at once', async () => {
    const { upstream, upstreams, store, manifest, sync, chartroom } = await world({ mirror: 'requested' });
    upstream.rows = upstream.rows.map((row) => ({ ...row, provenance }));
    upstream.attach([artifactOf(), cosignTag(manifest)]);
    await sync();
    await chartroom.archive('demo', '1.0.0');
    await chartroom.engine.commit();
    const other = await openEngine({ upstreams, store });
    const key = attachmentKey('ghcr', heldIn(chartroom).archive.digest);
    const gate = Promise.withResolvers<void>();
    let waiting = 0;
    // both have read that there is none
    store.beforeWrite = async (written) => {
      if (written !== key) return;
      waiting += 1;
      if (waiting === 2) gate.resolve();
      await gate.promise;
    };

    await Promise.all([lookAgain(chartroom), other.provenance('demo', '1.0.0')]);

    const record = JSON.parse((await store.text(key)) ?? '{}') as {
      artifacts?: readonly unknown[];
      provenance?: unknown;
    };
    expect(record.artifacts).toHaveLength(1);
    expect(record.provenance).toMatchObject({ size: provenance.length });
    await Promise.all([chartroom.engine.commit(), other.engine.commit()]);
    const kept = heldIn(await openEngine({ upstreams, store }));
    expect(kept).toMatchObject({ provenance: { size: provenance.length }, artifacts: [{}] });
  });

  test('names no blob that a sweep took just before it was written', async () => {
    const { upstream, store, manifest, sync } = await world();
    const signature = artifactOf();
    upstream.attach([signature, cosignTag(manifest)]);
    store.beforeWrite = async (key) => {
      if (key.startsWith('attachments/')) for (const part of keysOfParts(signature)) await store.remove(part);
    };
    await sync();
    for (const part of keysOfParts(signature)) expect(await store.head(part)).toBeDefined();
  });
});
