import { createHash } from 'node:crypto';

import { encodeClaim, listedLength, type Claim } from '../chart/claim.ts';
import { TableReader, type SharedTable } from '../lib/shared-table.ts';
import { TableBuilder } from '../lib/table-builder.ts';

/** The lines of one chart, as a digest that finds them again. */
export interface ChartLines {
  readonly chart: string;
  /** sha256 of the lines with their line feeds; empty when there are none. */
  readonly lines: string;
}

/** Lines of a catalog that say what a listing says: which, and how much of each. */
interface KnownLines {
  readonly digest: string;
  /** By their place in the catalog. */
  readonly lengths: ReadonlyMap<number, number>;
}

/**
 * The claims of an index on their way into a table. What a catalog says already is not written again: the table shares
 * the catalog's text.
 */
export class IndexClaims {
  readonly #known: TableReader | undefined;
  readonly #found = new Map<string, KnownLines>();
  readonly #new = new TableBuilder();

  constructor(known: SharedTable | undefined) {
    this.#known = known && new TableReader(known);
  }

  /** Whether the catalog has these lines, so that nobody needs to write them. */
  has({ chart, lines }: ChartLines): boolean {
    return lines === '' || this.#linesOf(chart)?.digest === lines;
  }

  /** Keeps the claims of a chart, in a catalog's order. No chart twice. */
  add(chart: string, claims: readonly Claim[]): ChartLines & { readonly bytes: number } {
    const lines = claims.map(encodeClaim);
    const hash = createHash('sha256');
    for (const line of lines) hash.update(line);
    const rows = { chart, lines: claims.length === 0 ? '' : hash.digest('base64') };
    if (!this.has(rows)) claims.forEach(({ version }, at) => this.#write(chart, version, lines[at] ?? ''));
    return { ...rows, bytes: lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0) };
  }

  #write(chart: string, version: string, line: string): void {
    const like = this.#known?.find(chart, version);
    if (this.#known && like) this.#new.addLike(line, this.#known, like, listedLength);
    else this.#new.add(line);
  }

  /** The table of these charts, which are all known or were added. */
  tableOf(charts: readonly ChartLines[]): SharedTable {
    const table = new TableBuilder();
    const added = new TableReader(this.#new.finish());
    for (const one of charts) {
      const known = this.has(one) ? this.#linesOf(one.chart) : undefined;
      if (one.lines === '') continue;
      if (known && this.#known) {
        for (const [at, length] of known.lengths) table.share(this.#known, at, length);
      } else {
        const [first, end] = added.linesOf(one.chart) ?? [0, 0];
        for (let at = first; at < end; at += 1) table.share(added, at);
      }
    }
    return table.finish();
  }

  #linesOf(chart: string): KnownLines | undefined {
    const found = this.#found.get(chart);
    const range = found ? undefined : this.#known?.linesOf(chart);
    if (!this.#known || !range) return found;
    const hash = createHash('sha256');
    const lengths = new Map<number, number>();
    for (let at = range[0]; at < range[1]; at += 1) {
      const line = this.#known.line(at);
      const length = listedLength(line);
      if (length === undefined) continue;
      hash.update(line.subarray(0, length)).update('\n');
      lengths.set(at, length);
    }
    const known = { digest: hash.digest('base64'), lengths };
    this.#found.set(chart, known);
    return known;
  }
}
