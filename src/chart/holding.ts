import { columnsOf, tableOf, TableReader, type SharedTable } from '../lib/shared-table.ts';
import { joined, type Attachments } from './attachments.ts';
import type { Descriptor, Digest } from './digest.ts';
import { compareText } from './version.ts';

/** A fact: everything kept for one chart version, fetched, measured and hashed. Written once. */
export interface Holding {
  readonly chart: string;
  readonly version: string;
  readonly archive: Descriptor;
  /** Verbatim from a registry, so that digests and signatures stay true. */
  readonly manifest?: Descriptor | undefined;
  readonly config?: Descriptor | undefined;
  /** When we got it: RFC 3339. */
  readonly heldAt: string;
  /** For bytes that were accepted in place of the first ones, on purpose: when. RFC 3339 with milliseconds. */
  readonly acceptedAt?: string | undefined;
}

/** A holding with its attachments, as a snapshot remembers it. */
export type KeptVersion = Holding & Attachments;

/** All holdings of one upstream, immutable, in shared memory. */
export class Snapshot {
  readonly #rows: TableReader;

  constructor(table: SharedTable) {
    this.#rows = new TableReader(table);
  }

  get table(): SharedTable {
    return this.#rows.table;
  }

  get size(): number {
    return this.#rows.size;
  }

  find(chart: string, version: string): KeptVersion | undefined {
    const lines = this.#rows.find(chart, version);
    return lines && decodeHolding(this.#rows.line(lines[0]));
  }

  /** The versions of a chart of which something has this digest. */
  *naming(chart: string, digest: Digest): IterableIterator<KeptVersion> {
    for (const line of this.#rows.linesWith(chart, digest)) yield decodeHolding(line);
  }

  *all(): IterableIterator<KeptVersion> {
    for (let at = 0; at < this.size; at += 1) yield decodeHolding(this.#rows.line(at));
  }
}

/** One holding as one line: chart, version, the rest. */
export function encodeHolding({ chart, version, ...rest }: KeptVersion): string {
  return `${chart}\t${version}\t${JSON.stringify(rest)}\n`;
}

/** Reads the line that `encodeHolding` wrote. */
export function decodeHolding(line: Buffer): KeptVersion {
  const [chart = '', version = '', rest = '{}'] = columnsOf(line);
  return { chart, version, ...(JSON.parse(rest) as Omit<KeptVersion, 'chart' | 'version'>) };
}

/**
 * Which of two words on the same version counts: of different bytes those that were accepted last, or that were there
 * first; of the same bytes both together, whichever was heard of first.
 */
export function currentOf(earlier: KeptVersion, later: KeptVersion): KeptVersion {
  const [before = '', now = ''] = [earlier.acceptedAt, later.acceptedAt];
  if (earlier.archive.digest !== later.archive.digest) return now > before ? later : earlier;
  const acceptedAt = now > before ? now : before;
  return { ...later, ...(acceptedAt && { acceptedAt }), ...joined(earlier, later) };
}

/** The snapshot with further holdings in it, each version as `currentOf` decides. */
export function mergeHoldings(snapshot: SharedTable, fresh: readonly KeptVersion[]): SharedTable {
  const lines = new Map<string, string>();
  const reader = new TableReader(snapshot);
  for (let at = 0; at < reader.size; at += 1) {
    const line = reader.line(at).toString('utf8');
    const [chart = '', version = ''] = line.split('\t', 2);
    lines.set(`${chart}\t${version}`, `${line}\n`);
  }
  for (const kept of fresh) {
    const key = `${kept.chart}\t${kept.version}`;
    const before = lines.get(key);
    const earlier = before === undefined ? undefined : decodeHolding(Buffer.from(before.trimEnd()));
    lines.set(key, encodeHolding(earlier ? currentOf(earlier, kept) : kept));
  }
  return tableOf([...lines].sort(([a], [b]) => compareText(a, b)).map(([, line]) => line));
}

/** A snapshot of nothing. */
export const emptySnapshot = new Snapshot(tableOf([]));
