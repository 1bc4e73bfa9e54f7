import { knownSinceMs } from './age.ts';
import { absencesUntilWithdrawn, firstSightOf, isRewritten, isWithdrawn, type ChartVersion } from './catalog.ts';
import { isDescribed, type KnownClaim } from './claim.ts';
import type { KeptVersion } from './holding.ts';
import type { Offering, OfferRule } from './offering.ts';
import { lapsesMs, type ProvenanceState } from './verdict.ts';
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
  /** Held versions by what their provenance turned out to be; absent where it is not checked. */
  readonly provenance?: ProvenanceCounts | undefined;
  /** Held versions whose provenance is not valid, in the same form: those where it is bad, then where there is none. 200 at most. */
  readonly unverified: SharedArrayBuffer;
  /** When the next of their verdicts lapses, and all is to be looked over again: epoch milliseconds, `Infinity` for never. */
  readonly lapsesMs: number;
}

/** How many versions there are of each. */
export type ProvenanceCounts = Readonly<Record<ProvenanceState, number>>;

/** How an upstream is looked over: at what time, in epoch milliseconds, and what it fetches ahead. */
export interface SurveyTerms {
  readonly policy: MirrorPolicy;
  readonly nowMs: number;
}

const maxUnverified = 200;
/** Publishers upload a provenance file minutes after its archive; after this long there is hardly one to come. */
const youngMs = 24 * 60 * 60_000;

/** The claim that speaks for a version: the one whose bytes are held, else the first that is described. */
export function speakingClaim(version: ChartVersion, held: KeptVersion | undefined): KnownClaim | undefined {
  const usable = version.claims.filter(({ metadata, refused }) => metadata !== undefined && refused === undefined);
  return (held && usable.find((claim) => claim.digest === held.archive.digest)) ?? usable[0];
}

/** Looks over everything known of one upstream. One pass; belongs on a worker thread for large catalogs. */
export function survey(offering: Offering, terms: SurveyTerms): Survey {
  const { catalog, snapshot } = offering;
  const counts = { charts: 0, versions: 0, held: 0, withdrawn: 0, rewritten: 0, bytes: 0 };
  const wanted = new Queue();
  const undescribed = new Queue();
  const rewrites: string[] = [];
  const findings = new Findings(offering, terms.nowMs);
  for (const chart of catalog.charts()) {
    let rank = 0;
    const before = counts.versions;
    for (const version of catalog.versions(chart)) {
      if (version.claims.every((claim) => claim.refused !== undefined)) continue;
      const held = snapshot.find(chart, version.version);
      if (countVersion(counts, version, held)) rewrites.push(lineOf(version));
      if (held) findings.add(version, held);
      const hidden = offering.hiddenBy(version);
      if (isWanted({ offering, version, held, hidden, rank }, terms)) wanted.add(version, rank);
      if (hidden !== undefined) continue;
      if (needsDescription(version, held)) undescribed.add(version, rank);
      rank += 1;
    }
    if (counts.versions > before) counts.charts += 1;
  }
  const lists = { wanted: wanted.share(), undescribed: undescribed.share(), rewrites: shareText(rewrites) };
  return { ...counts, ...lists, ...findings.share() };
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

/** What the provenance of held versions turned out to be. */
class Findings {
  readonly #offering: Offering;
  readonly #nowMs: number;
  #lapsesMs = Infinity;
  readonly #counts: Record<ProvenanceState, number> = { valid: 0, missing: 0, invalid: 0, unjudged: 0 };
  readonly #lines: Record<'missing' | 'invalid', string[]> = { missing: [], invalid: [] };

  constructor(offering: Offering, nowMs: number) {
    this.#offering = offering;
    this.#nowMs = nowMs;
  }

  add(version: ChartVersion, held: KeptVersion): void {
    const verdict = this.#offering.verdictOf(held);
    const result = verdict?.result ?? 'unjudged';
    this.#counts[result] += 1;
    const untilMs = verdict ? lapsesMs(verdict) : Infinity;
    if (untilMs > this.#nowMs) this.#lapsesMs = Math.min(this.#lapsesMs, untilMs);
    if (result !== 'missing' && result !== 'invalid') return;
    if (this.#lines[result].length < maxUnverified) this.#lines[result].push(lineOf(version));
  }

  share(): Pick<Survey, 'provenance' | 'unverified' | 'lapsesMs'> {
    const { missing, invalid } = this.#lines;
    const unverified = shareText([...invalid, ...missing].slice(0, maxUnverified));
    const provenance = this.#offering.verifies && { provenance: this.#counts };
    return { ...provenance, unverified, lapsesMs: this.#lapsesMs };
  }
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

interface Candidate {
  readonly offering: Offering;
  readonly version: ChartVersion;
  readonly held: KeptVersion | undefined;
  readonly hidden: OfferRule | undefined;
  /** How many newer ones of the chart are offered. */
  readonly rank: number;
}

function isWanted({ offering, version, held, hidden, rank }: Candidate, { policy, nowMs }: SurveyTerms): boolean {
  const isToBeJudged =
    held !== undefined && (offering.awaitsVerdict(held, nowMs) || mayBeSignedYet(offering, version, held, nowMs));
  if (hidden !== undefined) return hidden === 'verify' && isToBeJudged;
  if (isToBeJudged) return true;
  if (policy === 'requested' || (held && isComplete(held))) return false;
  return policy === 'all' || rank < policy.newest;
}

/**
 * Whether upstream may have the provenance of a held version yet that it lacked when it was judged: of a new version, whose
 * provenance is no part of an image.
 */
export function mayBeSignedYet(offering: Offering, version: ChartVersion, held: KeptVersion, nowMs: number): boolean {
  if (held.manifest || offering.verdictOf(held)?.result !== 'missing') return false;
  if (isRewritten(version.claims, held.archive.digest)) return false;
  const { catalog } = offering;
  const claim = speakingClaim(version, held);
  // of thousands that were there before us, and do not say since when, few are new
  if (claim?.created === undefined && firstSightOf(version) === catalog.firstListing) return false;
  return nowMs - knownSinceMs(catalog, version, claim) < youngMs;
}

/** Whether what comes beside the archive was asked for. Only of a registry's charts a manifest is held. */
function isComplete({ provenance, manifest, artifacts }: KeptVersion): boolean {
  return provenance !== undefined && (manifest === undefined || artifacts !== undefined);
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
