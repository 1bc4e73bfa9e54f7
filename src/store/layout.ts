import { hexOf, type Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import type { ObjectStore } from './contract.ts';
import { createRecord, readRecord } from './records.ts';

/*
 * Where everything is:
 *
 *   format.json                                     which layout this is: { "format": 1 }
 *   blobs/sha256/ab/<hex>                           immutable: archives, provenance, a registry's manifests, configs, artifacts
 *   holdings/<upstream>/<chart>/<version>/
 *     first.json                                    the first bytes held; created if absent, the loser of a race adopts it
 *     <archive-hex>.json                            a replacement that was accepted, and when: of several the latest counts,
 *                                                   without any first.json
 *   attachments/<upstream>/<archive-hex>.json       what may come later: provenance, artifacts. Compare-and-swap
 *   derived/<archive-hex>/
 *     documents.json                                what an archive is made into, created once: its documents for people to read
 *     image.json                                    its OCI manifest and config, verbatim: without provenance,
 *     image-<provenance-hex>.json                   and with that one as a layer
 *   catalogs/sha256/<hex>.gz                        immutable: one upstream's claims, named by the digest of their text
 *   snapshots/sha256/<hex>.gz                       immutable: all holdings of one upstream, likewise
 *   state.json                                      the one object that moves everything. Compare-and-swap
 *   lease.json                                      who does the upstream work now, and how that goes. Compare-and-swap
 *   serving.json                                    what the servers were last configured to offer; for comparisons alone
 *
 * Order of writes: blobs, holding, catalog or snapshot, state.json. Whatever dies in between leaves garbage, never a lie.
 */

const format = 1;

/** What `format.json` says in a store with this layout. */
export const formatRecord: unknown = { format };

/** Which layout the store has. */
export const formatKey = 'format.json';

/** The one object that moves everything. */
export const stateKey = 'state.json';

/** Who does the upstream work now. */
export const leaseKey = 'lease.json';

/** What the servers were last configured to offer. */
export const servingKey = 'serving.json';

/** The documents in an archive. */
export function documentsKey(archive: Digest): string {
  return `derived/${hexOf(archive)}/documents.json`;
}

/** The image that was derived of an archive and, where it has one, its provenance. */
export function imageKey(archive: Digest, provenance: Digest | undefined): string {
  return `derived/${hexOf(archive)}/image${provenance === undefined ? '' : `-${hexOf(provenance)}`}.json`;
}

/** What a key of something derived says. */
export interface DerivedPlace {
  readonly archive: Digest;
  readonly kind: 'documents' | 'image';
  /** Of an image: the provenance that is a layer of it; absent where it has none. */
  readonly provenance?: Digest | undefined;
}

/** What a key holds, and of which archive that was made; undefined for a key that is none of ours. */
export function derivedPlace(key: string): DerivedPlace | undefined {
  const parts = /^derived\/([0-9a-f]{64})\/(?:documents|(image)(?:-([0-9a-f]{64}))?)\.json$/.exec(key);
  if (!parts) return undefined;
  const [, archive, image, provenance] = parts;
  return {
    archive: `sha256:${archive}`,
    kind: image === undefined ? 'documents' : 'image',
    ...(provenance !== undefined && { provenance: `sha256:${provenance}` }),
  };
}

/** Bytes by their digest. */
export function blobKey(digest: Digest): string {
  const hex = hexOf(digest);
  return `blobs/sha256/${hex.slice(0, 2)}/${hex}`;
}

/** The record of the first bytes held for a version. */
export function firstHoldingKey(upstream: string, chart: string, version: string): string {
  return `holdings/${upstream}/${chart}/${version}/first.json`;
}

/** The record of bytes that were accepted for a version in place of those held before. */
export function replacementKey(upstream: string, chart: string, version: string, archive: Digest): string {
  return `holdings/${upstream}/${chart}/${version}/${hexOf(archive)}.json`;
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

/** What a key of a holding says. */
export interface HoldingPlace {
  readonly upstream: string;
  readonly chart: string;
  readonly version: string;
  /** Whether these are the first bytes held, not a replacement. */
  readonly first: boolean;
}

/** Whose holding a key names; undefined for a key that is none of ours. */
export function holdingPlace(key: string): HoldingPlace | undefined {
  const parts = /^holdings\/([^/]+)\/([^/]+)\/([^/]+)\/(first|[0-9a-f]{64})\.json$/.exec(key);
  if (!parts) return undefined;
  const [, upstream = '', chart = '', version = '', name] = parts;
  return { upstream, chart, version, first: name === 'first' };
}

/** Beside which archive of which upstream attachments are; undefined for a key that is none of ours. */
export function attachmentPlace(key: string): { readonly upstream: string; readonly archive: Digest } | undefined {
  const [, upstream = '', hex] = /^attachments\/([^/]+)\/([0-9a-f]{64})\.json$/.exec(key) ?? [];
  return hex === undefined ? undefined : { upstream, archive: `sha256:${hex}` };
}

/** Which blob a key names; undefined for a key that is none of ours. */
export function blobOfKey(key: string): Digest | undefined {
  const [, start, hex] = /^blobs\/sha256\/([0-9a-f]{2})\/([0-9a-f]{64})$/.exec(key) ?? [];
  return start !== undefined && hex?.startsWith(start) ? `sha256:${hex}` : undefined;
}

/** Whether a key is that of a catalog or a snapshot. */
export function isTableKey(key: string): boolean {
  return /^(?:catalogs|snapshots)\/sha256\/[0-9a-f]{64}\.gz$/.test(key);
}

/** Makes an empty store ours. Faults with 'store-failed' when it has another layout than the one above. */
export async function openLayout(store: ObjectStore): Promise<void> {
  const found = (await readFormat(store)) ?? (await createFormat(store));
  if (found !== format) throw otherFormat(found);
}

/** Faults with 'store-failed' when a store has another layout than the one above; an empty one stays empty. */
export async function requireLayout(store: ObjectStore): Promise<void> {
  const found = await readFormat(store);
  if (found !== undefined && found !== format) throw otherFormat(found);
}

function otherFormat(found: unknown): Fault {
  return new Fault(
    'store-failed',
    `the store has format ${JSON.stringify(found)}, this version of Chartroom knows format ${format}`,
    'Start the version that wrote it, or give this one a store of its own.',
  );
}

async function createFormat(store: ObjectStore): Promise<unknown> {
  const written = await createRecord(store, formatKey, formatRecord);
  return written === 'conflict' ? readFormat(store) : format;
}

async function readFormat(store: ObjectStore): Promise<unknown> {
  const record = await readRecord(store, formatKey, (value) => (value as { format?: unknown } | null)?.format ?? null);
  return record?.value;
}
