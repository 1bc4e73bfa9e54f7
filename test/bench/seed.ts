import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { absencesUntilWithdrawn, Catalog, emptyCatalog } from '../../src/chart/catalog.ts';
import type { Validator } from '../../src/chart/claim.ts';
import { digestOf } from '../../src/chart/digest.ts';
import { emptySnapshot, type KeptVersion } from '../../src/chart/holding.ts';
import { readIndex } from '../../src/formats/index.ts';
import { mediaTypes } from '../../src/formats/oci-manifest.ts';
import type { State } from '../../src/mirror/committing/state.ts';
import { mirrorJobs } from '../../src/mirror/jobs.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { blobKey, catalogKey, firstHoldingKey, openLayout, snapshotKey, stateKey } from '../../src/store/layout.ts';
import { createRecord, recordBytes } from '../../src/store/records.ts';
import { chartArchive } from '../support/charts.ts';

export interface SeedOptions {
  readonly upstream: string;
  /** What upstream lists, without digests: those are the held ones. */
  readonly index: Buffer;
  /** The entity tag that upstream gave it. */
  readonly etag: string;
  readonly store: ObjectStore;
  /** The file below the store that holds the object of a key: tens of thousands of them are written past the store. */
  readonly fileOf: (key: string) => string;
}

/** A store as a server leaves it that has fetched everything. Answers with all that is held. */
export async function seedStore(options: SeedOptions): Promise<readonly KeptVersion[]> {
  const { upstream, index, etag, store } = options;
  await openLayout(store);
  const listing = readIndex({ upstream, body: index, gzip: false, maxBytes: index.length });
  const heldAt = '2026-01-01T00:00:00Z';
  const held: KeptVersion[] = [];
  for (const { chart, version } of new Catalog(listing.claims).all()) {
    held.push(await hold(options, chart, version, heldAt));
  }
  const before = {
    known: emptyCatalog.table,
    held: emptySnapshot.table,
    fresh: [],
    patience: absencesUntilWithdrawn,
    maxLoss: 1,
  };
  const catalog = mirrorJobs.reconcile({ ...before, listed: listing.claims, now: heldAt, patience: 3, maxLoss: 1 });
  if ('known' in catalog) throw new Error('a first listing lacks nothing');
  if ('known' in catalog) throw new Error('a first listing cannot lack anything');
  const snapshot = mirrorJobs.hold({ snapshot: emptySnapshot.table, fresh: held });
  await store.write(catalogKey(catalog.digest), mirrorJobs.pack(catalog.table));
  await store.write(snapshotKey(snapshot.digest), mirrorJobs.pack(snapshot.table));
  const validator: Validator = { etag, content: listing.content, rows: listing.rows };
  const record = { since: heldAt, catalog: catalog.digest, snapshot: snapshot.digest, validator, listedAt: heldAt };
  const state: State = { asOf: heldAt, upstreams: { [upstream]: { ...record, rejected: listing.rejected } } };
  await createRecord(store, stateKey, state);
  return held;
}

/** A small but real archive, and the record of it. */
async function hold(
  { upstream, fileOf }: SeedOptions,
  chart: string,
  version: string,
  heldAt: string,
): Promise<KeptVersion> {
  const bytes = await chartArchive({ name: chart, version });
  const digest = digestOf(bytes);
  const holding = { chart, version, archive: { mediaType: mediaTypes.chartLayer, digest, size: bytes.length }, heldAt };
  writeWithFolder(fileOf(blobKey(digest)), bytes);
  writeWithFolder(fileOf(firstHoldingKey(upstream, chart, version)), recordBytes(holding));
  return { ...holding, provenance: 'none' };
}

function writeWithFolder(file: string, bytes: Buffer): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}
