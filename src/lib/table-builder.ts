import type { SharedTable, TableReader } from './shared-table.ts';
import { noteUnseenGarbage } from './unseen-garbage.ts';

const tab = 0x09;
const lineFeed = 0x0a;
const maxTextBytes = 1024 * 1024;
const firstTextBytes = 16 * 1024;
/** Of a table: a text that holds less of it is written anew, so that there are never many. */
const smallestShare = 1 / 64;
/** Of a text: when less of it is used, that is written anew, so that the rest can be forgotten. */
const usefulShare = 2 / 3;

/** Puts a table together, line by line, of new text and of lines that other tables have already. */
export class TableBuilder {
  readonly #texts: SharedArrayBuffer[] = [];
  /** The texts of other tables, by their place in `#texts`. */
  readonly #shared = new Map<SharedArrayBuffer, { readonly place: number; readonly bytes: Buffer }>();
  /** As in the table. */
  readonly #lines: number[] = [];
  readonly #groups: number[] = [];
  /** The first column of the last line, with its tab. */
  #group = Buffer.alloc(0);
  /** Text that is being written, and how much of it is. It will stand behind the texts there are. */
  #open = Buffer.alloc(0);
  #openBytes = 0;
  #openAt = -1;

  /** Adds whole lines with their line feeds. */
  add(text: string | Uint8Array): void {
    if (typeof text === 'string') return this.#addText(text);
    for (let start = 0; start < text.length;) {
      const end = text.indexOf(lineFeed, start);
      this.#scan(this.#write(text.subarray(start, end < 0 ? text.length : end + 1)));
      start = end < 0 ? text.length : end + 1;
    }
  }

  /** Adds a line with its line feed; without copying where a line from `first` to before `end` begins with it and has that `length`. */
  addLike(
    text: string,
    rows: TableReader,
    [first, end]: readonly [number, number],
    length: (line: Buffer) => number | undefined = lengthOf,
  ): void {
    if (first === end) return this.#addText(text);
    const line = Buffer.from(text);
    const size = line.length - 1;
    for (let at = first; at < end; at += 1) {
      const known = rows.line(at);
      if (length(known) === size && known.compare(line, 0, size, 0, size) === 0) return this.share(rows, at, size);
    }
    this.add(line);
  }

  /** Adds a line of another table, or only the first `length` bytes of it, without copying its text. */
  share(rows: TableReader, at: number, length?: number): void {
    const [text, start, end] = rows.span(at);
    const { place, bytes } = this.#placeOf(text);
    this.#noteGroup(bytes, start, end);
    this.#lines.push(place, start, length === undefined ? end : start + length);
  }

  /** The table. Texts of which it has little are not shared but written anew. */
  finish(): SharedTable {
    this.#renew();
    this.#seal();
    const texts: SharedArrayBuffer[] = [];
    const places = new Map<number, number>();
    const lines = sharedNumbers(this.#lines.length);
    for (let at = 0; at < lines.length; at += 3) {
      const before = this.#lines[at] ?? 0;
      const text = this.#texts[before];
      if (text && !places.has(before)) places.set(before, texts.push(text) - 1);
      lines.set([places.get(before) ?? 0, this.#lines[at + 1] ?? 0, this.#lines[at + 2] ?? 0], at);
    }
    const groups = sharedNumbers(this.#groups.length + 1);
    groups.set(this.#groups);
    groups[this.#groups.length] = lines.length / 3;
    // it takes the place of another one
    noteUnseenGarbage(texts.reduce((bytes, text) => bytes + text.byteLength, 0));
    return { texts, lines: lines.buffer, groups: groups.buffer };
  }

  #addText(text: string): void {
    const start = this.#reserve(Buffer.byteLength(text));
    this.#openBytes += this.#open.write(text, start);
    this.#scan(start);
  }

  /** Finds the lines in what was written last. */
  #scan(first: number): void {
    for (let start = first; start < this.#openBytes;) {
      const end = this.#open.indexOf(lineFeed, start);
      if (end < 0 || end >= this.#openBytes) throw new Error('a table must end in a line feed');
      this.#noteGroup(this.#open, start, end);
      this.#lines.push(this.#openAt, start, end);
      start = end + 1;
    }
  }

  #noteGroup(bytes: Buffer, start: number, end: number): void {
    const group = this.#group;
    if (group.length > 0 && bytes.compare(group, 0, group.length, start, Math.min(start + group.length, end)) === 0)
      return;
    this.#group = Buffer.from(bytes.subarray(start, bytes.indexOf(tab, start) + 1));
    this.#groups.push(this.#lines.length / 3);
  }

  #placeOf(text: SharedArrayBuffer): { readonly place: number; readonly bytes: Buffer } {
    const known = this.#shared.get(text);
    if (known) return known;
    const shared = { place: this.#texts.push(text) - 1, bytes: Buffer.from(text, 0, text.byteLength) };
    this.#shared.set(text, shared);
    return shared;
  }

  /** Where in the open text the line starts now. */
  #write(line: Uint8Array): number {
    const start = this.#reserve(line.length);
    this.#open.set(line, start);
    this.#openBytes += line.length;
    return start;
  }

  /** Where in the open text so many bytes can be written. */
  #reserve(bytes: number): number {
    if (this.#openBytes > 0 && this.#openBytes + bytes > maxTextBytes) this.#seal();
    if (this.#openAt < 0) this.#openAt = this.#texts.push(new SharedArrayBuffer(0)) - 1;
    if (this.#openBytes + bytes > this.#open.length) this.#grow(this.#openBytes + bytes);
    return this.#openBytes;
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(
      Math.max(needed, firstTextBytes, Math.min(2 * this.#open.length, maxTextBytes)),
    );
    larger.set(this.#open.subarray(0, this.#openBytes));
    this.#open = larger;
  }

  #seal(): void {
    if (this.#openAt < 0) return;
    const text = sharedMemory(this.#openBytes);
    Buffer.from(text, 0, this.#openBytes).set(this.#open.subarray(0, this.#openBytes));
    this.#texts[this.#openAt] = text;
    this.#openAt = -1;
    this.#openBytes = 0;
  }

  #renew(): void {
    const stale = this.#stalePlaces();
    if (stale.size === 0) return;
    for (let at = 0; at < this.#lines.length; at += 3) {
      const text = this.#texts[this.#lines[at] ?? 0];
      if (!text || !stale.has(this.#lines[at] ?? 0)) continue;
      const [start = 0, end = 0] = this.#lines.slice(at + 1, at + 3);
      const line = Buffer.allocUnsafe(end - start + 1);
      line.set(Buffer.from(text, start, end - start));
      line[end - start] = lineFeed;
      this.#lines[at + 1] = this.#write(line);
      this.#lines[at + 2] = (this.#lines[at + 1] ?? 0) + end - start;
      this.#lines[at] = this.#openAt;
    }
  }

  /** Shared texts that are not worth to be kept for what is used of them. */
  #stalePlaces(): ReadonlySet<number> {
    const used = new Map<number, number>();
    let total = 0;
    for (let at = 0; at < this.#lines.length; at += 3) {
      const bytes = (this.#lines[at + 2] ?? 0) - (this.#lines[at + 1] ?? 0) + 1;
      const place = this.#lines[at] ?? 0;
      used.set(place, (used.get(place) ?? 0) + bytes);
      total += bytes;
    }
    const shared = [...this.#shared.values()].map(({ place, bytes }) => ({
      place,
      size: bytes.length,
      useful: used.get(place) ?? 0,
    }));
    const stale = shared.filter(({ size, useful }) => useful < size * usefulShare || useful < total * smallestShare);
    return new Set(stale.map(({ place }) => place));
  }
}

function lengthOf(line: Buffer): number {
  return line.length;
}

function sharedNumbers(count: number): Uint32Array<SharedArrayBuffer> {
  return new Uint32Array(sharedMemory(count * Uint32Array.BYTES_PER_ELEMENT), 0, count);
}

/** What can grow is mapped by itself, and given back to the system as soon as nobody refers to it. */
function sharedMemory(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes, { maxByteLength: bytes });
}
