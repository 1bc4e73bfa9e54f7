import type { Artifact, Attachments } from '../../src/chart/attachments.ts';
import { claimTable } from '../../src/chart/catalog.ts';
import type { KnownClaim } from '../../src/chart/claim.ts';
import { digestOf, type Descriptor, type Digest } from '../../src/chart/digest.ts';
import { emptySnapshot, mergeHoldings, type Holding, type KeptVersion } from '../../src/chart/holding.ts';
import { TableReader } from '../../src/lib/shared-table.ts';
import { parseState, type State, type UpstreamRecord } from '../../src/mirror/committing/state.ts';
import { Tables } from '../../src/mirror/committing/tables.ts';
import { mirrorJobs, type MirrorJobs } from '../../src/mirror/jobs.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import {
  attachmentKey,
  blobKey,
  firstHoldingKey,
  openLayout,
  replacementKey,
  stateKey,
} from '../../src/store/layout.ts';
import { readRecord, recordBytes } from '../../src/store/records.ts';
import type { TestArtifact } from './artifacts.ts';

/** The mirror's jobs without a thread. */
export const jobsHere: MirrorJobs = { run: async (job, input) => mirrorJobs[job](input as never) as never };

/** Writes a blob and says what it is. */
export async function putBlob(store: ObjectStore, bytes: Uint8Array, mediaType = 'test'): Promise<Descriptor> {
  const digest = digestOf(bytes);
  await store.write(blobKey(digest), bytes);
  return { mediaType, digest, size: bytes.byteLength };
}

export interface ToHold {
  readonly chart: string;
  readonly version: string;
  readonly archive: Uint8Array;
  readonly provenance?: Uint8Array | 'none';
  /** Of a registry. */
  readonly documents?: { readonly manifest: Uint8Array; readonly config: Uint8Array };
  /** What stands beside it in its registry. */
  readonly artifacts?: readonly TestArtifact[];
  /** Taken in place of other bytes: when. */
  readonly acceptedAt?: string;
}

/** Writes blobs and records as a fill does, and commits nothing. */
export async function hold(store: ObjectStore, upstream: string, what: ToHold): Promise<KeptVersion> {
  const { chart, version, acceptedAt, documents } = what;
  const archive = await putBlob(store, what.archive);
  const holding: Holding = {
    chart,
    version,
    archive,
    ...(documents && {
      manifest: await putBlob(store, documents.manifest),
      config: await putBlob(store, documents.config),
    }),
    heldAt: '2025-01-01T00:00:00Z',
    ...(acceptedAt && { acceptedAt }),
  };
  const key = acceptedAt
    ? replacementKey(upstream, chart, version, archive.digest)
    : firstHoldingKey(upstream, chart, version);
  await store.write(key, recordBytes(holding));
  const attachments = await attachmentsOf(store, what);
  if (Object.keys(attachments).length > 0) {
    await store.write(attachmentKey(upstream, archive.digest), recordBytes(attachments));
  }
  return { ...holding, ...attachments };
}

async function attachmentsOf(store: ObjectStore, { provenance, artifacts }: ToHold): Promise<Attachments> {
  return {
    ...(provenance !== undefined && {
      provenance: provenance === 'none' ? provenance : await putBlob(store, provenance),
    }),
    ...(artifacts && { artifacts: await Promise.all(artifacts.map((one) => putArtifact(store, one))) }),
  };
}

/** Writes all parts of an artifact and says what they are. */
export async function putArtifact(store: ObjectStore, { manifest, blobs }: TestArtifact): Promise<Artifact> {
  return {
    manifest: await putBlob(store, manifest, 'application/vnd.oci.image.manifest.v1+json'),
    blobs: await Promise.all(blobs.map((bytes) => putBlob(store, bytes))),
  };
}

/** A claim of what is held, as a catalog remembers it. */
export function claimOf({ chart, version, archive }: KeptVersion): KnownClaim {
  const metadata = JSON.stringify({ name: chart, version, apiVersion: 'v2' });
  return {
    chart,
    version,
    source: `${chart}-${version}`,
    digest: archive.digest,
    metadata,
    since: '2025-01-01T00:00:00Z',
  };
}

/** Replaces what the state says of an upstream: tables of exactly these rows. */
export async function commit(
  store: ObjectStore,
  upstream: string,
  rows: { readonly kept?: readonly KeptVersion[]; readonly claims?: readonly KnownClaim[] },
): Promise<UpstreamRecord> {
  await openLayout(store);
  const tables = new Tables(store, jobsHere);
  const record: UpstreamRecord = {
    since: '2025-01-01T00:00:00Z',
    ...(rows.claims && { catalog: await tables.save('catalog', named(claimTable(rows.claims))) }),
    ...(rows.kept && { snapshot: await tables.save('snapshot', named(mergeHoldings(emptySnapshot.table, rows.kept))) }),
    validator: { etag: '"1"' },
  };
  const before = await stateOf(store);
  const state: State = { asOf: '2025-01-01T00:00:00Z', upstreams: { ...before?.upstreams, [upstream]: record } };
  await store.write(stateKey, recordBytes(state));
  return record;
}

/** What the state says. */
export async function stateOf(store: ObjectStore): Promise<State | undefined> {
  return (await readRecord(store, stateKey, parseState))?.value;
}

/** The keys under a prefix, in order. */
export async function keysOf(store: ObjectStore, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.sort();
}

function named(table: ReturnType<typeof claimTable>): { readonly table: typeof table; readonly digest: Digest } {
  return { table, digest: digestOf(Buffer.concat([...new TableReader(table).text()])) };
}
