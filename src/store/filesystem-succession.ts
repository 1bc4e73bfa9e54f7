import { createHash } from 'node:crypto';
import { link, mkdir, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { hexOf, type Digest } from '../chart/digest.ts';
import { errnoOf, unless } from './filesystem-faults.ts';
import { digestOfFile, syncFolder } from './filesystem-files.ts';

/** One object's step from the content that is there to the next. */
export interface Succession {
  /** The object. */
  readonly file: string;
  /** The digest of the content that this step succeeds. */
  readonly expected: Digest;
  /** A complete, synced file with the new content, which is another. It stays where it is. */
  readonly next: string;
  /** The folder for work under way, on the same file system. */
  readonly workFolder: string;
  /** Never used before, by nobody. */
  readonly nonce: string;
}

/**
 * Compare-and-swap between processes that share nothing but a folder, without locks that could go stale.
 *
 * The content E of a file F is succeeded only by renaming onto F the one file in the claim folder of (F, E):
 *
 *   1. F holds E?                    no: conflict
 *   2. claim: rename a prepared folder with the successor in it, under a name never used again (the nonce), to the
 *      claim folder. Renaming a folder onto one that is not empty fails: there is one claim at a time.
 *      Failed: complete the claim that is there (steps 3 and 4 for its nonce) and begin again
 *   3. F still holds E?              no: unlink the successor; conflict
 *   4. rename the successor onto F   gone? then somebody completed our claim: that is our success
 *
 * Why step 4 overwrites nothing but E: between 3 and 4 the claim folder holds this successor, for the rename succeeds
 * only while it does; so nobody else can have had a claim on E since 3, and F leaves E only through a claim on E.
 * The same holds for a helper, provided it saw the nonce before it did step 3. A process that died after step 2 blocks
 * nobody, since the next writer completes its claim. An emptied claim folder counts as none.
 */
export async function succeed(step: Succession): Promise<boolean> {
  const prepared = join(step.workFolder, `${step.nonce}.claim`);
  const claim = claimFolder(step);
  await mkdir(prepared);
  try {
    await link(step.next, join(prepared, step.nonce));
    for (;;) {
      if ((await digestOfFile(step.file)) !== step.expected) return false;
      if (await moveFolder(prepared, claim)) return await settleOwn(step, claim);
      await completeOther(step, claim);
    }
  } finally {
    await rm(prepared, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Whether a folder in the work folder is a claim, which only a writer of its object may touch. */
export function isClaim(name: string): boolean {
  return name.startsWith('claim-');
}

/** Where claims to succeed this content of this file are, one at a time. */
export function claimFolder({ file, expected, workFolder }: Omit<Succession, 'next' | 'nonce'>): string {
  const hex = createHash('sha256')
    .update(`${file.slice(dirname(workFolder).length)}\n${hexOf(expected)}`)
    .digest('hex');
  return join(workFolder, `claim-${hex}`);
}

async function moveFolder(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

async function settleOwn(step: Succession, claim: string): Promise<boolean> {
  const successor = join(claim, step.nonce);
  try {
    const current = await digestOfFile(step.file);
    if (current !== step.expected && (await taken(unlink(successor)))) return false;
    if (current === step.expected) await taken(rename(successor, step.file));
    await syncFolder(dirname(step.file));
    return true;
  } catch (error) {
    await unlink(successor).catch(() => undefined);
    throw error;
  } finally {
    await discard(claim);
  }
}

async function completeOther(step: Succession, claim: string): Promise<void> {
  const successors = (await unless(['ENOENT'], readdir(claim))) ?? [];
  if ((await digestOfFile(step.file)) !== step.expected) return;
  for (const successor of successors) await taken(rename(join(claim, successor), step.file));
  await discard(claim);
}

/** Whether it was there to be taken away. */
async function taken(work: Promise<void>): Promise<boolean> {
  return (
    (await unless(
      ['ENOENT'],
      work.then(() => true),
    )) ?? false
  );
}

/** An empty claim folder says nothing: leaving one behind does no harm, and `rmdir` never takes one with a claim. */
async function discard(claim: string): Promise<void> {
  await rmdir(claim).catch(() => undefined);
}
