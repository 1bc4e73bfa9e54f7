import { emptyCatalog } from '../../chart/catalog.ts';
import type { KnownClaim, SourceRef } from '../../chart/claim.ts';
import type { Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { emptySnapshot, type KeptVersion } from '../../chart/holding.ts';
import type { ArchiveChart } from '../../formats/chart-archive.ts';
import { readAll } from '../../lib/bytes.ts';
import type { Clock } from '../../lib/clock.ts';
import type { SharedTable } from '../../lib/shared-table.ts';
import type { Blobs } from '../../store/blobs.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { changeState } from '../committing/examine.ts';
import { recordOf, withUpstream, type State, type UpstreamRecord } from '../committing/state.ts';
import { DamagedTable, type TableKind, type Tables } from '../committing/tables.ts';
import type { MirrorJobs } from '../jobs.ts';
import { mapInOrder } from '../retention/ordered.ts';

export interface RebuildParts {
  readonly store: ObjectStore;
  readonly tables: Tables;
  readonly jobs: MirrorJobs;
  readonly blobs: Pick<Blobs, 'open'>;
  /** What an archive says of itself. Rejects with a fault for one that cannot be read. */
  readonly describe: (bytes: Uint8Array) => Promise<ArchiveChart>;
  readonly clock: Clock;
}

/** Where a claim came from that was made of an archive we hold: no upstream said. */
export const unknownSource: SourceRef = '';

const archivesAtOnce = 4;

/** A table as it is: itself, or in words what is wrong with it; neither when there should be none. */
export interface ReadTable {
  readonly table?: SharedTable;
  readonly damage?: string;
}

/** Reads a table, damaged or not. Only a store that does not answer is a fault here. */
export async function readTable(tables: Tables, kind: TableKind, digest: Digest | undefined): Promise<ReadTable> {
  if (!digest) return {};
  try {
    return { table: await tables.load(kind, digest) };
  } catch (error) {
    if (error instanceof Fault && error.cause instanceof DamagedTable) return { damage: error.message };
    throw error;
  }
}

/** Commits what is held of an upstream: into its snapshot, or into a new one when that is lost. */
export async function commitKept(parts: RebuildParts, upstream: string, kept: readonly KeptVersion[]): Promise<void> {
  const { store, clock, tables, jobs } = parts;
  await changeState(store, clock, async (state) => {
    const record = knownOr(state, upstream, kept);
    const { table } = await readTable(tables, 'snapshot', record.snapshot);
    const held = await jobs.run('hold', { snapshot: table ?? emptySnapshot.table, fresh: kept });
    await tables.save('snapshot', held);
    if (held.digest === record.snapshot) return undefined;
    return withUpstream(state, upstream, { ...record, snapshot: held.digest });
  });
}

/**
 * Makes a catalog of the archives that are held and commits it in place of the lost one, unless a listing has done so
 * meanwhile. Without the validator of the last listing the next one is read whole, and merges into it. Answers how many
 * versions are in it.
 */
export async function rebuildCatalog(
  parts: RebuildParts,
  upstream: string,
  lost: Digest | undefined,
  kept: readonly KeptVersion[],
): Promise<number> {
  const claims: KnownClaim[] = [];
  for await (const claim of mapInOrder(kept, archivesAtOnce, (one) => describeKept(parts, one))) {
    if (claim) claims.push(claim);
  }
  const made = await parts.jobs.run('admit', { known: emptyCatalog.table, found: claims });
  await changeState(parts.store, parts.clock, async (state) => {
    const record = knownOr(state, upstream, kept);
    if (record.catalog !== lost) return undefined;
    // an empty catalog would be an empty listing; without any, upstream was not listed yet
    const catalog = claims.length > 0 ? await parts.tables.save('catalog', made) : undefined;
    return withUpstream(state, upstream, { ...record, catalog, validator: undefined });
  });
  return claims.length;
}

function knownOr(state: State, upstream: string, kept: readonly KeptVersion[]): UpstreamRecord {
  return recordOf(state, upstream) ?? { since: kept.map(({ heldAt }) => heldAt).sort()[0] ?? state.asOf };
}

async function describeKept({ blobs, describe }: RebuildParts, kept: KeptVersion): Promise<KnownClaim | undefined> {
  const { chart, version, archive, manifest, config, heldAt } = kept;
  try {
    const opened = await blobs.open(archive);
    if (!opened) return undefined;
    const bytes = Buffer.isBuffer(opened.body) ? opened.body : await readAll(opened.body, archive.size);
    const described = await describe(bytes);
    if ('rejected' in described) return undefined;
    const { metadata } = described;
    const documents = manifest && config && { manifest, config };
    const { digest } = archive;
    return { chart, version, source: unknownSource, digest, metadata, since: heldAt, documents };
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
