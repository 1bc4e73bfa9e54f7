import { randomUUID } from 'node:crypto';
import { link, readdir, rm, stat, unlink, utimes } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { LRUCache } from 'lru-cache';

import { digestOf, type Digest } from '../chart/digest.ts';
import type { ByteRange } from '../lib/bytes.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import type { ObjectInfo, ObjectStore, OpenObject, Precondition, PreparedStore, Written } from './contract.ts';
import { diskFault, errnoOf, unless } from './filesystem-faults.ts';
import {
  digestOfFile,
  digestOfHandle,
  makeFolder,
  nothingIn,
  openFile,
  streamOfHandle,
  syncFolder,
  writeNewFile,
} from './filesystem-files.ts';
import { removeLeftovers } from './filesystem-leftovers.ts';
import { isTaken, keyOfFile, mayHold, namesOfKey, textOfFolder, workFolder } from './filesystem-paths.ts';
import { succeed } from './filesystem-succession.ts';
import { maxBufferBytes, requireKey, requirePrefix, requireRange } from './keys.ts';
import { openLayout } from './layout.ts';

export interface FilesystemOptions {
  /** The folder. It is made when something is written. */
  readonly path: string;
  readonly clock?: Clock;
}

/** A file touched this recently may be followed by another that looks the same from outside. */
const settledMs = 2000;

/**
 * A store in a folder, which several processes may use at once. An object is a file that appears whole or not at all,
 * also across `kill -9` and power loss: written and synced in `tmp/`, then linked or renamed into place, then the
 * folder synced. Etags are digests of the content, so an etag is as good as the bytes; those of objects above 1 MiB
 * are remembered, so they are hashed once. Preconditions hold between processes: 'absent' is `link`, which fails where
 * something is; for the rest see `succeed`.
 */
export function filesystemStore(options: FilesystemOptions): ObjectStore {
  return openStore(options);
}

/** The same, put together as the engine wants it. What interrupted writes leave is in `tmp/`, until it is tidied. */
export function openFilesystem(options: FilesystemOptions): PreparedStore {
  const store = openStore(options);
  return {
    store,
    prepare: () => openLayout(store),
    conditional: () => true,
    tidy: (olderThanMs) => store.tidy(olderThanMs),
    close: () => undefined,
  };
}

function openStore({ path, clock = systemClock }: FilesystemOptions): FilesystemStore {
  return new FilesystemStore(resolve(path), clock);
}

class FilesystemStore implements ObjectStore {
  readonly #folder: string;
  readonly #work: string;
  readonly #clock: Clock;
  readonly #digests = new LRUCache<string, Digest>({ max: 10_000 });

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#work = join(folder, workFolder);
    this.#clock = clock;
  }

  head(key: string): Promise<ObjectInfo | undefined> {
    return this.#guarded('look at', key, async () => {
      const handle = await openFile(this.#pathOf(key));
      if (!handle) return nothingIn(this.#folder);
      try {
        const { size, mtimeMs } = await handle.stat();
        const etag = size > maxBufferBytes ? await this.#rememberedDigest(handle) : await digestOfHandle(handle);
        return { key, size, etag, modifiedMs: mtimeMs };
      } finally {
        await handle.close();
      }
    });
  }

  read(key: string, range?: ByteRange): Promise<OpenObject | undefined> {
    return this.#guarded('read', key, async () => {
      const handle = await openFile(this.#pathOf(key));
      if (!handle) return nothingIn(this.#folder);
      let streaming = false;
      try {
        const total = (await handle.stat()).size;
        requireRange(key, range, total);
        if (total <= maxBufferBytes) return wholeOf(await handle.readFile(), range);
        const etag = await this.#rememberedDigest(handle);
        const part = range ?? { start: 0, end: total - 1 };
        const body = streamOfHandle(handle, part, (error) => diskFault(error, this.#folder, `read ${key}`));
        streaming = true;
        return { size: part.end + 1 - part.start, total, etag, body };
      } finally {
        if (!streaming) await handle.close();
      }
    });
  }

  write(key: string, bytes: Uint8Array, onlyIf?: Precondition): Promise<Written | 'conflict'> {
    return this.#guarded('write', key, async () => {
      const file = this.#pathOf(key);
      const etag = digestOf(bytes);
      if (onlyIf === 'absent' && (await isThere(file))) return conflictIn(file);
      if (!onlyIf && (await this.#renew(file, etag))) return { etag };
      const next = await this.#prepare(bytes);
      try {
        if (onlyIf === 'absent') return (await publishNew(next.path, file)) ? { etag } : await conflictIn(file);
        if (!onlyIf) await this.#overwrite(next, file, etag);
        else if (!(await this.#swap(next, file, etag, onlyIf.etag as Digest))) return 'conflict';
        return { etag };
      } finally {
        await rm(next.path, { force: true }).catch(() => undefined);
      }
    });
  }

  remove(key: string): Promise<void> {
    return this.#guarded('remove', key, async () => {
      const file = this.#pathOf(key);
      const removed = await unless(
        ['ENOENT', 'ENOTDIR', 'EISDIR'],
        unlink(file).then(() => true),
      );
      if (removed) await syncFolder(dirname(file));
      else await nothingIn(this.#folder);
    });
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    requirePrefix(prefix);
    try {
      yield* this.#walk([], '', prefix);
    } catch (error) {
      throw diskFault(error, this.#folder, `list ${prefix || 'its objects'}`);
    }
  }

  /** See `PreparedStore`. */
  async tidy(olderThanMs: number): Promise<number> {
    try {
      return await removeLeftovers(this.#work, this.#clock.now() - olderThanMs);
    } catch (error) {
      throw diskFault(error, this.#folder, 'tidy up');
    }
  }

  #pathOf(key: string): string {
    return join(this.#folder, ...namesOfKey(key));
  }

  async #guarded<T>(verb: string, key: string, work: () => Promise<T>): Promise<T> {
    requireKey(key);
    try {
      return await work();
    } catch (error) {
      throw diskFault(error, this.#folder, `${verb} ${key}`);
    }
  }

  /** Puts the bytes into a file of the work folder, which the caller takes away again. */
  async #prepare(bytes: Uint8Array): Promise<{ readonly path: string; readonly nonce: string }> {
    const nonce = randomUUID();
    const path = join(this.#work, nonce);
    const written = await unless(
      ['ENOENT'],
      writeNewFile(path, bytes).then(() => true),
    );
    if (!written) {
      await makeFolder(this.#work);
      await writeNewFile(path, bytes);
    }
    return { path, nonce };
  }

  /** One precondition after the other until one holds: a plain write takes its turn among the conditional ones. */
  async #overwrite(next: { path: string; nonce: string }, file: string, etag: Digest): Promise<void> {
    for (;;) {
      if (await publishNew(next.path, file)) return;
      const current = await digestOfFile(file);
      if (current && (await this.#swap(next, file, etag, current))) return;
      if (!current) await refuseFolder(file);
    }
  }

  async #swap(next: { path: string; nonce: string }, file: string, etag: Digest, expected: Digest): Promise<boolean> {
    if (etag === expected) return this.#renew(file, etag);
    const nonce = `${next.nonce}-${randomUUID()}`;
    return succeed({ file, expected, next: next.path, workFolder: this.#work, nonce });
  }

  /** Gives a file that holds this content already the time of now; false when it does not, or is gone meanwhile. */
  async #renew(file: string, etag: Digest): Promise<boolean> {
    if ((await digestOfFile(file)) !== etag) return false;
    const seconds = this.#clock.now() / 1000;
    const renewed = await unless(
      ['ENOENT'],
      utimes(file, seconds, seconds).then(() => true),
    );
    if (renewed) await syncFolder(dirname(file));
    return renewed ?? false;
  }

  /** The digest of a large object: hashed once, known again by what the file system says of the file. */
  async #rememberedDigest(handle: FileHandle): Promise<Digest> {
    const { ino, size, mtimeNs, ctimeNs, ctimeMs } = await handle.stat({ bigint: true });
    const stamp = `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
    const known = this.#digests.get(stamp);
    if (known) return known;
    const settled = Number(ctimeMs) < this.#clock.now() - settledMs;
    const digest = await digestOfHandle(handle);
    if (settled) this.#digests.set(stamp, digest);
    return digest;
  }

  async *#walk(names: readonly string[], text: string, prefix: string): AsyncIterable<ObjectInfo> {
    const folder = join(this.#folder, ...names);
    const absence = names.length === 0 ? ['ENOENT'] : ['ENOENT', 'ENOTDIR'];
    const entries = await unless(absence, readdir(folder, { withFileTypes: true }));
    for (const { name, ...entry } of entries?.map(kindOf) ?? []) {
      if (entry.isFolder) yield* this.#descend([...names, name], textOfFolder(text, name), prefix);
      else yield* this.#infoOf([...names, name], text, prefix);
    }
  }

  async *#descend(names: readonly string[], text: string, prefix: string): AsyncIterable<ObjectInfo> {
    if (names.length === 1 && isTaken(names[0] ?? '')) return;
    if (mayHold(text, prefix)) yield* this.#walk(names, text, prefix);
  }

  async *#infoOf(names: readonly string[], text: string, prefix: string): AsyncIterable<ObjectInfo> {
    const key = keyOfFile(text, names);
    if (!key?.startsWith(prefix)) return;
    const found = await unless(['ENOENT', 'ENOTDIR'], stat(join(this.#folder, ...names), { bigint: true }));
    if (!found?.isFile()) return;
    const etag = `${found.ino}-${found.size}-${found.mtimeNs}`;
    yield { key, size: Number(found.size), etag, modifiedMs: Number(found.mtimeMs) };
  }
}

function kindOf(entry: { name: string; isDirectory(): boolean }): { name: string; isFolder: boolean } {
  return { name: entry.name, isFolder: entry.isDirectory() };
}

function wholeOf(bytes: Buffer, range: ByteRange | undefined): OpenObject {
  const body = range ? bytes.subarray(range.start, range.end + 1) : bytes;
  return { size: body.length, total: bytes.length, etag: digestOf(bytes), body };
}

async function isThere(file: string): Promise<boolean> {
  return (await unless(['ENOENT', 'ENOTDIR'], stat(file))) !== undefined;
}

/** Publishes by `link`: false when something is there already. Durable once it resolves. */
async function publishNew(next: string, file: string): Promise<boolean> {
  try {
    await linkInto(next, file);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
  await syncFolder(dirname(file));
  return true;
}

async function linkInto(next: string, file: string): Promise<void> {
  const linked = await unless(
    ['ENOENT'],
    link(next, file).then(() => true),
  );
  if (linked) return;
  await makeFolder(dirname(file));
  await link(next, file);
}

/** Who loses to an object goes on from it, so it must be as durable as one of our own. */
async function conflictIn(file: string): Promise<'conflict'> {
  await refuseFolder(file);
  await unless(['ENOENT'], syncFolder(dirname(file)));
  return 'conflict';
}

async function refuseFolder(file: string): Promise<void> {
  const found = await unless(['ENOENT', 'ENOTDIR'], stat(file));
  if (found && !found.isFile()) throw Object.assign(new Error('not a file'), { code: 'EISDIR' });
}
