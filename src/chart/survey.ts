import {
  absencesUntilWithdrawn,
  isDescribed,
  isRewritten,
  isWithdrawn,
  type ChartVersion,
  type KnownClaim,
} from './catalog.ts';
import type { KeptVersion } from './holding.ts';
import type { Offering } from './offering.ts';
import { compareText } from './version.ts';

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
  /**
   * Versions to fetch ahead, as lines of `chart`, tab, `version`: those that came after the first listing, latest first;
   * then the newest of every chart, the second of every chart, and so on.
   */
  readonly wanted: SharedArrayBuffer;
  /** Claims a registry has not described yet, in the same order and form. */
  readonly undescribed: SharedArrayBuffer;
  /** Versions whose held bytes upstream no longer promises, in the same form. */
  readonly rewrites: SharedArrayBuffer;
}

/** The claim that speaks for a version: the one whose bytes are held, else the first that is described. */
export function speakingClaim(version: ChartVersion, held: KeptVersion | undefined): KnownClaim | undefined {
  const usable = version.claims.filter(({ metadata, refused }) => metadata !== undefined && refused === undefined);
  return (held && usable.find((claim) => claim.digest === held.archive.digest)) ?? usable[0];
}

/** Looks over everything known of one upstream. One pass; belongs on a worker thread for large catalogs. */
export function survey(offering: Offering, policy: MirrorPolicy): Survey {
  const { catalog, snapshot } = offering;
  const counts = { charts: 0, versions: 0, held: 0, withdrawn: 0, rewritten: 0, bytes: 0 };
  const wanted = new Queue();
  const undescribed = new Queue();
  const rewrites: string[] = [];
  for (const chart of catalog.charts()) {
    let rank = 0;
    const before = counts.versions;
    for (const version of catalog.versions(chart)) {
      if (version.claims.every((claim) => claim.refused !== undefined)) continue;
      const held = snapshot.find(chart, version.version);
      if (countVersion(counts, version, held)) rewrites.push(lineOf(version));
      if (!offering.mayName(chart) || !offering.offers(version)) continue;
      if (needsDescription(version, held)) undescribed.add(version, rank);
      if (isWanted(held, rank, policy)) wanted.add(version, rank);
      rank += 1;
    }
    if (counts.versions > before) counts.charts += 1;
  }
  return { ...counts, wanted: wanted.share(), undescribed: undescribed.share(), rewrites: shareText(rewrites) };
}

type Counts = Record<'versions' | 'held' | 'withdrawn' | 'rewritten' | 'bytes', number>;

/** Answers whether the version is a rewritten one. */
function countVersion(counts: Counts, version: ChartVersion, held: KeptVersion | undefined): boolean {
  counts.versions += 1;
  if (isWithdrawn(version)) counts.withdrawn += 1;
  if (!held) return false;
  counts.held += 1;
  counts.bytes += held.archive.size;
  const isRewrite = isRewritten(version.claims, held.archive.digest);
  if (isRewrite) counts.rewritten += 1;
  return isRewrite;
}

/** Names in the order in which they are worth fetching. */
class Queue {
  readonly #lines: { readonly line: string; readonly since: string; readonly rank: number }[] = [];
  #first = '~';

  add(version: ChartVersion, rank: number): void {
    const since = version.claims.reduce((first, claim) => (claim.since < first ? claim.since : first), '~');
    if (since < this.#first) this.#first = since;
    this.#lines.push({ line: lineOf(version), since, rank });
  }

  /** What came with the first listing is gaps, the rest is news. */
  share(): SharedArrayBuffer {
    const gaps = this.#lines.filter(({ since }) => since === this.#first).toSorted((a, b) => a.rank - b.rank);
    const news = this.#lines.filter(({ since }) => since !== this.#first);
    const latestFirst = news.toSorted((a, b) => compareText(b.since, a.since) || a.rank - b.rank);
    return shareText([...latestFirst, ...gaps].map(({ line }) => line));
  }
}

function lineOf({ chart, version }: ChartVersion): string {
  return `${chart}\t${version}\n`;
}

/**
 * A brief claim beside another, or of what is held, may be a tag that moved: only its description tells whether the
 * bytes are others.
 */
function needsDescription({ claims }: ChartVersion, held: KeptVersion | undefined): boolean {
  const mayWait = held === undefined && claims.length === 1;
  return claims.some(
    (claim) =>
      !(isDescribed(claim) || (mayWait && claim.brief === true)) &&
      claim.refused === undefined &&
      (claim.missing ?? 0) < absencesUntilWithdrawn,
  );
}

function isWanted(held: KeptVersion | undefined, rank: number, policy: MirrorPolicy): boolean {
  if (held?.provenance !== undefined || policy === 'requested') return false;
  return policy === 'all' || rank < policy.newest;
}

/** Lines that thread and main thread share; `namesIn` reads them. */
export function shareText(lines: readonly string[]): SharedArrayBuffer {
  const text = lines.join('');
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
