import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

import { describe, expect, onTestFinished, test } from 'vitest';

import { digestOf, type Descriptor } from '../../src/chart/digest.ts';
import { Fault, reviveFault, type PlainFault } from '../../src/chart/fault.ts';
import { documentsOn } from '../../src/compose/threads.ts';
import { readDocuments } from '../../src/formats/chart-documents.ts';
import { Thread, ThreadDied } from '../../src/lib/thread.ts';
import { Documents } from '../../src/mirror/reading/documents.ts';
import { documentsKey } from '../../src/store/layout.ts';
import type { WorkerJobs } from '../../src/worker.ts';
import { chartArchive } from '../support/charts.ts';
import { storeGone, watchedStore } from '../support/engine.ts';
import { faultOf } from '../support/http.ts';
import { documentsOf, openerOf, silent } from '../support/library.ts';

const bytes = await chartArchive({ name: 'demo', version: '1.0.0' }, { 'README.md': '# demo\n' });
const archive: Descriptor = { mediaType: 'x', digest: digestOf(bytes), size: bytes.length };
const key = documentsKey(archive.digest);
const expected = { readme: '# demo\n', values: 'replicas: 1\n', tooLarge: [] };

function open(store = watchedStore()) {
  const opener = openerOf(() => bytes);
  return { store, ...opener, ...documentsOf(store, opener.mirror) };
}

describe('the documents of an archive', () => {
  test('are taken out once, and kept by its digest', async () => {
    const { store, documents, taken, opened } = open();

    expect(await documents.of('all', archive)).toEqual(expected);
    expect(await documents.of('all', archive)).toEqual(expected);
    expect(JSON.parse((await store.text(key)) ?? '')).toEqual(expected);
    expect(taken).toHaveLength(1);
    expect(opened).toEqual([`all ${archive.digest}`]);
  });

  test('are read from the store by another process, which opens no archive', async () => {
    const { store, documents } = open();
    await documents.of('all', archive);
    const other = open(store);

    expect(await other.documents.of('all', archive)).toEqual(expected);
    expect(other.opened).toEqual([]);
  });

  test('are taken out once for all who ask at once', async () => {
    const { documents, taken } = open();
    const all = await Promise.all([1, 2, 3].map(() => documents.of('all', archive)));

    expect(all).toEqual([expected, expected, expected]);
    expect(taken).toHaveLength(1);
  });

  test('are taken out of an archive that comes as a stream', async () => {
    const half = bytes.length >> 1;
    const parts = () => Readable.from([bytes.subarray(0, half), bytes.subarray(half)], { objectMode: false });
    const { documents } = documentsOf(watchedStore(), openerOf(parts).mirror);

    expect(await documents.of('all', archive)).toEqual(expected);
  });

  test.each(['{', 'null', '{"readme":1,"tooLarge":[]}', '{"readme":"x"}', ''])(
    'are taken out again where the record is damaged (%j), which is mended',
    async (text) => {
      const { store, documents } = open();
      await store.write(key, Buffer.from(text));

      expect(await documents.of('all', archive)).toEqual(expected);
      expect(JSON.parse((await store.text(key)) ?? '')).toEqual(expected);
    },
  );

  test('are answered while the store takes nothing, and kept once it does', async () => {
    const { store, documents, mirror } = open();
    store.beforeWrite = storeGone;

    expect(await documents.of('all', archive)).toEqual(expected);
    expect(await store.text(key)).toBeUndefined();
    store.beforeWrite = undefined;
    await documentsOf(store, mirror).documents.of('all', archive);
    expect(await store.text(key)).toBeDefined();
  });

  test('are answered while the store cannot be read', async () => {
    const { store, documents } = open();
    store.beforeRead = storeGone;

    expect(await documents.of('all', archive)).toEqual(expected);
  });

  test('that another process kept meanwhile are left as they are', async () => {
    const { store, documents } = open();
    const theirs = '{"tooLarge":[],"readme":"theirs"}';
    store.beforeWrite = async () => {
      store.beforeWrite = undefined;
      await store.write(key, Buffer.from(theirs));
    };

    expect(await documents.of('all', archive)).toEqual(expected);
    expect(await store.text(key)).toBe(theirs);
  });

  test('are not had from a repository that does not offer the archive any more', async () => {
    const { documents } = documentsOf(watchedStore(), openerOf(() => undefined).mirror);

    expect(await faultOf(documents.of('all', archive))).toMatchObject({ code: 'not-found' });
  });

  test('of one that cannot be read are a fault each time, and no record', async () => {
    const store = watchedStore();
    const { documents } = documentsOf(store, openerOf(() => Buffer.from('no gzip')).mirror);

    expect(await faultOf(documents.of('all', archive))).toMatchObject({ code: 'archive-invalid' });
    expect(await faultOf(documents.of('all', archive))).toMatchObject({ code: 'archive-invalid' });
    expect(store.writes).toEqual([]);
  });

  test('are in memory only as far as they are allowed to', async () => {
    const store = watchedStore();
    const { mirror } = openerOf(() => bytes);
    const extract = async () => readDocuments(bytes);
    const documents = new Documents({ store, mirror, extract, log: silent, maxHotBytes: 600 });
    const others = ['a', 'b', 'c'].map((text) => ({ ...archive, digest: digestOf(Buffer.from(text)) }));
    let reads = 0;
    store.beforeRead = () => void (reads += 1);
    for (const one of [...others, ...others]) await documents.of('all', one);

    expect(reads).toBe(6);
    await documents.of('all', others[2] ?? archive);
    expect(reads).toBe(6);
  });

  test.each([
    ['a', 1],
    ['\u00e4', 1],
    ['\u2713', 2],
  ])('take as much of that as their text takes in memory: %s', async (character, bytesOfOne) => {
    const readme = character.repeat(1_000);
    const isKept = async (maxHotBytes: number): Promise<boolean> => {
      const { mirror, opened } = openerOf(() => bytes);
      const store = watchedStore();
      store.beforeWrite = storeGone;
      const extract = async () => ({ readme, tooLarge: [] });
      const documents = new Documents({ store, mirror, extract, log: silent, maxHotBytes });
      for (const _ of [1, 2]) await documents.of('all', archive);
      return opened.length === 1;
    };

    expect(await isKept(bytesOfOne * 1_000)).toBe(false);
    expect(await isKept(bytesOfOne * 1_000 + 256)).toBe(true);
  });

  test('are taken out of two archives at once, whoever asks', async () => {
    let running = 0;
    let most = 0;
    const extract = async () => {
      most = Math.max(most, (running += 1));
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (most > 2) throw new Fault('too-large', 'too many at once', '');
      return readDocuments(bytes);
    };
    const { mirror } = openerOf(() => bytes);
    const documents = new Documents({ store: watchedStore(), mirror, extract, log: silent });
    const all = Array.from({ length: 20 }, (_, at) => ({ ...archive, digest: digestOf(Buffer.from(`${at}`)) }));
    await Promise.all(all.map((one) => documents.of('all', one)));

    expect(most).toBe(2);
  });
});

describe('the thread that looks into archives', () => {
  test('takes their documents out, and refuses what is hostile', async () => {
    const module = new URL('../../src/worker.ts', import.meta.url);
    const revive = (details: unknown) => reviveFault(details as PlainFault);
    const thread = new Thread<WorkerJobs>({ module, maxHeapMiB: 256, timeoutMs: 20_000, revive });
    onTestFinished(() => thread.close());
    const extract = documentsOn(thread);

    expect(await extract(bytes)).toEqual(expected);
    expect(await faultOf(extract(gzipSync(Buffer.alloc(200 * 1024 * 1024))))).toMatchObject({ code: 'too-large' });
    expect(await extract(bytes)).toEqual(expected);
  });

  test('dies of what is the fault of the archive', async () => {
    const run = () => Promise.reject(new ThreadDied('the worker thread took longer than 5 ms'));
    const extract = documentsOn({ run } as unknown as Thread<WorkerJobs>);

    expect(await faultOf(extract(bytes))).toMatchObject({ code: 'archive-invalid' });
  });
});
