import type { Descriptor, Digest } from '../../chart/digest.ts';
import type { Blobs } from '../../store/blobs.ts';
import type { ObjectInfo, ObjectStore } from '../../store/contract.ts';
import { blobOfKey } from '../../store/layout.ts';
import type { Finding } from '../contract/commands.ts';
import { mapInOrder } from '../retention/ordered.ts';
import { describeNeeds, type Need, type Needs } from './needs.ts';
import type { Restored } from './restore.ts';

export interface BlobParts {
  readonly store: ObjectStore;
  readonly blobs: Pick<Blobs, 'verify' | 'remove'>;
  readonly needs: Needs;
  /** Puts a blob right; absent when nothing is to be changed. */
  readonly restore?: ((needs: readonly Need[]) => Promise<Restored>) | undefined;
  readonly signal: AbortSignal;
  /** Counts one that is there. */
  readonly count: (bytes: number, named: boolean) => void;
}

type Sized = Pick<Descriptor, 'digest' | 'size'>;

const blobsAtOnce = 4;

/**
 * Hashes every blob, and says which of those that something needs are damaged or missing. All records must have been
 * read before: a blob is written before the record that names it, so none can seem to be missing.
 */
export async function* inspectBlobs(parts: BlobParts): AsyncGenerator<Finding> {
  const { store, needs, signal } = parts;
  const seen = new Set<Digest>();
  for await (const { blob, how } of mapInOrder(ours(store), blobsAtOnce, (one) => verify(parts, one))) {
    signal.throwIfAborted();
    if (how === 'missing') continue;
    seen.add(blob.digest);
    parts.count(blob.size, needs.isNamed(blob.digest));
    if (how === 'damaged') yield* describeDamage(parts, blob);
  }
  for (const digest of needs.digests()) {
    signal.throwIfAborted();
    const [need] = seen.has(digest) ? [] : needs.of(digest);
    if (!need) continue;
    // it may have been put back since the list
    const how = await parts.blobs.verify(need.descriptor);
    if (how !== 'sound') yield await describeLoss(parts, digest, how);
  }
}

async function* ours(store: ObjectStore): AsyncIterable<Sized> {
  for await (const { key, size } of store.list('blobs/') as AsyncIterable<ObjectInfo>) {
    const digest = blobOfKey(key);
    if (digest) yield { digest, size };
  }
}

async function verify({ blobs, needs }: BlobParts, blob: Sized) {
  const [need] = needs.of(blob.digest);
  return { blob, how: await blobs.verify(need?.descriptor ?? blob) };
}

async function* describeDamage(parts: BlobParts, blob: Sized): AsyncGenerator<Finding> {
  if (parts.needs.of(blob.digest).length > 0) yield await describeLoss(parts, blob.digest, 'damaged');
  else yield await describeUnneeded(parts, blob);
}

async function describeLoss(parts: BlobParts, digest: Digest, how: 'damaged' | 'missing'): Promise<Finding> {
  const needs = parts.needs.of(digest);
  const what = `${describeNeeds(needs)} is ${how} in the store (blob ${digest}).`;
  const restored = await parts.restore?.(needs);
  return {
    kind: how === 'damaged' ? 'damaged-blob' : 'missing-blob',
    what,
    advice: adviceFor(restored),
    harmless: false,
    repaired: restored && 'from' in restored ? `It was fetched again from ${restored.from}.` : undefined,
  };
}

function adviceFor(restored: Restored | undefined): string {
  if (restored && 'why' in restored) return `It cannot be fetched again: ${restored.why} Restore it from a backup.`;
  return 'It is fetched again when somebody asks for it, or at once by chartroom fsck --repair.';
}

/** What is damaged and not needed is removed, unless it was written anew this very moment. */
async function describeUnneeded({ blobs, needs, restore }: BlobParts, blob: Sized): Promise<Finding> {
  const isMentioned = needs.isNamed(blob.digest);
  const remove = restore !== undefined && !isMentioned && (await blobs.verify(blob)) === 'damaged';
  if (remove) await blobs.remove(blob.digest);
  return {
    kind: 'damaged-blob',
    what: `The blob ${blob.digest} is damaged, and nothing that is held needs it.`,
    advice: isMentioned
      ? 'Attachments of an archive that is not held name it. Restore it from a backup, or leave it.'
      : 'Run chartroom fsck --repair, which removes it.',
    harmless: false,
    repaired: remove ? 'It was removed.' : undefined,
  };
}
