import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { blobKey, catalogKey } from '../../src/store/layout.ts';
import { storeGone } from '../support/engine.ts';
import { faultOf } from '../support/http.ts';
import { claimOf, commit, hold, keysOf, putBlob } from '../support/kept-store.ts';
import { inspect, isSound, openWorld, signature, spoil } from './fsck-world.ts';

describe('fsck', () => {
  test('finds nothing wrong with a store that is whole, and changes nothing', async () => {
    const world = await openWorld();
    world.store.writes.length = 0;

    for (const repair of [false, true]) {
      const { found, counts } = await inspect(world, { repair });
      expect(found).toEqual([]);
      // format, state, two tables for each of two upstreams, three holdings, one provenance
      expect(counts).toMatchObject({ records: 10, blobs: 6, unnamed: 0 });
      expect(counts.bytes).toBeGreaterThan(100);
    }
    expect(world.store.writes).toEqual([]);
    expect([...world.nexus.calls, ...world.ghcr.calls]).toEqual([]);
  });

  test('finds nothing wrong with a store that is empty', async () => {
    const world = await openWorld();
    for (const key of await keysOf(world.store, '')) await world.store.remove(key);

    expect(await inspect(world, { repair: true })).toMatchObject({ found: [], counts: { records: 0, blobs: 0 } });
    expect(await keysOf(world.store, '')).toEqual([]);
  });

  test('only counts what nothing names', async () => {
    const world = await openWorld();
    await putBlob(world.store, Buffer.from('an orphan'));
    await world.store.write(catalogKey(digestOf(Buffer.from('x'))), Buffer.from('x'));

    expect(await inspect(world)).toMatchObject({ found: [], counts: { blobs: 7, unnamed: 2 } });
  });

  test('rejects when the store does not answer, and takes nothing for damaged', async () => {
    const world = await openWorld();
    for (const gone of ['snapshots/', 'holdings/', 'blobs/', 'state.json']) {
      world.store.beforeRead = (key) => {
        if (key.startsWith(gone)) storeGone();
      };
      world.store.writes.length = 0;
      expect(await faultOf(inspect(world, { repair: true }))).toMatchObject({ message: 'the store is gone' });
      expect(world.store.writes).toEqual([]);
    }
  });
});

describe('a blob that is damaged or missing', () => {
  const parts = ['archive', 'provenance', 'manifest', 'config'] as const;

  test.each(parts.flatMap((part) => [[part, 'damaged'] as const, [part, 'missing'] as const]))(
    'is found by fsck and fetched again: the %s, %s',
    async (part, how) => {
      const world = await openWorld();
      const bytes = {
        archive: world.archives.demo,
        provenance: signature,
        manifest: Buffer.from(world.documents.manifest),
        config: Buffer.from(world.documents.config),
      }[part];
      const key = blobKey(digestOf(bytes));
      if (how === 'damaged') await spoil(world.store, key);
      else await world.store.remove(key);
      const [upstream, version] =
        part === 'archive' || part === 'provenance' ? ['nexus', 'demo 1.0.0'] : ['ghcr', 'tagged 0.1.0'];

      const seen = await inspect(world);
      expect(seen.found).toMatchObject([
        {
          kind: `${how}-blob`,
          what: `${upstream}: the ${part} of ${version} is ${how} in the store (blob ${digestOf(bytes)}).`,
          harmless: false,
          repaired: undefined,
        },
      ]);
      expect(await isSound(world.store, bytes)).toBe(false);

      const { found } = await inspect(world, { repair: true });
      expect(found).toMatchObject([{ kind: `${how}-blob`, repaired: `It was fetched again from ${upstream}.` }]);
      expect(await isSound(world.store, bytes)).toBe(true);
      expect((await inspect(world)).found).toEqual([]);
    },
  );

  test('is not replaced by other bytes', async () => {
    const world = await openWorld();
    const key = blobKey(world.demo.archive.digest);
    await spoil(world.store, key);
    world.nexus.withdraw('demo', '1.0.0');
    await world.nexus.publish('demo', '1.0.0', { archive: world.archives.old, source: 'demo-1.0.0' });

    const { found } = await inspect(world, { repair: true });
    expect(found).toMatchObject([{ kind: 'damaged-blob', repaired: undefined }]);
    expect(found[0]?.advice).toMatch(/^It cannot be fetched again: .* Restore it from a backup\.$/);
    expect(await isSound(world.store, world.archives.demo)).toBe(false);
  });

  test.each([
    ['upstream has it no more', {}, 'nexus does not have these bytes any more.'],
    ['its upstream is not configured', { configured: ['ghcr'] }, 'nexus is not configured any more.'],
    ['its upstream is retired', { retired: true }, 'nexus is retired, and is not asked.'],
  ] as const)('stays lost when %s', async (_, options, why) => {
    const world = await openWorld();
    await world.store.remove(blobKey(world.old.archive.digest));

    const { found } = await inspect(world, { repair: true, ...options });
    expect(found).toMatchObject([{ kind: 'missing-blob', repaired: undefined }]);
    expect(found[0]?.advice).toContain(why);
    if ('retired' in options) expect(world.nexus.calls).toEqual([]);
  });

  test('is fetched from any upstream whose chart versions need it, and all of those are named', async () => {
    const world = await openWorld();
    const same = { chart: 'demo', version: '1.0.0', archive: world.archives.demo };
    const twin = await hold(world.store, 'gone', same);
    await commit(world.store, 'gone', { kept: [twin], claims: [claimOf(twin)] });
    await spoil(world.store, blobKey(twin.archive.digest));

    const { found } = await inspect(world, { repair: true });
    expect(found).toMatchObject([{ repaired: 'It was fetched again from nexus.' }]);
    expect(found[0]?.what).toContain('gone: the archive of demo 1.0.0 (and of nexus demo 1.0.0) is damaged');
  });

  test('is removed when nothing names it', async () => {
    const world = await openWorld();
    const { digest } = await putBlob(world.store, Buffer.from('an orphan'));
    await spoil(world.store, blobKey(digest));

    expect((await inspect(world)).found).toMatchObject([{ kind: 'damaged-blob', repaired: undefined }]);
    expect(await world.store.head(blobKey(digest))).toBeDefined();
    expect((await inspect(world, { repair: true })).found).toMatchObject([{ repaired: 'It was removed.' }]);
    expect(await world.store.head(blobKey(digest))).toBeUndefined();
  });

  test('is asked for by name when the catalog is lost too', async () => {
    const world = await openWorld();
    await spoil(world.store, blobKey(world.demo.archive.digest));
    for (const key of await keysOf(world.store, 'catalogs/')) await world.store.remove(key);

    const { found } = await inspect(world, { repair: true });
    expect(found.map(({ kind, repaired }) => [kind, repaired !== undefined])).toEqual([
      ['damaged-blob', true],
      ['lost-catalog', true],
      ['lost-catalog', true],
    ]);
    expect(world.nexus.calls).toContain('find demo-1.0.0');
  });

  test('that is found whole when it is looked for once more is no finding', async () => {
    const world = await openWorld();
    const key = blobKey(world.demo.archive.digest);
    await world.store.remove(key);
    let reads = 0;
    world.store.beforeRead = async (read) => {
      if (read === key && (reads += 1) === 1) await putBlob(world.store, world.archives.demo);
    };

    expect((await inspect(world)).found).toEqual([]);
  });
});
