import { describe, expect, test } from 'vitest';

import type { Attachments } from '../../src/chart/attachments.ts';
import { digestOf } from '../../src/chart/digest.ts';
import type { KeptVersion } from '../../src/chart/holding.ts';
import { Tables } from '../../src/mirror/committing/tables.ts';
import { sweep } from '../../src/mirror/retention/sweep.ts';
import { attachmentKey, blobKey, firstHoldingKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { recordBytes } from '../../src/store/records.ts';
import { artifactOf, cosignTag, type TestArtifact } from '../support/artifacts.ts';
import { ManualClock } from '../support/clock.ts';
import { bytesAt, watchedStore } from '../support/engine.ts';
import { faultOf } from '../support/http.ts';
import { claimOf, commit, hold, jobsHere, keysOf, putArtifact } from '../support/kept-store.ts';
import { inspect, openWorld, snapshotOf, spoil } from './fsck-world.ts';

const hour = 3_600_000;
const archive = Buffer.from('archive');
const provenance = Buffer.from('signed');
const [first, second] = [artifactOf({ word: 'first' }), artifactOf({ word: 'second' })];
const named = { chart: 'demo', version: '1.0.0' };

function open() {
  const clock = new ManualClock();
  const store = watchedStore(memoryStore({ clock }));
  const sweepNow = async () => {
    await clock.advance(25 * hour);
    const load = new Tables(store, jobsHere);
    return sweep({
      store,
      tidy: async () => 0,
      load: (kind, digest) => load.load(kind, digest),
      clock,
      signal: new AbortController().signal,
    });
  };
  return { clock, store, sweepNow };
}

describe('a sweep', () => {
  test.each<readonly [string, (kept: KeptVersion) => { readonly row: KeptVersion; readonly record?: Attachments }]>([
    ['the snapshot alone', (row) => ({ row })],
    ['the record alone', ({ provenance, artifacts, ...row }) => ({ row, record: { provenance, artifacts } })],
    [
      'the record, of which the snapshot has a part,',
      ({ provenance, artifacts, ...row }) => ({
        row: { ...row, provenance, artifacts: artifacts?.slice(0, 1) },
        record: { provenance, artifacts },
      }),
    ],
    [
      'the record, of which the snapshot has the provenance,',
      ({ provenance, artifacts, ...row }) => ({ row: { ...row, provenance }, record: { provenance, artifacts } }),
    ],
  ])('takes nothing that %s names', async (_, split) => {
    const { store, sweepNow } = open();
    const kept = await hold(store, 'ghcr', { ...named, archive, provenance, artifacts: [first, second] });
    const { row, record } = split(kept);
    const key = attachmentKey('ghcr', kept.archive.digest);
    await (record ? store.write(key, recordBytes(record)) : store.remove(key));
    await commit(store, 'ghcr', { kept: [row], claims: [claimOf(row)] });
    const before = await keysOf(store, 'blobs/');

    expect(await sweepNow()).toMatchObject({ blobs: 0 });
    expect(await keysOf(store, 'blobs/')).toEqual(before);
  });

  test('takes what stands beside nothing that is held', async () => {
    const { store, sweepNow } = open();
    const kept = await hold(store, 'ghcr', { ...named, archive, artifacts: [first] });
    await commit(store, 'ghcr', { kept: [kept], claims: [claimOf(kept)] });
    await putArtifact(store, second);

    // the empty config belongs to both
    expect(await sweepNow()).toMatchObject({ blobs: 2 });
    for (const bytes of first.blobs) expect(await bytesAt(store, blobKey(digestOf(bytes)))).toEqual(bytes);
  });

  test('reads no record that a snapshot accounts for', async () => {
    const { store, sweepNow } = open();
    const kept = await Promise.all(
      [0, 1, 2, 3].map((at) =>
        hold(store, 'ghcr', {
          chart: 'demo',
          version: `1.0.${at}`,
          archive: Buffer.from(`${at}`),
          ...(at % 2 && { provenance: at > 2 ? 'none' : provenance }),
          artifacts: [artifactOf({ word: `${at}` })],
        }),
      ),
    );
    await commit(store, 'ghcr', { kept, claims: kept.map(claimOf) });
    const reads: string[] = [];
    store.beforeRead = (key) => void reads.push(key);
    await sweepNow();
    expect(reads.filter((key) => key.startsWith('attachments/'))).toEqual([]);
  });

  test.each([
    ['a word for artifacts', { artifacts: 'none' }],
    ['an artifact without a manifest', { artifacts: [{ blobs: [] }] }],
    [
      'an artifact whose blobs are none',
      { artifacts: [{ manifest: { mediaType: 'x', digest: digestOf(archive), size: 7 } }] },
    ],
    [
      'an artifact with a blob that is none',
      { artifacts: [{ manifest: { mediaType: 'x', digest: digestOf(archive), size: 7 }, blobs: ['x'.repeat(80)] }] },
    ],
  ])('takes nothing at all when a record has %s', async (_, record) => {
    const { store, sweepNow } = open();
    const kept = await hold(store, 'ghcr', { ...named, archive });
    await commit(store, 'ghcr', { kept: [kept], claims: [claimOf(kept)] });
    const padding = 'x'.repeat(80);
    await store.write(attachmentKey('ghcr', kept.archive.digest), recordBytes({ ...record, padding }));
    await putArtifact(store, second);
    expect(await faultOf(sweepNow())).toMatchObject({ code: 'store-failed' });
    expect(await keysOf(store, 'blobs/')).toHaveLength(4);
  });
});

/** The store of `fsck-world.ts`, with something beside the registry's chart, here and upstream. */
async function besideWorld() {
  const world = await openWorld();
  const manifest = world.ghcr.manifestOf('tagged', '0.1.0');
  const signature = artifactOf({ word: 'signature' });
  world.ghcr.attach([signature, cosignTag(manifest)]);
  const artifact = { ...(await putArtifact(world.store, signature)), tag: cosignTag(manifest) };
  const kept: KeptVersion = { ...world.tagged, provenance: 'none', artifacts: [artifact] };
  const key = attachmentKey('ghcr', kept.archive.digest);
  await world.store.write(key, recordBytes({ provenance: 'none', artifacts: [artifact] }));
  const source = world.ghcr.rows[0]?.source ?? '';
  const { manifest: one, config } = world.tagged;
  const claim = { ...claimOf(kept), source, ...(one && config && { documents: { manifest: one, config } }) };
  await commit(world.store, 'ghcr', { kept: [kept], claims: [claim] });
  return { world, signature, kept, key };
}

const partsOf = ({ manifest, blobs }: TestArtifact) => [manifest, ...blobs];

describe('fsck', () => {
  test('finds nothing wrong with what stands beside a chart', async () => {
    const { world } = await besideWorld();
    // the tables that were replaced
    expect(await inspect(world)).toMatchObject({ found: [], counts: { unnamed: 2 } });
  });

  test.each([0, 1, 2].flatMap((at) => [[at, 'damaged'] as const, [at, 'missing'] as const]))(
    'finds part %i of it %s, and fetches it again',
    async (at, how) => {
      const { world, signature } = await besideWorld();
      const bytes = partsOf(signature)[at] ?? Buffer.alloc(0);
      const key = blobKey(digestOf(bytes));
      await (how === 'damaged' ? spoil(world.store, key) : world.store.remove(key));

      const what = `ghcr: a part of what stands beside tagged 0.1.0 is ${how} in the store (blob ${digestOf(bytes)}).`;
      expect((await inspect(world)).found).toMatchObject([{ kind: `${how}-blob`, what, repaired: undefined }]);
      const { found } = await inspect(world, { repair: true });
      expect(found).toMatchObject([{ repaired: 'It was fetched again from ghcr.' }]);
      expect(await bytesAt(world.store, key)).toEqual(bytes);
      expect((await inspect(world)).found).toEqual([]);
    },
  );

  test('says that it stays lost when upstream has it no more', async () => {
    const { world, signature } = await besideWorld();
    await world.store.remove(blobKey(signature.digest));
    world.ghcr.detachAll();
    const { found } = await inspect(world, { repair: true });
    expect(found).toMatchObject([{ kind: 'missing-blob', repaired: undefined }]);
    expect(found[0]?.advice).toMatch(/ghcr does not have these bytes any more/);
  });

  test('writes a lost record anew as it was, and a holding without what was found out later', async () => {
    const { world, kept, key } = await besideWorld();
    const held = firstHoldingKey('ghcr', 'tagged', '0.1.0');
    const before = [await world.store.text(key), await world.store.text(held)];
    const image = { manifest: kept.archive, config: kept.archive };
    const verdict = { result: 'missing', keyring: 'one', reason: 'none' } as unknown as NonNullable<
      KeptVersion['verdict']
    >;
    await commit(world.store, 'ghcr', { kept: [{ ...kept, images: [image], verdict }], claims: [claimOf(kept)] });
    await world.store.remove(key);
    await world.store.remove(held);

    const { kinds } = await inspect(world, { repair: true });
    expect(kinds).toEqual(['missing-record', 'missing-record']);
    expect([await world.store.text(key), await world.store.text(held)]).toEqual(before);
  });

  test('commits what a record has and the snapshot has not', async () => {
    const { world, kept } = await besideWorld();
    const { artifacts, ...row } = kept;
    await commit(world.store, 'ghcr', { kept: [row], claims: [claimOf(kept)] });
    expect((await inspect(world)).found).toMatchObject([{ kind: 'uncommitted-holding', harmless: true }]);
    await inspect(world, { repair: true });
    expect((await snapshotOf(world, 'ghcr')).find('tagged', '0.1.0')?.artifacts).toEqual(artifacts);
    expect((await inspect(world)).found).toEqual([]);
  });

  test('rebuilds a lost snapshot with what stands beside its charts', async () => {
    const { world, kept } = await besideWorld();
    const { snapshot } = await commit(world.store, 'ghcr', { kept: [kept], claims: [claimOf(kept)] });
    await world.store.remove(`snapshots/sha256/${snapshot?.slice(7)}.gz`);
    await inspect(world, { repair: true });
    expect((await snapshotOf(world, 'ghcr')).find('tagged', '0.1.0')?.artifacts).toEqual(kept.artifacts);
  });
});
