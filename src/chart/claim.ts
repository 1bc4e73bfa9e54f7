import { columnsOf } from '../lib/shared-table.ts';
import type { Descriptor, Digest } from './digest.ts';
import type { FaultCode } from './fault.ts';

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

/** A claim as a listing has it, without what a catalog remembers of it. */
export function bareClaim({ chart, version, source, digest, created, metadata, extra, brief }: Claim): Claim {
  return { chart, version, source, digest, created, metadata, extra, brief };
}

/** Whether upstream has nothing more to say of it: a registry's claim is described, any other is from the start. */
export function isDescribed({ metadata, brief }: Claim): boolean {
  return metadata !== undefined && !brief;
}

/** What a catalog remembers of a claim. */
export type Memory = Partial<Omit<KnownClaim, keyof Claim>>;

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

/** Reads the last column of a catalog's line. */
export function decodeMemory(memory: string): Memory {
  return memory === '' ? {} : (JSON.parse(memory) as Memory);
}

/** Whether a catalog's line says that it was first seen before a time. Of tens of thousands few must be read for that. */
export function isSeenBefore(known: Buffer, time: Buffer): boolean {
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
