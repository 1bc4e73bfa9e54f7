import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

import { compareText } from '../../chart/version.ts';
import type { FoundArchive, FoundArchives, RefusedArchive } from '../archives.ts';

type Sighting = FoundArchive | RefusedArchive;

const extension = '.tgz';
const width = 32;
const unfitForPaths = /[\p{Cc}\ufffd]/u;

/** Whether what the file system says means that a file is not there (any more). */
export function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP';
}

/**
 * Finds `*.tgz` in a folder and in the folders right in it, as `helm repo index` does, except in those whose name
 * begins with a dot; their stamps are the times they were changed, in nanoseconds. Links are followed while they stay in
 * the folder. Rejects with the file system's error when the folder, or one in it, cannot be read.
 */
export async function findFiles(folder: string, signal: AbortSignal): Promise<FoundArchives> {
  const root = await realpath(folder);
  const sightings = await look(root, '', signal);
  const inOrder = sightings.toSorted((a, b) => compareText(a.path, b.path));
  return {
    files: inOrder.filter((one): one is FoundArchive => !('reason' in one)),
    refused: inOrder.filter((one): one is RefusedArchive => 'reason' in one),
  };
}

async function look(root: string, below: string, signal: AbortSignal): Promise<Sighting[]> {
  const asked = readdir(join(root, below), { withFileTypes: true });
  const entries = below === '' ? await asked : ((await unlessAbsent(asked)) ?? []);
  const sightings: Sighting[] = [];
  const visible = entries.filter((entry) => !entry.name.startsWith('.'));
  for (let at = 0; at < visible.length; at += width) {
    signal.throwIfAborted();
    const some = visible.slice(at, at + width).map(async (entry) => {
      const plain = entry.isFile() || entry.isDirectory();
      if (entry.isFile() && !entry.name.endsWith(extension)) return [];
      return sight(root, below + entry.name, plain, signal);
    });
    sightings.push(...(await Promise.all(some)).flat());
  }
  return sightings;
}

/** `plain`: known to be no link. */
async function sight(root: string, path: string, plain: boolean, signal: AbortSignal): Promise<Sighting[]> {
  if (path.endsWith(extension) && unfitForPaths.test(path)) return [{ path, reason: 'bad-path' }];
  const info = await unlessAbsent(stat(join(root, path), { bigint: true }));
  const kind = info && kindOf(path, info);
  if (!kind) return [];
  if (!plain && (await leavesFolder(root, path))) return [{ path, reason: 'outside-folder' }];
  if (kind === 'folder') return look(root, `${path}/`, signal);
  return [kind === 'archive' ? { path, size: Number(info.size), stamp: String(info.mtimeNs) } : { path, reason: kind }];
}

/** What a file is to us; undefined when it is nothing. */
function kindOf(path: string, info: BigIntStats): 'archive' | 'folder' | 'not-a-file' | undefined {
  if (info.isDirectory() && !path.includes('/')) return 'folder';
  if (!path.endsWith(extension)) return undefined;
  return info.isFile() ? 'archive' : 'not-a-file';
}

async function leavesFolder(root: string, path: string): Promise<boolean> {
  const real = await unlessAbsent(realpath(join(root, path)));
  return real !== undefined && !isInside(root, real);
}

async function unlessAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

function isInside(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** A file in the folder, with the size it has now. */
export interface FileInFolder {
  readonly realPath: string;
  readonly size: number;
}

/**
 * Where a path below the folder leads; undefined when nothing is there, when it is no regular file, or when it would
 * leave the folder. Rejects when the folder itself is gone.
 */
export async function locate(folder: string, path: string): Promise<FileInFolder | undefined> {
  const segments = path.split('/');
  if (path.includes('\0') || segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return undefined;
  }
  const root = await realpath(folder);
  const realPath = await unlessAbsent(realpath(join(root, path)));
  if (realPath === undefined || !isInside(root, realPath)) return undefined;
  const info = await unlessAbsent(stat(realPath));
  return info?.isFile() ? { realPath, size: info.size } : undefined;
}

const maxChunkBytes = 512 * 1024;

/**
 * The bytes of a located file, opened when first asked for and closed at the end or on leaving early. Rejects with the
 * file system's error, or with the signal's reason.
 */
export async function* readChunksOf({ realPath, size }: FileInFolder, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const file: FileHandle = await open(realPath, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const length = Math.min(maxChunkBytes, size + 1);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(length), 0, length);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
