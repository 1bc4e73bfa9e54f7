import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { mediaTypes } from '../../src/formats/oci-manifest.ts';
import { imageOf } from '../../src/mirror/fetching/image.ts';
import { imageKey, snapshotKey } from '../../src/store/layout.ts';
import { claimOf, commit } from '../support/kept-store.ts';
import { inspect, openWorld, recordOfUpstream, snapshotOf } from './fsck-world.ts';

/** A store with two images of one archive, with and without its provenance, both of which were told. */
async function open() {
  const world = await openWorld();
  const { archive, provenance } = world.demo;
  if (typeof provenance !== 'object') throw new Error('demo is signed');
  const images = [undefined, provenance].map((signed) => {
    const config = '{"name":"demo"}';
    const manifest = JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: mediaTypes.chartConfig, digest: digestOf(Buffer.from(config)), size: config.length },
      layers: [archive, ...(signed ? [signed] : [])],
    });
    const image = imageOf(config, manifest, signed);
    return { key: imageKey(archive.digest, signed?.digest), record: { config, manifest }, image };
  });
  for (const { key, record } of images) await world.store.write(key, Buffer.from(JSON.stringify(record)));
  const told = { ...world.demo, images: images.map(({ image }) => image.names) };
  await commit(world.store, 'nexus', {
    kept: [told, world.old],
    claims: [claimOf(told), { ...claimOf(world.old), missing: 3 }],
  });
  const [plain, signed] = images;
  if (!plain || !signed) throw new Error('there are two');
  return { ...world, plain, signed };
}

describe('a check of the store', () => {
  test('finds nothing wrong with images that are what was told', async () => {
    const world = await open();
    expect((await inspect(world)).found).toEqual([]);
  });

  test.each([
    ['no JSON', () => '{'],
    ['no image', () => '{"config":1}'],
    ['another config', ({ manifest }: Record) => JSON.stringify({ config: '{}', manifest })],
    ['another manifest', ({ config, manifest }: Record) => JSON.stringify({ config, manifest: `${manifest} ` })],
    ['the image without the provenance', (_: Record, plain: Record) => JSON.stringify(plain)],
  ])('finds %s in the place of one, and removes it', async (_name, damage) => {
    const world = await open();
    const { store, plain, signed } = world;
    await store.write(signed.key, Buffer.from(damage(signed.record, plain.record)));
    const { found } = await inspect(world);

    expect(found).toMatchObject([{ kind: 'damaged-record', harmless: false }]);
    expect(found[0]?.what).toBe(`The record of what an archive is in a registry is damaged (${signed.key}).`);
    expect((await inspect(world, { repair: true })).found[0]?.repaired).toMatch(/^It was removed; it is made again/);
    expect(await store.head(signed.key)).toBeUndefined();
    expect(await store.head(plain.key)).toBeDefined();
    expect((await inspect(world)).found).toEqual([]);
  });
});

describe('a lost snapshot', () => {
  test('is rebuilt with every digest that may have been told of images, and no other', async () => {
    const world = await open();
    const { store, demo, plain, signed } = world;
    if (typeof demo.provenance !== 'object') throw new Error('demo is signed');
    const elsewhere = digestOf(Buffer.from('the provenance of another upstream'));
    const foreign = JSON.stringify(signed.record).replaceAll(demo.provenance.digest, elsewhere);
    await store.write(imageKey(demo.archive.digest, elsewhere), Buffer.from(foreign));
    const { snapshot } = await recordOfUpstream(world, 'nexus');
    await store.remove(snapshotKey(snapshot ?? 'sha256:'));
    const { found } = await inspect(world, { repair: true });

    expect(found).toMatchObject([{ repaired: 'It was rebuilt from the records of 2 held versions.' }]);
    const [row] = (await snapshotOf(world, 'nexus')).naming('demo', signed.image.names.manifest.digest);
    expect(new Set(row?.images)).toEqual(new Set([plain.image.names, signed.image.names]));
    expect((await inspect(world)).found).toEqual([]);
  });

  test('of a registry gets no image that was derived of the same archive for another upstream', async () => {
    const world = await open();
    const { store, tagged, plain } = world;
    const record = JSON.stringify(plain.record).replaceAll(world.demo.archive.digest, tagged.archive.digest);
    await store.write(imageKey(tagged.archive.digest, undefined), Buffer.from(record));
    const { snapshot } = await recordOfUpstream(world, 'ghcr');
    await store.remove(snapshotKey(snapshot ?? 'sha256:'));
    await inspect(world, { repair: true });

    expect([...(await snapshotOf(world, 'ghcr')).all()]).toEqual([tagged]);
  });
});

interface Record {
  readonly config: string;
  readonly manifest: string;
}
