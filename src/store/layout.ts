import { hexOf, type Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import type { ObjectStore } from './contract.ts';
import { createRecord, readRecord } from './records.ts';

/*
 * Where everything is:
 *
 *   format.json                                     which layout this is: { "format": 1 }
 *   blobs/sha256/ab/<hex>                           immutable: archives, provenance, OCI configs and manifests
 *   holdings/<upstream>/<chart>/<version>/
 *     first.json                                    the first bytes held; created if absent, the loser of a race adopts it
 *   attachments/<upstream>/<archive-hex>.json       what may come later: provenance. Compare-and-swap
 *   catalogs/sha256/<hex>.gz                        immutable: one upstream's claims, named by the digest of their text
 *   snapshots/sha256/<hex>.gz                       immutable: all holdings of one upstream, likewise
 *   state.json                                      the one object that moves everything. Compare-and-swap
 *
 * Order of writes: blobs, holding, catalog or snapshot, state.json. Whatever dies in between leaves garbage, never a lie.
 */

const format = 1;

/** Which layout the store has. */
export const formatKey = 'format.json';

/** The one object that moves everything. */
export const stateKey = 'state.json';

/** Bytes by their digest. */
export function blobKey(digest: Digest): string {
  const hex = hexOf(digest);
  return `blobs/sha256/${hex.slice(0, 2)}/${hex}`;
}

/** The record of the first bytes held for a version. */
export function firstHoldingKey(upstream: string, chart: string, version: string): string {
  return `holdings/${upstream}/${chart}/${version}/first.json`;
}

/** What came beside the archive with this digest, as one upstream gave it. */
export function attachmentKey(upstream: string, archive: Digest): string {
  return `attachments/${upstream}/${hexOf(archive)}.json`;
}

/** One upstream's claims, by the digest of their text. */
export function catalogKey(digest: Digest): string {
  return `catalogs/sha256/${hexOf(digest)}.gz`;
}

/** One upstream's holdings, by the digest of their text. */
export function snapshotKey(digest: Digest): string {
  return `snapshots/sha256/${hexOf(digest)}.gz`;
}

/** Makes an empty store ours. Faults with 'store-failed' when it has another layout than the one above. */
export async function openLayout(store: ObjectStore): Promise<void> {
  const found = (await readFormat(store)) ?? (await createFormat(store));
  if (found === format) return;
  throw new Fault(
    'store-failed',
    `the store has format ${JSON.stringify(found)}, this version of Chartroom knows format ${format}`,
    'Start the version that wrote it, or give this one a store of its own.',
  );
}

async function createFormat(store: ObjectStore): Promise<unknown> {
  const written = await createRecord(store, formatKey, { format });
  return written === 'conflict' ? readFormat(store) : format;
}

async function readFormat(store: ObjectStore): Promise<unknown> {
  const record = await readRecord(store, formatKey, (value) => (value as { format?: unknown } | null)?.format ?? null);
  return record?.value;
}
