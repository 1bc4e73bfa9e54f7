import { randomUUID } from 'node:crypto';
import { lstat, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import { unless } from './filesystem-faults.ts';
import { isClaim } from './filesystem-succession.ts';

/**
 * Takes away what nobody touched in the folder for work under way since `beforeMs` (since the epoch): temporary files,
 * prepared claims and emptied ones. A claim that is in force stays, since only a writer of its object may complete it.
 * Answers how many there were.
 */
export async function removeLeftovers(workFolder: string, beforeMs: number): Promise<number> {
  let count = 0;
  for (const name of (await unless(['ENOENT'], readdir(workFolder))) ?? []) {
    const path = join(workFolder, name);
    const found = await unless(['ENOENT'], lstat(path));
    if (!found || found.mtimeMs >= beforeMs) continue;
    const removed = isClaim(name) ? await removeEmpty(path) : await removeWhole(path, workFolder);
    if (removed) count += 1;
  }
  return count;
}

async function removeEmpty(folder: string): Promise<boolean> {
  return happened(['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'], rmdir(folder));
}

/** Moved aside first: a writer that comes back after all must find what it prepared as it was, or not at all. */
async function removeWhole(path: string, workFolder: string): Promise<boolean> {
  const aside = join(workFolder, randomUUID());
  if (!(await happened(['ENOENT'], rename(path, aside)))) return false;
  await rm(aside, { recursive: true, force: true });
  return true;
}

async function happened(otherwise: readonly string[], work: Promise<void>): Promise<boolean> {
  const done = await unless(
    otherwise,
    work.then(() => true),
  );
  return done ?? false;
}
