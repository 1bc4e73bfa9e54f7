import { TableBuilder } from './table-builder.ts';

/**
 * Lines of tab-separated text, grouped by their first column, in memory that threads share: passing one to a worker
 * copies nothing, and a hundred thousand lines are no objects at all until one is asked for. A table that was made of
 * another one shares the text they have in common.
 */
export interface SharedTable {
  /** UTF-8, never written again. Lines stand here in any order, and what stands between them is no part of the table. */
  readonly texts: readonly SharedArrayBuffer[];
  /** `Uint32Array`, three numbers for each line: in which text, where it starts, and where it ends. */
  readonly lines: SharedArrayBuffer;
  /** `Uint32Array`: the first line of each group, and behind the last group the number of lines. */
  readonly groups: SharedArrayBuffer;
}

/** Where a line is: in which text, its first byte, and the one behind its last. */
export type Span = readonly [text: SharedArrayBuffer, start: number, end: number];

const tab = 0x09;
const lineFeed = 0x0a;
const endOfLine = Buffer.of(lineFeed);
/** In groups up to this size every line is looked at. */
const searchedLines = 32;

/** A table of the given pieces of text, each of whole lines with their line feeds. Lines of one group must be adjacent. */
export function tableOf(pieces: Iterable<string | Uint8Array>): SharedTable {
  const builder = new TableBuilder();
  for (const piece of pieces) builder.add(piece);
  return builder.finish();
}

/** How many lines a table has. */
export function sizeOf({ lines }: SharedTable): number {
  return lines.byteLength / (3 * Uint32Array.BYTES_PER_ELEMENT);
}

/** Reads a shared table. Cheap to make: the names of the groups are decoded once, when first needed. */
export class TableReader {
  readonly table: SharedTable;
  readonly #texts: readonly Buffer[];
  readonly #lines: Uint32Array;
  readonly #groups: Uint32Array;
  readonly #items = new Map<string, ReadonlyMap<string, number>>();
  #ranges: Map<string, number> | undefined;

  constructor(table: SharedTable) {
    this.table = table;
    this.#texts = table.texts.map((text) => Buffer.from(text, 0, text.byteLength));
    this.#lines = new Uint32Array(table.lines, 0, 3 * sizeOf(table));
    this.#groups = new Uint32Array(table.groups, 0, table.groups.byteLength / Uint32Array.BYTES_PER_ELEMENT);
  }

  /** How many lines there are. */
  get size(): number {
    return sizeOf(this.table);
  }

  /** The names of the groups, in the order of the lines. */
  groups(): IterableIterator<string> {
    return this.#index().keys();
  }

  /** How many groups there are. */
  get groupCount(): number {
    return this.#groups.length - 1;
  }

  /** First line of a group and the line behind its last; undefined when there is no such group. */
  linesOf(group: string): readonly [first: number, end: number] | undefined {
    const at = this.#index().get(group);
    return at === undefined ? undefined : [this.#groups[at] ?? 0, this.#groups[at + 1] ?? this.size];
  }

  /** The bytes of a line without its line feed, shared, not copied. */
  line(at: number): Buffer {
    return this.#textOf(at).subarray(this.#startOf(at), this.#endOf(at));
  }

  /** The lines of a group that have a text in them. */
  linesWith(group: string, text: string): readonly Buffer[] {
    const [first, end] = this.linesOf(group) ?? [0, 0];
    const bytes = Buffer.from(text);
    const found: Buffer[] = [];
    // mostly none has it, and searching a long text once is quicker by far than thousands of short ones
    if (![...this.text(first, end)].some((piece) => piece.includes(bytes))) return found;
    for (let at = first; at < end; at += 1) {
      const line = this.line(at);
      if (line.includes(bytes)) found.push(line);
    }
    return found;
  }

  /** A column of a line as text; empty when it has fewer. The first is 0. */
  column(at: number, column: number): string {
    const line = this.line(at);
    let start = 0;
    for (let before = 0; before < column; before += 1) {
      const end = line.indexOf(tab, start);
      if (end < 0) return '';
      start = end + 1;
    }
    const end = line.indexOf(tab, start);
    return line.toString('utf8', start, end < 0 ? line.length : end);
  }

  /** Where a line is. */
  span(at: number): Span {
    const text = this.table.texts[this.#lines[3 * at] ?? 0];
    if (!text) throw new RangeError(`there is no line ${at}`);
    return [text, this.#startOf(at), this.#endOf(at)];
  }

  /**
   * The lines from `first` to before `end` with their line feeds, as text that is shared, not copied: in as few pieces
   * as they stand in.
   */
  *text(first = 0, end = this.size): IterableIterator<Buffer> {
    for (let at = first; at < end;) {
      const text = this.#textOf(at);
      const start = this.#startOf(at);
      let stop = start;
      for (; at < end && this.#textOf(at) === text && this.#startOf(at) === stop && !this.#isCut(at); at += 1) {
        stop = this.#endOf(at) + 1;
      }
      if (stop > start) yield text.subarray(start, stop);
      else {
        yield this.line(at);
        yield endOfLine;
        at += 1;
      }
    }
  }

  /** The adjacent lines of a group whose second column is `item`. */
  find(group: string, item: string): readonly [first: number, end: number] | undefined {
    const lines = this.linesOf(group);
    if (!lines) return undefined;
    const key = Buffer.from(`${group}\t${item}\t`);
    const large = lines[1] - lines[0] > searchedLines;
    let first = large ? (this.#itemsOf(group, lines).get(item) ?? lines[1]) : lines[0];
    while (first < lines[1] && !this.#startsWith(first, key)) first += 1;
    let end = first;
    while (end < lines[1] && this.#startsWith(end, key)) end += 1;
    return first === end ? undefined : [first, end];
  }

  /** The first line of each item of a large group: looking at every line for every item would take its square. */
  #itemsOf(group: string, [first, end]: readonly [number, number]): ReadonlyMap<string, number> {
    const known = this.#items.get(group);
    if (known) return known;
    const items = new Map<string, number>();
    for (let at = first; at < end; at += 1) {
      const text = this.#textOf(at);
      const start = text.indexOf(tab, this.#startOf(at)) + 1;
      const item = text.toString('utf8', start, text.indexOf(tab, start));
      if (!items.has(item)) items.set(item, at);
    }
    this.#items.set(group, items);
    return items;
  }

  #startsWith(at: number, key: Buffer): boolean {
    const start = this.#startOf(at);
    return this.#textOf(at).compare(key, 0, key.length, start, Math.min(start + key.length, this.#endOf(at))) === 0;
  }

  #index(): Map<string, number> {
    if (this.#ranges) return this.#ranges;
    const ranges = new Map<string, number>();
    for (let at = 0; at < this.groupCount; at += 1) {
      const first = this.#groups[at] ?? 0;
      const start = this.#startOf(first);
      ranges.set(this.#textOf(first).toString('utf8', start, this.#textOf(first).indexOf(tab, start)), at);
    }
    this.#ranges = ranges;
    return ranges;
  }

  #textOf(at: number): Buffer {
    return this.#texts[this.#lines[3 * at] ?? 0] ?? endOfLine;
  }

  #startOf(at: number): number {
    return this.#lines[3 * at + 1] ?? 0;
  }

  #endOf(at: number): number {
    return this.#lines[3 * at + 2] ?? 0;
  }

  /** Whether the line is only the beginning of the one that stands there. */
  #isCut(at: number): boolean {
    return this.#textOf(at)[this.#endOf(at)] !== lineFeed;
  }
}

/** The columns of a line as text. */
export function columnsOf(line: Buffer): string[] {
  return line.toString('utf8').split('\t');
}
