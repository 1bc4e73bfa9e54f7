import { columnsOf, tableOf, TableReader, type SharedTable } from '../lib/shared-table.ts';
import type { Descriptor, Digest } from './digest.ts';
import type { FaultCode } from './fault.ts';
import { compareText, newestFirst, sortable } from './version.ts';

/** Where a claim's bytes are, in words that only the adapter that issued it understands. No tabs, no line feeds. */
export type SourceRef = string & { readonly sourceRef?: never };

/** What lets an upstream say "unchanged": the validators of its last answer and digests of what it contained. */
export interface Validator {
  readonly etag?: string;
  readonly lastModified?: string;
  /** The body as it came. */
  readonly content?: Digest;
  /** What we understood of it; equal when only `generated`, order or white space changed. */
  readonly rows?: Digest;
}

/** What an upstream says of one chart version: one row of its listing. Not a fact until the bytes are held. */
export interface Claim {
  readonly chart: string;
  readonly version: string;
  readonly source: SourceRef;
  /** Of the archive, when upstream says so. */
  readonly digest?: Digest | undefined;
  /** RFC 3339, as upstream wrote it. */
  readonly created?: string | undefined;
  /** The fields of Chart.yaml that Helm knows, as the JSON object that will be rendered. Absent until described. */
  readonly metadata?: string | undefined;
  /** The fields that Helm does not know, as a JSON object. Kept, never rendered. */
  readonly extra?: string | undefined;
  /**
   * It can be offered as it is, but what it is made of is described only once it is fetched. `outdated`: its metadata is
   * of what its tag was before, so it is described at once. Only what is remembered is ever that.
   */
  readonly brief?: true | 'outdated' | undefined;
}

/** A claim as a catalog remembers it. */
export interface KnownClaim extends Claim {
  /** First sight of it: RFC 3339. Claims of an upstream's first round carry the time it was configured. */
  readonly since: string;
  /** How many good listings in a row lacked it. */
  readonly missing?: number | undefined;
  /** Found by name where nothing can be listed: no listing has to have it. */
  readonly named?: true | undefined;
  /** For a described claim: the source it was listed under, before its description pinned it to a digest. */
  readonly tag?: SourceRef | undefined;
  /** For a described claim: the verbatim manifest and config that we keep. */
  readonly documents?: { readonly manifest: Descriptor; readonly config: Descriptor } | undefined;
  /** Described, and found to be no chart: not offered, and not asked about again. */
  readonly refused?: FaultCode | undefined;
}

/** One chart version with everything claimed of it, in upstream's order: the first speaks until bytes are held. */
export interface ChartVersion {
  readonly chart: string;
  readonly version: string;
  readonly claims: readonly KnownClaim[];
}

/** A claim as a listing has it, without what a catalog remembers of it. */
export function bareClaim({ chart, version, source, digest, created, metadata, extra, brief }: Claim): Claim {
  return { chart, version, source, digest, created, metadata, extra, brief };
}

/** Whether upstream has nothing more to say of it: a registry's claim is described, any other is from the start. */
export function isDescribed({ metadata, brief }: Claim): boolean {
  return metadata !== undefined && !brief;
}

/** After this many good listings without it a version counts as withdrawn. */
export const absencesUntilWithdrawn = 3;

/** Whether upstream no longer has this version. */
export function isWithdrawn(version: ChartVersion): boolean {
  return version.claims.every((claim) => (claim.missing ?? 0) >= absencesUntilWithdrawn);
}

/** Later than any time: of what was never seen. */
export const neverSeen = '9999';

/**
 * When a version was first seen: RFC 3339 in UTC with whole seconds, which orders as text. `neverSeen` when it is no
 * chart. What a rule hides was seen.
 */
export function firstSightOf({ claims }: ChartVersion): string {
  return claims.reduce(earlier, neverSeen);
}

function earlier(first: string, { since = '', refused }: Memory): string {
  return refused === undefined && since < first ? since : first;
}

/** Whether everything that upstream lists now promises other bytes than the ones held. No digest promises nothing. */
export function isRewritten(claims: readonly KnownClaim[], held: Digest): boolean {
  const present = claims.filter((claim) => !claim.missing);
  return present.length > 0 && present.every((claim) => claim.digest !== undefined && claim.digest !== held);
}

/**
 * What one upstream offers: charts in the order of their names, versions newest first. Immutable, in shared memory;
 * a row becomes an object only when it is asked for.
 */
export class Catalog {
  readonly #rows: TableReader;
  readonly #sights = new Map<string, readonly Sight[]>();
  #firstListing: string | undefined;

  constructor(table: SharedTable) {
    this.#rows = new TableReader(table);
  }

  get table(): SharedTable {
    return this.#rows.table;
  }

  /** Chart names in order. */
  charts(): IterableIterator<string> {
    return this.#rows.groups();
  }

  has(chart: string): boolean {
    return this.#rows.linesOf(chart) !== undefined;
  }

  /** One version by its exact text. */
  find(chart: string, version: string): ChartVersion | undefined {
    const lines = this.#rows.find(chart, version);
    return lines && { chart, version, claims: this.#claims(lines) };
  }

  /** A chart's versions, newest first. */
  *versions(chart: string): IterableIterator<ChartVersion> {
    const lines = this.#rows.linesOf(chart);
    if (!lines) return;
    let claims: KnownClaim[] = [];
    for (let at = lines[0]; at < lines[1]; at += 1) {
      const claim = decodeClaim(this.#rows.line(at));
      const previous = claims[0];
      if (previous && previous.version !== claim.version) {
        yield { chart, version: previous.version, claims };
        claims = [];
      }
      claims.push(claim);
    }
    if (claims[0]) yield { chart, version: claims[0].version, claims };
  }

  /** The texts of a chart's versions, newest first; those that several rows have, several times. */
  *spellings(chart: string): IterableIterator<string> {
    const [first, end] = this.#rows.linesOf(chart) ?? [0, 0];
    for (let at = first; at < end; at += 1) yield this.#rows.column(at, 1);
  }

  /** The texts of a chart's versions, newest first, each with its first sight as `firstSightOf` says it. Read once. */
  sights(chart: string): readonly Sight[] {
    const known = this.#sights.get(chart);
    if (known) return known;
    const sights = [...this.#readSights(chart)];
    // strangers can ask for any name
    if (sights.length > 0) this.#sights.set(chart, sights);
    return sights;
  }

  *#readSights(chart: string): IterableIterator<Sight> {
    const [start, end] = this.#rows.linesOf(chart) ?? [0, 0];
    for (let at = start; at < end;) {
      const version = this.#rows.column(at, 1);
      let first = neverSeen;
      do {
        first = earlier(first, this.#memory(at));
        at += 1;
      } while (at < end && this.#rows.column(at, 1) === version);
      yield [version, first];
    }
  }

  /** Whether something under a name may be a chart: not all of it was found to be something else. */
  hasCharts(chart: string): boolean {
    // mostly the first row says so
    for (const [, first] of this.#readSights(chart)) if (first !== neverSeen) return true;
    return false;
  }

  /** When a chart was first seen here, whatever became of it since; `neverSeen` when all there is are no charts. */
  firstSight(chart: string): string {
    return this.sights(chart).reduce((earliest, [, first]) => (first < earliest ? first : earliest), neverSeen);
  }

  /** Since when the versions of the first good listing are known; what was found by name belongs to none. */
  get firstListing(): string {
    if (this.#firstListing !== undefined) return this.#firstListing;
    let first = Buffer.from(neverSeen);
    for (let at = 0; at < this.#rows.size; at += 1) {
      if (!isSeenBefore(this.#rows.line(at), first)) continue;
      const { since = '', named } = this.#memory(at);
      if (!named) first = Buffer.from(since);
    }
    return (this.#firstListing = first.toString());
  }

  /** Every version of every chart. */
  *all(): IterableIterator<ChartVersion> {
    for (const chart of this.charts()) yield* this.versions(chart);
  }

  #memory(at: number): Memory {
    return decodeMemory(this.#rows.column(at, 5));
  }

  #claims([first, end]: readonly [number, number]): KnownClaim[] {
    return Array.from({ length: end - first }, (_, at) => decodeClaim(this.#rows.line(first + at)));
  }
}

/** A catalog without rows. */
export const emptyCatalog = new Catalog(tableOf([]));

/** A version's text, and when it was first seen. */
type Sight = readonly [version: string, first: string];

type Memory = Partial<Omit<KnownClaim, keyof Claim>>;

/**
 * One claim as one line: chart, version, what was claimed of the bytes, metadata, unknown keys, and last what we
 * remember of it. A line of a listing has no memory; it is the beginning of the line that a catalog makes of it.
 */
export function encodeClaim(claim: Claim & Partial<KnownClaim>): string {
  const { chart, version, digest, created, source, brief, metadata = '', extra = '' } = claim;
  // JSON leaves out what is undefined, and the fixed order keeps equal claims equal to the byte
  const head = JSON.stringify({ digest, created, source, brief });
  const memory = encodeMemory(claim);
  return `${chart}\t${version}\t${head}\t${metadata}\t${extra}${memory && `\t${memory}`}\n`;
}

function encodeMemory({ since, missing, named, tag, documents, refused }: Memory): string {
  const words = { since: since || undefined, missing: missing || undefined, named, tag, documents, refused };
  const memory = JSON.stringify(words);
  return memory === '{}' ? '' : memory;
}

/** Reads the line that `encodeClaim` wrote. `since` is empty in a listing, which does not know it. */
export function decodeClaim(line: Buffer): KnownClaim {
  const [chart = '', version = '', head = '{}', metadata, extra, memory = ''] = columnsOf(line);
  return {
    chart,
    version,
    ...(JSON.parse(head) as Pick<Claim, 'digest' | 'created' | 'source' | 'brief'>),
    since: '',
    ...decodeMemory(memory),
    ...(metadata && { metadata }),
    ...(extra && { extra }),
  };
}

function decodeMemory(memory: string): Memory {
  return memory === '' ? {} : (JSON.parse(memory) as Memory);
}

/** Whether a catalog's line says that it was first seen before a time. Of tens of thousands few must be read for that. */
function isSeenBefore(known: Buffer, time: Buffer): boolean {
  const start = known.lastIndexOf(0x09) + 1 + '{"since":"'.length;
  return known.compare(time, 0, time.length, start) < 0;
}

const onlySince = /^\{"since":"[^"]*"\}$/;

/**
 * How much of a catalog's line is the line of the listing that it was made of: undefined when more is remembered than
 * since when.
 */
export function listedLength(known: Buffer): number | undefined {
  const end = known.lastIndexOf(0x09);
  return onlySince.test(known.toString('latin1', end + 1)) ? end : undefined;
}

/** Whether a catalog's line is what a listing says again, and nothing else is remembered of it than since when. */
export function repeats(known: Buffer, listed: Buffer): boolean {
  const end = listed.length;
  if (known[end] !== 0x09 || known.compare(listed, 0, end, 0, end) !== 0) return false;
  return listedLength(known) === end;
}

/** Claims in a catalog's order: by name, newest first, and within one version as they came. */
export function sortClaims<T extends Claim>(claims: readonly T[]): T[] {
  return claims
    .map((claim, at) => ({ claim, at, version: sortable(claim.version) }))
    .sort((a, b) => compareText(a.claim.chart, b.claim.chart) || newestFirst(a.version, b.version) || a.at - b.at)
    .map(({ claim }) => claim);
}

/** A table of claims in a catalog's order. */
export function claimTable(claims: readonly Claim[]): SharedTable {
  return tableOf(sortClaims(claims).map(encodeClaim));
}
