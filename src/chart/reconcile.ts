import { columnsOf, tableOf, TableReader, type SharedTable } from '../lib/shared-table.ts';
import { TableBuilder } from '../lib/table-builder.ts';
import { absencesUntilWithdrawn, isRewritten, isWithdrawn, sortClaims } from './catalog.ts';
import { decodeClaim, encodeClaim, isDescribed, repeats, type Claim, type KnownClaim } from './claim.ts';
import type { Digest } from './digest.ts';
import { Snapshot } from './holding.ts';
import { nameFilter } from './names.ts';
import { compareText, newestFirst, sortable } from './version.ts';

/** What is known, what was listed, and what is held of one upstream. */
export interface Reconciliation {
  readonly known: SharedTable;
  readonly listed: SharedTable;
  readonly held: SharedTable;
  /** RFC 3339: what a version seen for the first time is dated. */
  readonly now: string;
  /** How many good answers without a version make it withdrawn: usually `absencesUntilWithdrawn`; more count nothing. */
  readonly patience: number;
  /** The share of its versions, 0 to 1, that a listing may lack. */
  readonly maxLoss: number;
  /** Names and globs of the charts that matter, as `nameFilter` reads them: of others nothing is missed. */
  readonly charts?: readonly string[];
}

/** What a listing changed, in chart versions. */
export interface Changes {
  readonly added: number;
  readonly withdrawn: number;
  readonly rewritten: number;
  /** Not held, and promised with other digests than before. */
  readonly changed: number;
}

/** A chart and one of its versions. */
export type VersionName = readonly [chart: string, version: string];

interface Reconciled extends Changes {
  readonly catalog: SharedTable;
  /** Claims of these were replaced since nothing is known to be held of them. Whether that is so is worth a look. */
  readonly replaced: readonly VersionName[];
}

/** A listing that lacks more than it may, in numbers of versions; those that are withdrawn already do not count. */
export interface Shrunken {
  readonly known: number;
  readonly listed: number;
}

type MutableChanges = { -readonly [K in keyof Changes]: Changes[K] };

/**
 * The catalog after a listing (design decisions 2 and 3): nothing is forgotten. What is new is dated `now`; what is
 * missing stays and, where it matters, its absences are counted; a claim whose bytes are held stays beside one that
 * rewrites it, and a claim nobody fetched follows the upstream. What a listing cannot say (a registry's metadata) is
 * kept from before.
 */
export function reconcile(input: Reconciliation): Reconciled | Shrunken {
  const before = new TableReader(input.known);
  const after = new TableReader(input.listed);
  const matters = nameFilter(input.charts ?? []);
  const shrunken = lossOf(before, after, input.maxLoss, matters);
  if (shrunken) return shrunken;
  const snapshot = new Snapshot(input.held);
  const changes: MutableChanges = { added: 0, withdrawn: 0, rewritten: 0, changed: 0 };
  const replaced: VersionName[] = [];
  const catalog = new TableBuilder();
  for (const chart of [...new Set([...before.groups(), ...after.groups()])].sort(compareText)) {
    if (repeatsChart(before, after, chart)) {
      shareChart(catalog, before, chart);
      continue;
    }
    const old = claimsByVersion(before, chart);
    const fresh = claimsByVersion(after, chart);
    for (const version of newestFirstOf(new Set([...old.keys(), ...fresh.keys()]))) {
      const holding = () => snapshot.find(chart, version)?.archive.digest;
      const notHeld = () => void replaced.push([chart, version]);
      const known = { old: old.get(version) ?? [], held: holding, notHeld, matters: matters(chart) };
      const claims = reconcileVersion(known, fresh.get(version) ?? [], input, changes);
      const like = before.find(chart, version) ?? [0, 0];
      for (const claim of claims) catalog.addLike(encodeClaim(claim), before, like);
    }
  }
  return { catalog: catalog.finish(), replaced, ...changes };
}

function lossOf(
  before: TableReader,
  after: TableReader,
  maxLoss: number,
  matters: (chart: string) => boolean,
): Shrunken | undefined {
  if (maxLoss >= 1) return undefined;
  let known = 0;
  let lost = 0;
  for (const chart of [...before.groups()].filter(matters)) {
    const listed = claimsByVersion(after, chart);
    for (const [version, claims] of claimsByVersion(before, chart)) {
      if (isWithdrawn({ chart, version, claims }) || claims.every((claim) => claim.named)) continue;
      known += 1;
      if (!listed.has(version)) lost += 1;
    }
  }
  return lost > known * maxLoss ? { known, listed: known - lost } : undefined;
}

/** Whether the listing says of a chart what is known of it: of most charts, most of the time. */
function repeatsChart(before: TableReader, after: TableReader, chart: string): boolean {
  const known = before.linesOf(chart);
  const listed = after.linesOf(chart);
  if (!known || !listed || known[1] - known[0] !== listed[1] - listed[0]) return false;
  for (let at = 0; at < known[1] - known[0]; at += 1) {
    if (!repeats(before.line(known[0] + at), after.line(listed[0] + at))) return false;
  }
  return true;
}

function shareChart(catalog: TableBuilder, rows: TableReader, chart: string): void {
  const [first, end] = rows.linesOf(chart) ?? [0, 0];
  for (let at = first; at < end; at += 1) catalog.share(rows, at);
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

interface KnownVersion {
  readonly old: readonly KnownClaim[];
  readonly held: () => Digest | undefined;
  /** Called when a claim is replaced because nothing is held. */
  readonly notHeld: () => void;
  /** Whether it is missed where it is not listed. */
  readonly matters: boolean;
}

function reconcileVersion(
  { old, held, notHeld, matters }: KnownVersion,
  fresh: readonly Claim[],
  { now, patience }: Reconciliation,
  changes: MutableChanges,
): readonly KnownClaim[] {
  const oneMoreAbsence = (claim: KnownClaim) => absentOnceMore(claim, patience);
  if (fresh.length === 0) return matters ? countAbsence(old, oneMoreAbsence, changes) : old;
  if (old.length === 0) changes.added += 1;
  const since = firstSight(old) ?? now;
  const present = fresh.map((claim) => remember(claim, old, since));
  const lost = old.filter((claim) => !present.some((other) => other.digest === claim.digest));
  if (lost.length === 0) return present;
  const digest = held();
  if (digest === undefined) {
    notHeld();
    if (lost.some((claim) => claim.digest !== undefined)) changes.changed += 1;
    return present;
  }
  if (isRewritten(present, digest) && !isRewritten(old, digest)) changes.rewritten += 1;
  return [...claimsOfHeld(present, lost, digest).map(oneMoreAbsence), ...present];
}

function firstSight(claims: readonly KnownClaim[]): string | undefined {
  return claims.map(({ since }) => since).toSorted()[0];
}

/** Of the claims that upstream makes no more those that the held bytes belong to. */
function claimsOfHeld(
  present: readonly KnownClaim[],
  lost: readonly KnownClaim[],
  digest: Digest,
): readonly KnownClaim[] {
  // bytes that no claim promised were fetched for the one that promised nothing
  const own = [...present, ...lost].some((claim) => claim.digest === digest) ? digest : undefined;
  return lost.filter((claim) => claim.digest === own);
}

/** A claim as listed, with what an earlier description of the same claim said. */
function remember(claim: Claim, old: readonly KnownClaim[], since: string): KnownClaim {
  if (isDescribed(claim)) return { ...claim, since };
  const earlier = old.filter((other) => other.tag === claim.source || other.source === claim.source);
  // a tag that was moved leaves the description of what it was behind, as missing
  const described = earlier.find((other) => !other.missing) ?? earlier[0];
  if (!described) return { ...shownUntilDescribed(old), ...claim, since };
  const known = described.tag === undefined ? { ...described, ...claim, since: described.since } : described;
  return { ...known, missing: undefined, named: undefined };
}

/** A tag that moved goes on being offered as it was described before, until it is described again. */
function shownUntilDescribed(old: readonly KnownClaim[]): Partial<KnownClaim> {
  const before = old.find(({ metadata, refused }) => metadata !== undefined && refused === undefined);
  return before ? { brief: 'outdated', metadata: before.metadata, extra: before.extra } : {};
}

function countAbsence(
  old: readonly KnownClaim[],
  oneMoreAbsence: (claim: KnownClaim) => KnownClaim,
  changes: MutableChanges,
): readonly KnownClaim[] {
  if (old.every((claim) => claim.named)) return old;
  const claims = old.map(oneMoreAbsence);
  const isNow = claims.every((claim) => claim.missing === absencesUntilWithdrawn);
  if (isNow && old.some((claim) => claim.missing !== absencesUntilWithdrawn)) changes.withdrawn += 1;
  return claims;
}

function absentOnceMore(claim: KnownClaim, patience: number): KnownClaim {
  const step = Math.max(0, absencesUntilWithdrawn - patience + 1);
  return { ...claim, missing: Math.min((claim.missing ?? 0) + step, absencesUntilWithdrawn) };
}

/**
 * The catalog with what descriptions say of some of its claims, which are met by the source they were listed under. A
 * claim whose bytes are held stays beside one that promises others, as one that upstream lacks now.
 */
export function describeClaims(known: SharedTable, described: readonly KnownClaim[], held: SharedTable): SharedTable {
  const rows = new TableReader(known);
  const snapshot = new Snapshot(held);
  const bySource = new Map(described.map((claim) => [`${claim.chart}\t${claim.version}\t${claim.tag ?? ''}`, claim]));
  const describeLine = (line: Buffer): string => {
    const [chart = '', version = '', head = '', , , memory] = columnsOf(line);
    const claim = bySource.get(`${chart}\t${version}\t${listedUnder(head, memory)}`);
    const held = () => snapshot.find(chart, version)?.archive.digest;
    return claim ? describeRow(decodeClaim(line), claim, held) : `${line.toString('utf8')}\n`;
  };
  return tableOf(Array.from({ length: rows.size }, (_, at) => describeLine(rows.line(at))));
}

function describeRow(before: KnownClaim, described: KnownClaim, held: () => Digest | undefined): string {
  // what is missing is what the tag pointed to earlier
  if (before.missing && before.digest !== undefined) return encodeClaim(before);
  const now = encodeClaim({ ...before, ...described, since: before.since });
  const isMoved = before.digest !== undefined && before.digest !== described.digest;
  return isMoved && held() === before.digest ? encodeClaim({ ...before, missing: 1 }) + now : now;
}

function listedUnder(head: string, memory: string | undefined): string {
  const { tag } = JSON.parse(memory ?? '{}') as { readonly tag?: string };
  return tag ?? (JSON.parse(head) as { readonly source: string }).source;
}

/**
 * The catalog with claims that were found by name, outside of any listing. What was refused as no chart makes room: it
 * may have been pushed again as one.
 */
export function admitClaims(known: SharedTable, found: readonly KnownClaim[]): SharedTable {
  const rows = new TableReader(known);
  const claims = Array.from({ length: rows.size }, (_, at) => decodeClaim(rows.line(at)));
  const isOf = (claim: KnownClaim) => (other: KnownClaim) =>
    other.chart === claim.chart && other.version === claim.version;
  const usable = claims.filter((claim) => claim.refused === undefined || !found.some(isOf(claim)));
  const news = found.filter((claim) => !usable.some(isOf(claim)));
  return tableOf(sortClaims([...usable, ...news]).map(encodeClaim));
}
