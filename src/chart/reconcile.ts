import { columnsOf, tableOf, TableReader, type SharedTable } from '../lib/shared-table.ts';
import {
  absencesUntilWithdrawn,
  decodeClaim,
  encodeClaim,
  isRewritten,
  repeats,
  sortClaims,
  type Claim,
  type KnownClaim,
} from './catalog.ts';
import type { Digest } from './digest.ts';
import { Snapshot } from './holding.ts';
import { compareText, newestFirst, sortable } from './version.ts';

/** What is known, what was listed, and what is held of one upstream. */
export interface Reconciliation {
  readonly known: SharedTable;
  readonly listed: SharedTable;
  readonly held: SharedTable;
  /** RFC 3339: what a version seen for the first time is dated. */
  readonly now: string;
}

/** What a listing changed, in chart versions. */
export interface Changes {
  readonly added: number;
  readonly withdrawn: number;
  readonly rewritten: number;
}

interface Reconciled extends Changes {
  readonly catalog: SharedTable;
}

type MutableChanges = { -readonly [K in keyof Changes]: Changes[K] };

/**
 * The catalog after a listing (design decisions 2 and 3): nothing is forgotten. What is new is dated `now`; what is
 * missing stays and its absences are counted; a claim whose bytes are held stays beside one that rewrites it, and a
 * claim nobody fetched follows the upstream. What a listing cannot say (a registry's metadata) is kept from before.
 */
export function reconcile({ known, listed, held, now }: Reconciliation): Reconciled {
  const before = new TableReader(known);
  const after = new TableReader(listed);
  const snapshot = new Snapshot(held);
  const changes: MutableChanges = { added: 0, withdrawn: 0, rewritten: 0 };
  const pieces: (string | Uint8Array)[] = [];
  for (const chart of [...new Set([...before.groups(), ...after.groups()])].sort(compareText)) {
    const same = repeatedLines(before, after, chart);
    if (same) {
      pieces.push(same);
      continue;
    }
    const old = claimsByVersion(before, chart);
    const fresh = claimsByVersion(after, chart);
    for (const version of newestFirstOf(new Set([...old.keys(), ...fresh.keys()]))) {
      const holding = () => snapshot.find(chart, version)?.archive.digest;
      const claims = reconcileVersion(old.get(version) ?? [], fresh.get(version) ?? [], holding, now, changes);
      for (const claim of claims) pieces.push(encodeClaim(claim));
    }
  }
  return { catalog: tableOf(pieces), ...changes };
}

/** A chart's lines as they are known, when the listing says nothing else: most charts, most of the time. */
function repeatedLines(before: TableReader, after: TableReader, chart: string): Uint8Array | undefined {
  const known = before.linesOf(chart);
  const listed = after.linesOf(chart);
  if (!known || !listed || known[1] - known[0] !== listed[1] - listed[0]) return undefined;
  for (let at = 0; at < known[1] - known[0]; at += 1) {
    if (!repeats(before.line(known[0] + at), after.line(listed[0] + at))) return undefined;
  }
  return before.slice(...known);
}

function newestFirstOf(versions: Iterable<string>): readonly string[] {
  return [...versions]
    .map(sortable)
    .sort(newestFirst)
    .map(({ text }) => text);
}

function claimsByVersion(rows: TableReader, chart: string): ReadonlyMap<string, readonly KnownClaim[]> {
  const [first, end] = rows.linesOf(chart) ?? [0, 0];
  const claims = Array.from({ length: end - first }, (_, at) => decodeClaim(rows.line(first + at)));
  return Map.groupBy(claims, (claim) => claim.version);
}

function reconcileVersion(
  old: readonly KnownClaim[],
  fresh: readonly Claim[],
  held: () => Digest | undefined,
  now: string,
  changes: MutableChanges,
): readonly KnownClaim[] {
  if (fresh.length === 0) return countAbsence(old, changes);
  const since = old.reduce((first, claim) => (claim.since < first ? claim.since : first), old[0]?.since ?? now);
  if (old.length === 0) changes.added += 1;
  const present = fresh.map((claim) => remember(claim, old, since));
  const lost = old.filter((claim) => !present.some((other) => other.digest === claim.digest));
  const digest = lost.length > 0 ? held() : undefined;
  if (digest === undefined) return present;
  if (isRewritten(present, digest) && !isRewritten(old, digest)) changes.rewritten += 1;
  // bytes that no claim promised were fetched for the one that promised nothing
  const own = [...present, ...lost].some((claim) => claim.digest === digest) ? digest : undefined;
  const kept = lost.filter((claim) => claim.digest === own);
  return [...kept.map(oneMoreAbsence), ...present];
}

/** A claim as listed, with what an earlier description of the same claim said. */
function remember(claim: Claim, old: readonly KnownClaim[], since: string): KnownClaim {
  if (claim.metadata !== undefined) return { ...claim, since };
  const described = old.find((other) => other.tag === claim.source || other.source === claim.source);
  return described ? { ...described, missing: undefined } : { ...claim, since };
}

function countAbsence(old: readonly KnownClaim[], changes: MutableChanges): readonly KnownClaim[] {
  const claims = old.map(oneMoreAbsence);
  const isNow = claims.every((claim) => claim.missing === absencesUntilWithdrawn);
  if (isNow && old.some((claim) => claim.missing !== absencesUntilWithdrawn)) changes.withdrawn += 1;
  return claims;
}

function oneMoreAbsence(claim: KnownClaim): KnownClaim {
  return { ...claim, missing: Math.min((claim.missing ?? 0) + 1, absencesUntilWithdrawn) };
}

/** The catalog with some of its claims replaced by what their descriptions say. Claims are met by their `source` before. */
export function describeClaims(known: SharedTable, described: readonly KnownClaim[]): SharedTable {
  const rows = new TableReader(known);
  const byTag = new Map(described.map((claim) => [`${claim.chart}\t${claim.version}\t${claim.tag ?? ''}`, claim]));
  const lines = Array.from({ length: rows.size }, (_, at) => {
    const [chart = '', version = '', head = ''] = columnsOf(rows.line(at));
    const claim = byTag.get(`${chart}\t${version}\t${sourceOf(head)}`);
    return claim ? encodeClaim({ ...decodeClaim(rows.line(at)), ...claim }) : `${rows.line(at).toString('utf8')}\n`;
  });
  return tableOf(lines);
}

function sourceOf(head: string): string {
  return (JSON.parse(head) as { readonly source: string }).source;
}

/** The catalog with claims that were found by name, outside of any listing. */
export function admitClaims(known: SharedTable, found: readonly KnownClaim[]): SharedTable {
  const rows = new TableReader(known);
  const claims = Array.from({ length: rows.size }, (_, at) => decodeClaim(rows.line(at)));
  const news = found.filter(({ chart, version }) => rows.find(chart, version) === undefined);
  return tableOf(sortClaims([...claims, ...news]).map(encodeClaim));
}
