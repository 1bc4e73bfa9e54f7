import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { diskFault } from '../../src/store/filesystem-faults.ts';
import { claimFolder } from '../../src/store/filesystem-succession.ts';
import { filesystemStore, openFilesystem } from '../../src/store/filesystem.ts';
import { describeObjectStore, patternBytes } from '../contract/object-store.ts';
import { faultOf } from '../support/http.ts';
import { temporaryFolder } from '../support/temp.ts';
import { cannotMount, smallVolume } from '../support/volume.ts';

const hello = Buffer.from('hello');
const large = 3 * 1024 * 1024;
const hourMs = 3_600_000;

describeObjectStore('in a folder', async () => {
  const path = await temporaryFolder();
  return { store: filesystemStore({ path }), makeOld: (key) => age(join(path, key), hourMs) };
});

/** Sets the time of a file or folder back. */
async function age(path: string, ms: number): Promise<void> {
  const { mtimeMs } = await stat(path);
  await utimes(path, (mtimeMs - ms) / 1000, (mtimeMs - ms) / 1000);
}

async function bytesOf(store: ReturnType<typeof filesystemStore>, key: string): Promise<string> {
  return String((await store.read(key))?.body);
}

describe('a store in a folder', () => {
  it('keeps objects as plain files, upper case marked, and nothing else once it is at rest', async () => {
    const path = await temporaryFolder();
    const store = filesystemStore({ path });
    await store.write('blobs/x', hello);
    await store.write('holdings/u/MyChart/1.0.0/first.json', hello, 'absent');
    const first = await store.write('state.json', hello);
    await store.write('state.json', Buffer.from('world'), first as { etag: string });
    expect(await readFile(join(path, 'blobs/x'), 'utf8')).toBe('hello');
    expect(await readFile(join(path, 'holdings/u/!my!chart/1.0.0/first.json'), 'utf8')).toBe('hello');
    expect(await readFile(join(path, 'state.json'), 'utf8')).toBe('world');
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
  });

  it('passes over what others left in its folder', async () => {
    const path = await temporaryFolder();
    const store = filesystemStore({ path });
    await store.write('a', hello);
    await mkdir(join(path, 'lost+found'));
    for (const name of ['lost+found/b', 'Upper', 'with space', 'x!', 'tmp/half']) await writeFile(join(path, name), '');
    const keys: string[] = [];
    for await (const { key } of store.list('')) keys.push(key);
    expect(keys).toEqual(['a']);
  });

  it('is made ours when it is prepared, and refused when it is of another kind', async () => {
    const { store, prepare, conditional } = openFilesystem({ path: await temporaryFolder() });
    await prepare();
    expect(await bytesOf(store, 'format.json')).toBe('{"format":1}\n');
    expect(conditional()).toBe(true);
    await store.write('format.json', Buffer.from('{"format":2}'));
    expect((await faultOf(prepare())).code).toBe('store-failed');
  });

  it('takes what was interrupted long ago away, and nothing else', async () => {
    const path = await temporaryFolder();
    const { store, tidy } = openFilesystem({ path });
    await store.write('tmp/a', hello);
    const old = ['old-file', 'old.claim', 'claim-held', 'claim-emptied'];
    for (const name of [...old, 'young-file', 'young.claim', 'claim-young']) {
      const file = join(path, 'tmp', name);
      if (!name.endsWith('file')) await mkdir(file);
      if (!name.endsWith('emptied')) await writeFile(name.endsWith('file') ? file : join(file, 'nonce'), 'x');
    }
    for (const name of old) await age(join(path, 'tmp', name), 25 * hourMs);
    for (const name of ['young-file', 'young.claim']) await age(join(path, 'tmp', name), 23 * hourMs);
    await age(join(path, 't!/mp/a'), 25 * hourMs);
    expect(await tidy(24 * hourMs)).toBe(3);
    expect((await readdir(join(path, 'tmp'))).sort()).toEqual([
      'claim-held',
      'claim-young',
      'young-file',
      'young.claim',
    ]);
    expect(await tidy(24 * hourMs)).toBe(0);
    expect(await bytesOf(store, 'tmp/a')).toBe('hello');
  });

  it('takes a file where its folder should be, or above it, for trouble and not for absence', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'data')]) {
      const store = filesystemStore({ path });
      const works = {
        head: () => store.head('state.json'),
        read: () => store.read('state.json'),
        write: () => store.write('state.json', hello),
        create: () => store.write('state.json', hello, 'absent'),
        remove: () => store.remove('state.json'),
        list: () => Array.fromAsync(store.list('')),
      };
      for (const [what, work] of Object.entries(works)) {
        const { code, message } = await faultOf(work());
        expect([what, code, message.includes('there is a file where a folder should be')]).toEqual([
          what,
          'store-failed',
          true,
        ]);
      }
    }
    // below its folder it is absence: names of objects may begin as those of others
    const store = filesystemStore({ path: await temporaryFolder() });
    await store.write('a', hello);
    expect([await store.head('a/b'), await Array.fromAsync(store.list('a/b'))]).toEqual([undefined, []]);
  });

  it('has nothing to tidy before anything was written', async () => {
    expect(await openFilesystem({ path: join(await temporaryFolder(), 'none') }).tidy(0)).toBe(0);
  });

  it('writes nothing when an object has the bytes already, so that a full disk can renew it', async () => {
    const path = await temporaryFolder();
    const store = filesystemStore({ path });
    await store.write('a', hello);
    const { ino } = await stat(join(path, 'a'));
    await rm(join(path, 'tmp'), { recursive: true });
    await store.write('a', hello);
    expect((await stat(join(path, 'a'))).ino).toBe(ino);
    expect(await readdir(path)).toEqual(['a']);
  });

  it('leaves no file open, whatever becomes of the bodies', async () => {
    const store = filesystemStore({ path: await temporaryFolder() });
    await store.write('small', hello);
    await store.write('large', patternBytes(large));
    const open = async () => (await readdir('/proc/self/fd')).length;
    const before = await open();
    for (let round = 0; round < 30; round += 1) {
      await store.head('small');
      await store.head('large');
      await store.head('missing');
      await store.read('small');
      await store.read('small', { start: 9, end: 10 }).catch(() => undefined);
      const unread = (await store.read('large'))?.body;
      const begun = (await store.read('large', { start: 5, end: large - 1 }))?.body;
      if (!unread || !begun || Buffer.isBuffer(unread) || Buffer.isBuffer(begun)) throw new Error('not streamed');
      await once(begun, 'readable');
      for (const body of [unread, begun]) {
        body.destroy();
        await once(body, 'close');
      }
    }
    expect(await open()).toBeLessThanOrEqual(before);
  });

  it('ends a body with a fault when the file turns out shorter', async () => {
    const path = await temporaryFolder();
    const store = filesystemStore({ path });
    await store.write('large', patternBytes(large));
    const body = (await store.read('large'))?.body;
    if (!body || Buffer.isBuffer(body)) throw new Error('not streamed');
    await truncate(join(path, 'large'), 1000);
    const consumed = (async () => {
      for await (const chunk of body) void chunk;
    })();
    expect((await faultOf(consumed)).code).toBe('store-failed');
  });

  it('tells two large objects of the same size apart, however quickly one follows the other', async () => {
    const store = filesystemStore({ path: await temporaryFolder() });
    const etags = new Set<string>();
    for (let seed = 0; seed < 10; seed += 1) {
      await store.write('large', patternBytes(large, seed));
      etags.add((await store.head('large'))?.etag ?? '');
    }
    expect(etags.size).toBe(10);
  });

  it('completes the claim of a writer that died, and does not write over it', async () => {
    const path = await temporaryFolder();
    const store = filesystemStore({ path });
    const { etag } = (await store.write('state.json', hello)) as { etag: string };
    const file = join(path, 'state.json');
    const claim = claimFolder({ file, expected: digestOf(hello), workFolder: join(path, 'tmp') });
    await mkdir(claim);
    await writeFile(join(claim, 'nonce-of-the-dead'), 'from the dead');
    expect(await store.write('state.json', Buffer.from('mine'), { etag })).toBe('conflict');
    expect(await bytesOf(store, 'state.json')).toBe('from the dead');
    const now = (await store.head('state.json'))?.etag ?? '';
    expect(await store.write('state.json', Buffer.from('mine'), { etag: now })).not.toBe('conflict');
    expect(await bytesOf(store, 'state.json')).toBe('mine');
    await expect(stat(claim)).rejects.toThrow('ENOENT');
  });

  it('ignores the claim of a writer that came too late and died', async () => {
    const path = await temporaryFolder();
    const store = filesystemStore({ path });
    const { etag } = (await store.write('state.json', Buffer.from('second'))) as { etag: string };
    const file = join(path, 'state.json');
    const claim = claimFolder({ file, expected: digestOf(hello), workFolder: join(path, 'tmp') });
    await mkdir(claim);
    await writeFile(join(claim, 'nonce-of-the-dead'), 'from the dead');
    expect(await store.write('state.json', hello, { etag: digestOf(hello) })).toBe('conflict');
    expect(await store.write('state.json', Buffer.from('third'), { etag })).not.toBe('conflict');
    expect(await bytesOf(store, 'state.json')).toBe('third');
  });

  it('says what is wrong with the disk and what to do, for every trouble it knows', () => {
    for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO', 'EMFILE', 'ENFILE', 'EXDEV', 'EWHAT']) {
      const fault = diskFault(Object.assign(new Error('x'), { code }), '/data', 'write a');
      expect([fault.code, fault.message.includes(code), fault.advice.length > 10]).toEqual([
        'store-failed',
        true,
        true,
      ]);
    }
    const fault = new Fault('store-failed', 'a', 'b');
    expect(diskFault(fault, '/data', 'write a')).toBe(fault);
  });
});

describe.skipIf(await cannotMount())('a store on a troubled disk', () => {
  it('leaves nothing half written when the disk is full, and recovers by itself', async () => {
    const { path } = await smallVolume('2m');
    const store = filesystemStore({ path });
    await store.write('kept', patternBytes(1_000_000));
    for (const onlyIf of [undefined, 'absent', { etag: digestOf(hello) }] as const) {
      const key = typeof onlyIf === 'object' ? 'kept' : 'blobs/new';
      const condition = typeof onlyIf === 'object' ? { etag: digestOf(patternBytes(1_000_000)) } : onlyIf;
      const fault = await faultOf(store.write(key, patternBytes(3_000_000), condition));
      expect(fault.code).toBe('store-failed');
      expect(fault.message).toContain('full (ENOSPC)');
      expect(fault.advice).toContain('space');
    }
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
    expect(await store.head('blobs/new')).toBeUndefined();
    expect((await store.head('kept'))?.etag).toBe(digestOf(patternBytes(1_000_000)));
    await store.remove('kept');
    await store.write('blobs/new', patternBytes(1_000_000));
    expect((await store.head('blobs/new'))?.size).toBe(1_000_000);
  });

  it('goes on reading from a read-only disk and faults on writing', async () => {
    const volume = await smallVolume('2m');
    const store = filesystemStore({ path: volume.path });
    const { etag } = (await store.write('a', hello)) as { etag: string };
    await volume.setReadOnly(true);
    expect(await bytesOf(store, 'a')).toBe('hello');
    for (const onlyIf of [undefined, 'absent', { etag }] as const) {
      const fault = await faultOf(store.write(onlyIf === 'absent' ? 'b' : 'a', Buffer.from('x'), onlyIf));
      expect([fault.code, fault.message.includes('read-only (EROFS)')]).toEqual(['store-failed', true]);
    }
    expect((await faultOf(store.remove('a'))).advice).toBe('Mount it writable.');
    await volume.setReadOnly(false);
    expect(await store.write('a', Buffer.from('x'), { etag })).not.toBe('conflict');
  });
});
