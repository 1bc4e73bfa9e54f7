/**
 * Lines of tab-separated text, grouped by their first column, in memory that threads share: passing one to a worker
 * copies nothing, and a hundred thousand lines are no objects at all until one is asked for.
 */
export interface SharedTable {
  /** UTF-8. Every line ends in a line feed; neither tabs nor line feeds stand inside a column. */
  readonly text: SharedArrayBuffer;
  /** `Uint32Array`: where each line starts, and behind the last line its end. */
  readonly starts: SharedArrayBuffer;
  /** `Uint32Array`: the first line of each group, and behind the last group the number of lines. */
  readonly groups: SharedArrayBuffer;
}

const tab = 0x09;
const lineFeed = 0x0a;
/** In groups up to this size every line is looked at. */
const searchedLines = 32;

/** A table of the given pieces of text, each of whole lines with their line feeds. Lines of one group must be adjacent. */
export function tableOf(pieces: readonly (string | Uint8Array)[]): SharedTable {
  const total = pieces.reduce((size, piece) => size + Buffer.byteLength(piece), 0);
  const shared = new SharedArrayBuffer(total, { maxByteLength: total });
  const bytes = Buffer.from(shared);
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') at += bytes.write(piece, at);
    else {
      bytes.set(piece, at);
      at += piece.byteLength;
    }
  }
  return scan(shared);
}

/** Finds the lines and groups. */
function scan(shared: SharedArrayBuffer): SharedTable {
  const bytes = Buffer.from(shared);
  const starts: number[] = [];
  const groups: number[] = [];
  let previous: Buffer | undefined;
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(lineFeed, start);
    if (end < 0) throw new Error('a table must end in a line feed');
    const group = bytes.subarray(start, bytes.indexOf(tab, start));
    if (!previous?.equals(group)) groups.push(starts.length);
    previous = group;
    starts.push(start);
    start = end + 1;
  }
  return {
    text: shared,
    starts: sharedNumbers(starts, bytes.length),
    groups: sharedNumbers(groups, starts.length),
  };
}

function sharedNumbers(numbers: readonly number[], last: number): SharedArrayBuffer {
  const shared = new SharedArrayBuffer((numbers.length + 1) * 4);
  const view = new Uint32Array(shared);
  view.set(numbers);
  view[numbers.length] = last;
  return shared;
}

/** Reads a shared table. Cheap to make: the names of the groups are decoded once, when first needed. */
export class TableReader {
  readonly table: SharedTable;
  readonly #bytes: Buffer;
  readonly #starts: Uint32Array;
  readonly #groups: Uint32Array;
  readonly #items = new Map<string, ReadonlyMap<string, number>>();
  #ranges: Map<string, number> | undefined;

  constructor(table: SharedTable) {
    this.table = table;
    this.#bytes = Buffer.from(table.text);
    this.#starts = new Uint32Array(table.starts);
    this.#groups = new Uint32Array(table.groups);
  }

  /** How many lines there are. */
  get size(): number {
    return this.#starts.length - 1;
  }

  /** The whole text, shared, not copied. */
  get bytes(): Buffer {
    return this.#bytes;
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
    return this.#bytes.subarray(this.#starts[at] ?? 0, (this.#starts[at + 1] ?? 1) - 1);
  }

  /** The bytes of adjacent lines with their line feeds, shared, not copied. */
  slice(first: number, end: number): Buffer {
    return this.#bytes.subarray(this.#starts[first] ?? 0, this.#starts[end] ?? this.#bytes.length);
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
      const start = this.#bytes.indexOf(tab, this.#starts[at] ?? 0) + 1;
      const item = this.#bytes.toString('utf8', start, this.#bytes.indexOf(tab, start));
      if (!items.has(item)) items.set(item, at);
    }
    this.#items.set(group, items);
    return items;
  }

  #startsWith(at: number, key: Buffer): boolean {
    const start = this.#starts[at] ?? 0;
    return this.#bytes.compare(key, 0, key.length, start, Math.min(start + key.length, this.#bytes.length)) === 0;
  }

  #index(): Map<string, number> {
    if (this.#ranges) return this.#ranges;
    const ranges = new Map<string, number>();
    for (let at = 0; at < this.groupCount; at += 1) {
      const start = this.#starts[this.#groups[at] ?? 0] ?? 0;
      ranges.set(this.#bytes.toString('utf8', start, this.#bytes.indexOf(tab, start)), at);
    }
    this.#ranges = ranges;
    return ranges;
  }
}

/** The columns of a line as text. */
export function columnsOf(line: Buffer): string[] {
  return line.toString('utf8').split('\t');
}
