import { createHash } from 'node:crypto';
import { mkdir, open, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';

import type { Digest } from '../chart/digest.ts';
import type { ByteRange } from '../lib/bytes.ts';
import { unless } from './filesystem-faults.ts';

const chunkBytes = 256 * 1024;

/** Makes a folder and what is above it, durable once it resolves. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

/** What was linked, renamed or removed in a folder survives a power loss once this resolves. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    // some network file systems cannot sync a folder: nothing better can be done there
    await unless(['EINVAL', 'ENOTSUP'], handle.sync());
  } finally {
    await handle.close();
  }
}

/** A new file with these bytes, on the disk itself once it resolves; nothing is left when it fails. */
export async function writeNewFile(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Opens a file for reading; undefined when there is none, a folder being none. The caller closes it. */
export async function openFile(path: string): Promise<FileHandle | undefined> {
  const handle = await unless(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'], open(path, 'r'));
  if (!handle) return undefined;
  try {
    if ((await handle.stat()).isFile()) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/** Says that something is not in a folder; throws where that folder cannot be, since a file is there or above it. */
export async function nothingIn(folder: string): Promise<undefined> {
  const found = await unless(['ENOENT'], stat(folder));
  if (found && !found.isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
  return undefined;
}

/** The digest of everything in an open file. Its position does not matter and stays. */
export async function digestOfHandle(handle: FileHandle): Promise<Digest> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let position = 0; ;) {
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) return `sha256:${hash.digest('hex')}`;
    hash.update(chunk.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** The digest of a file's content now; undefined when there is no file. */
export async function digestOfFile(path: string): Promise<Digest | undefined> {
  const handle = await openFile(path);
  if (!handle) return undefined;
  try {
    return await digestOfHandle(handle);
  } finally {
    await handle.close();
  }
}

/**
 * The bytes of an open file. Owns the handle: it is closed when the stream ends, fails or is destroyed, read from or
 * not. A file that ends early is an error; every error becomes what `toError` makes of it.
 */
export function streamOfHandle(handle: FileHandle, range: ByteRange, toError: (error: unknown) => Error): Readable {
  let position = range.start;
  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      const length = Math.min(chunkBytes, range.end + 1 - position);
      if (length === 0) {
        this.push(null);
        return;
      }
      handle.read(Buffer.allocUnsafe(length), 0, length, position).then(
        ({ bytesRead, buffer }) => {
          position += bytesRead;
          if (bytesRead === 0) this.destroy(toError(new Error('the file ended early')));
          else this.push(buffer.subarray(0, bytesRead));
        },
        (error: unknown) => this.destroy(toError(error)),
      );
    },
    destroy(error, done) {
      handle.close().then(
        () => done(error),
        (failed: unknown) => done(error ?? toError(failed)),
      );
    },
  });
}
