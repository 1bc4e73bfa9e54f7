import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Tables } from '../../src/mirror/committing/tables.ts';
import { sweep, type SweepParts } from '../../src/mirror/retention/sweep.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import {
  attachmentKey,
  blobKey,
  catalogKey,
  firstHoldingKey,
  replacementKey,
  snapshotKey,
} from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { storeGone, watchedStore } from '../support/engine.ts';
import { faultOf } from '../support/http.ts';
import { claimOf, commit, hold, jobsHere, keysOf, putBlob } from '../support/kept-store.ts';

const hour = 60 * 60 * 1000;
const garbage = Buffer.from('nobody names this');

function open() {
  const clock = new ManualClock();
  const store = watchedStore(memoryStore({ clock }));
  const parts = (more: Partial<SweepParts> = {}): SweepParts => ({
    store,
    tidy: async () => 0,
    load: (kind, digest) => new Tables(store, jobsHere).load(kind, digest),
    clock,
    signal: new AbortController().signal,
    ...more,
  });
  return { clock, store, sweepNow: (more?: Partial<SweepParts>) => sweep(parts(more)) };
}

/** A store in which something is named in every way there is, and nothing is not. */
async function everyWay(store: ObjectStore) {
  const bytes = (text: string) => Buffer.from(text);
  const documents = { manifest: bytes('manifest'), config: bytes('config') };
  const committed = await hold(store, 'ghcr', { chart: 'a', version: '1.0.0', archive: bytes('a1'), documents });
  const signed = await hold(store, 'gone', {
    chart: 'b',
    version: '1.0.0',
    archive: bytes('b1'),
    provenance: bytes('signed'),
  });
  const described = {
    manifest: await putBlob(store, bytes('described manifest')),
    config: await putBlob(store, bytes('described config')),
  };
  const first = await hold(store, 'ghcr', { chart: 'r', version: '1.0.0', archive: bytes('r first') });
  const acceptedAt = '2025-02-01T00:00:00.000Z';
  const replaced = await hold(store, 'ghcr', { chart: 'r', version: '1.0.0', archive: bytes('r second'), acceptedAt });
  await hold(store, 'ghcr', {
    chart: 'r',
    version: '1.0.0',
    archive: bytes('r third'),
    acceptedAt: '2025-03-01T00:00:00.000Z',
  });
  await hold(store, 'ghcr', { chart: 'c', version: '1.0.0', archive: bytes('c1'), provenance: bytes('signed too') });
  await hold(store, 'never-committed', { chart: 'd', version: '1.0.0', archive: bytes('d1'), provenance: 'none' });
  await commit(store, 'ghcr', {
    kept: [committed, replaced],
    claims: [{ ...claimOf(committed), documents: described }, claimOf(first)],
  });
  await commit(store, 'gone', { kept: [signed], claims: [claimOf(signed)] });
}

describe('a sweep', () => {
  test('removes what nothing has named for a day, and says what', async () => {
    const { clock, store, sweepNow } = open();
    await everyWay(store);
    const kept = await keysOf(store, '');
    await putBlob(store, garbage);
    await store.write(catalogKey(digestOf(garbage)), garbage);
    await store.write(snapshotKey(digestOf(garbage)), garbage);
    await clock.advance(25 * hour);

    const swept = await sweepNow({ tidy: async (olderThanMs) => olderThanMs / hour });

    expect(swept).toEqual({ blobs: 1, tables: 2, derived: 0, bytes: 3 * garbage.length, leftovers: 24, left: 0 });
    expect(await keysOf(store, '')).toEqual(kept);
  });

  test('leaves what was written within the day', async () => {
    const { clock, store, sweepNow } = open();
    await everyWay(store);
    await putBlob(store, garbage);
    await clock.advance(25 * hour);
    await putBlob(store, garbage);
    await clock.advance(23 * hour);

    expect(await sweepNow()).toMatchObject({ blobs: 0, tables: 0, bytes: 0 });
    await clock.advance(2 * hour);
    expect(await sweepNow()).toMatchObject({ blobs: 1 });
  });

  test('leaves keys alone that it does not know', async () => {
    const { clock, store, sweepNow } = open();
    await everyWay(store);
    const hex = 'a'.repeat(64);
    const unknown = [`blobs/sha256/ff/${hex}`, `blobs/${hex}`, 'catalogs/sha256/x.gz', 'snapshots/readme', 'notes/x'];
    for (const key of unknown) await store.write(key, garbage);
    await clock.advance(25 * hour);

    expect(await sweepNow()).toMatchObject({ blobs: 0, tables: 0 });
    for (const key of unknown) expect(await store.head(key)).toBeDefined();
  });

  test('removes the replaced tables of an upstream', async () => {
    const { clock, store, sweepNow } = open();
    const [one, two] = await Promise.all(
      ['1.0.0', '2.0.0'].map((version) => hold(store, 'nexus', { chart: 'a', version, archive: garbage })),
    );
    for (const kept of [[one], [one, two]]) {
      const rows = kept.filter((row) => row !== undefined);
      await commit(store, 'nexus', { claims: rows.map(claimOf), kept: rows });
    }
    await clock.advance(25 * hour);

    expect(await sweepNow()).toMatchObject({ blobs: 0, tables: 2 });
    expect(await keysOf(store, 'catalogs/')).toHaveLength(1);
    expect(await keysOf(store, 'snapshots/')).toHaveLength(1);
  });

  test.each<readonly [string, (store: ObjectStore) => Promise<unknown>]>([
    ['the state is missing', (store) => store.remove('state.json')],
    ['the state is damaged', (store) => store.write('state.json', Buffer.from('{'))],
    ['a catalog is missing', async (store) => store.remove((await keysOf(store, 'catalogs/'))[0] ?? '')],
    ['a snapshot is damaged', async (store) => store.write((await keysOf(store, 'snapshots/'))[0] ?? '', garbage)],
    [
      'a holding that no snapshot has is damaged',
      (store) => store.write(firstHoldingKey('ghcr', 'c', '1.0.0'), Buffer.from('{"chart":"c"}')),
    ],
    [
      'a replacement is damaged',
      (store) =>
        store.write(replacementKey('ghcr', 'r', '1.0.0', digestOf(Buffer.from('r third'))), Buffer.from('null')),
    ],
    [
      'attachments that no snapshot has are damaged',
      (store) =>
        store.write(
          attachmentKey('ghcr', digestOf(Buffer.from('c1'))),
          Buffer.from(`{"provenance":"${'x'.repeat(80)}"}`),
        ),
    ],
  ])('removes nothing when %s, and says so', async (_, damage) => {
    const { clock, store, sweepNow } = open();
    await everyWay(store);
    await putBlob(store, garbage);
    await damage(store);
    await clock.advance(25 * hour);
    const before = await keysOf(store, '');

    expect(await faultOf(sweepNow())).toMatchObject({
      code: 'store-failed',
      message: expect.stringMatching(/^Nothing was swept from the store: /) as string,
    });
    expect(await keysOf(store, '')).toEqual(before);
  });

  test('reads no holding that a snapshot accounts for', async () => {
    const { clock, store, sweepNow } = open();
    const kept = await Promise.all(
      Array.from({ length: 500 }, (_, at) =>
        hold(store, 'nexus', {
          chart: 'a',
          version: `1.0.${at}`,
          archive: Buffer.from(`${at}`),
          provenance: at % 2 ? 'none' : Buffer.from(`signature ${at}`),
        }),
      ),
    );
    await commit(store, 'nexus', { kept, claims: kept.map(claimOf) });
    await putBlob(store, garbage);
    await clock.advance(25 * hour);
    const reads: string[] = [];
    store.beforeRead = (key) => void reads.push(key);

    expect(await sweepNow()).toMatchObject({ blobs: 1 });
    expect(reads.filter((key) => !key.startsWith('blobs/') && key !== 'lease.json')).toHaveLength(4);
  });

  test('keeps in memory no more than a batch of what it removes', async () => {
    const { clock, store, sweepNow } = open();
    await commit(store, 'nexus', {});
    for (let at = 0; at < 10; at += 1) await putBlob(store, Buffer.alloc(100, at));
    await clock.advance(25 * hour);
    const steps: string[] = [];
    store.beforeRead = (key) => {
      if (key !== 'lease.json') steps.push(key === 'state.json' ? 'look' : 'blob');
    };

    expect(await sweepNow({ batchBytes: 350 })).toMatchObject({ blobs: 10, bytes: 1000 });
    const three = Array.from({ length: 6 }, () => 'blob');
    expect(steps).toEqual(['look', ...three, 'look', ...three, 'look', ...three, 'look', 'blob', 'blob', 'look']);
  });

  test('stops between two objects when told to, having looked at the records again', async () => {
    const { clock, store, sweepNow } = open();
    await commit(store, 'nexus', {});
    for (let at = 0; at < 10; at += 1) await putBlob(store, Buffer.alloc(100, at));
    await clock.advance(25 * hour);
    const stop = new AbortController();
    let looks = 0;
    store.beforeRead = (key) => {
      if (key.startsWith('blobs/')) stop.abort();
      if (key === 'state.json') looks += 1;
    };

    expect(await sweepNow({ signal: stop.signal, tidy: async () => 7 })).toMatchObject({ blobs: 1, leftovers: 0 });
    expect(await keysOf(store, 'blobs/')).toHaveLength(9);
    expect(looks).toBe(2);
  });

  test('puts everything back when it cannot look at the records again', async () => {
    const { clock, store, sweepNow } = open();
    await commit(store, 'nexus', {});
    await putBlob(store, garbage);
    await clock.advance(25 * hour);
    let looks = 0;
    store.beforeRead = (key) => {
      if (key === 'state.json' && (looks += 1) > 1) storeGone();
    };

    expect(await faultOf(sweepNow())).toMatchObject({ code: 'store-failed' });
    expect(await store.head(blobKey(digestOf(garbage)))).toBeDefined();
  });

  test('does not put damaged bytes back', async () => {
    const { clock, store, sweepNow } = open();
    await commit(store, 'nexus', {});
    await store.write(blobKey(digestOf(garbage)), Buffer.from('something else'));
    await clock.advance(25 * hour);
    let looks = 0;
    store.beforeRead = async (key) => {
      if (key === 'state.json' && (looks += 1) === 2)
        await store.write(firstHoldingKey('nexus', 'a', '1.0.0'), naming());
    };

    await sweepNow();
    expect(await store.head(blobKey(digestOf(garbage)))).toBeUndefined();
  });
});

function naming(): Buffer {
  const archive = { mediaType: 'test', digest: digestOf(garbage), size: garbage.length };
  return Buffer.from(JSON.stringify({ chart: 'a', version: '1.0.0', archive, heldAt: '' }));
}
