/** A block-style index cut at its chart names: what stands around `entries`, and one piece of YAML per chart. */
export interface IndexPieces {
  /** The document without its entries. */
  readonly frame: string;
  /** Each a mapping with one key, indented by two. */
  readonly charts: readonly Buffer[];
}

const lineFeed = 0x0a;
const space = 0x20;
const dash = 0x2d;
const hash = 0x23;
const documentMarker = /^(?:---|\.\.\.)/;
/** More than any repository has: so many pieces would take seconds. */
const maxCharts = 100_000;
const entriesLine = /^entries:[ \t]*\r?$/;

/**
 * Cuts an index as Helm and everyone after it writes it: `entries:` alone on a line, chart names indented by exactly
 * two spaces. Undefined when the document is written in another style, or has very many charts, and must be read as a
 * whole.
 */
export function cutIndex(body: Buffer): IndexPieces | undefined {
  const cutter = new Cutter(body);
  for (let at = 0; at < body.length;) {
    const end = endOfLine(body, at);
    if (!cutter.take(at, end)) return undefined;
    at = end;
  }
  return cutter.finish();
}

/** Sorts the lines of an index into its frame and its charts. */
class Cutter {
  readonly #body: Buffer;
  readonly #frame: string[] = [];
  readonly #charts: Buffer[] = [];
  #inEntries = false;
  #sections = 0;
  #pieceStart: number | undefined;

  constructor(body: Buffer) {
    this.#body = body;
  }

  /** Takes the next line; false when it fits neither frame nor chart. */
  take(at: number, end: number): boolean {
    if (this.#inEntries && startsChart(this.#body, at)) {
      this.#endPiece(at);
      this.#pieceStart = at;
      return this.#charts.length < maxCharts;
    }
    if (!this.#inEntries || isTopLevel(this.#body[at])) {
      this.#endPiece(at);
      return this.#takeFrame(at, end);
    }
    return this.#pieceStart !== undefined || isBlank(this.#body, at, end);
  }

  finish(): IndexPieces | undefined {
    this.#endPiece(this.#body.length);
    return this.#charts.length > 0 ? { frame: this.#frame.join(''), charts: this.#charts } : undefined;
  }

  /** False for a second `entries`, and for a second document behind the first. */
  #takeFrame(at: number, end: number): boolean {
    const line = this.#body.toString('utf8', at, end);
    this.#inEntries = entriesLine.test(line.trimEnd());
    if (this.#inEntries) this.#sections += 1;
    else this.#frame.push(line);
    return this.#sections < 2 && (this.#sections === 0 || !documentMarker.test(line));
  }

  #endPiece(at: number): void {
    if (this.#pieceStart !== undefined) this.#charts.push(this.#body.subarray(this.#pieceStart, at));
    this.#pieceStart = undefined;
  }
}

function endOfLine(body: Buffer, at: number): number {
  const end = body.indexOf(lineFeed, at);
  return end < 0 ? body.length : end + 1;
}

/** Two spaces, and then neither a third, nor a list item, nor a comment, nor the end of the line. */
function startsChart(body: Buffer, at: number): boolean {
  const third = body[at + 2] ?? lineFeed;
  return body[at] === space && body[at + 1] === space && third > space && third !== dash && third !== hash;
}

function isTopLevel(first: number | undefined): boolean {
  return first !== undefined && first > space && first !== hash;
}

function isBlank(body: Buffer, at: number, end: number): boolean {
  return body.toString('utf8', at, end).trim() === '';
}
