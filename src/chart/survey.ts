import type { SharedTable } from '../lib/shared-table.ts';
import {
  absencesUntilWithdrawn,
  Catalog,
  isRewritten,
  isWithdrawn,
  type ChartVersion,
  type KnownClaim,
} from './catalog.ts';
import { Snapshot, type KeptVersion } from './holding.ts';

/** Which archives are fetched ahead of the first request. */
export type MirrorPolicy = 'all' | 'requested' | { readonly newest: number };

/** Counts of one upstream, as its status shows them. */
export interface Survey {
  readonly charts: number;
  readonly versions: number;
  readonly held: number;
  readonly withdrawn: number;
  readonly rewritten: number;
  /** Of the held archives. */
  readonly bytes: number;
  /** Versions to fetch ahead, newest of every chart first: lines of `chart`, tab, `version`. */
  readonly wanted: SharedArrayBuffer;
  /** Claims a registry has not described yet, in the same order and form. */
  readonly undescribed: SharedArrayBuffer;
}

/** The claim that speaks for a version: the one whose bytes are held, else the first that is described. */
export function speakingClaim(version: ChartVersion, held: KeptVersion | undefined): KnownClaim | undefined {
  const usable = version.claims.filter((claim) => claim.metadata !== undefined);
  return (held && usable.find((claim) => claim.digest === held.archive.digest)) ?? usable[0];
}

/** Looks over everything known of one upstream. One pass; belongs on a worker thread for large catalogs. */
export function survey(catalogTable: SharedTable, snapshotTable: SharedTable, policy: MirrorPolicy): Survey {
  const catalog = new Catalog(catalogTable);
  const snapshot = new Snapshot(snapshotTable);
  const counts = { charts: catalog.chartCount, versions: 0, held: 0, withdrawn: 0, rewritten: 0, bytes: 0 };
  const wanted: string[][] = [];
  const undescribed: string[][] = [];
  for (const chart of catalog.charts()) {
    const offered = [...catalog.versions(chart)].filter(({ claims }) => claims.some((claim) => !claim.refused));
    for (const [rank, version] of offered.entries()) {
      const held = snapshot.find(chart, version.version);
      countVersion(counts, version, held);
      const line = `${chart}\t${version.version}\n`;
      if (needsDescription(version)) (undescribed[rank] ??= []).push(line);
      if (isWanted(held, rank, policy)) (wanted[rank] ??= []).push(line);
    }
  }
  return { ...counts, wanted: shareText(wanted), undescribed: shareText(undescribed) };
}

type Counts = Record<'versions' | 'held' | 'withdrawn' | 'rewritten' | 'bytes', number>;

function countVersion(counts: Counts, version: ChartVersion, held: KeptVersion | undefined): void {
  counts.versions += 1;
  if (isWithdrawn(version)) counts.withdrawn += 1;
  if (!held) return;
  counts.held += 1;
  counts.bytes += held.archive.size;
  if (isRewritten(version.claims, held.archive.digest)) counts.rewritten += 1;
}

function needsDescription(version: ChartVersion): boolean {
  return version.claims.some(
    (claim) =>
      claim.metadata === undefined && claim.refused === undefined && (claim.missing ?? 0) < absencesUntilWithdrawn,
  );
}

function isWanted(held: KeptVersion | undefined, rank: number, policy: MirrorPolicy): boolean {
  if (held?.provenance !== undefined || policy === 'requested') return false;
  return policy === 'all' || rank < policy.newest;
}

function shareText(byRank: readonly (readonly string[] | undefined)[]): SharedArrayBuffer {
  const text = byRank.flatMap((lines) => lines ?? []).join('');
  const shared = new SharedArrayBuffer(Buffer.byteLength(text));
  Buffer.from(shared).write(text);
  return shared;
}

/** The names in a list that `survey` made, one at a time. */
export function* namesIn(shared: SharedArrayBuffer): IterableIterator<readonly [chart: string, version: string]> {
  const bytes = Buffer.from(shared);
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start);
    const [chart = '', version = ''] = bytes.toString('utf8', start, end).split('\t');
    yield [chart, version];
    start = end + 1;
  }
}
