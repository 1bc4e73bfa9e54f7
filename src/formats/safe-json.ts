/** Raw in a YAML 1.1 document these are refused or folded by go-yaml 2. Escaped they are fine everywhere. */
const unsafeInYaml = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * JSON that every YAML 1.1 reader takes as well: no `\/`, no escaped surrogates, no raw control characters. Text in
 * `value` must be well-formed UTF-16.
 */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    unsafeInYaml,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** As for YAML: deeper or wider is a document built to be hard to read. */
const maxDepth = 100;
const maxCommas = 100_000;

/** At these depths a key that stands twice is refused: fields of the document, and chart names of an index. */
const maxKeyDepth = 2;

/**
 * Reads JSON, numbers as the text that was written. Throws `SyntaxError`, or an `Error` for a document that has a key
 * twice in its first two levels, or is built to be hard to read.
 */
export function parseJsonText(text: string): unknown {
  const { numbers } = new Outline(text);
  return numbers === 0 ? JSON.parse(text) : JSON.parse(text, asWritten);
}

function asWritten(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? (context?.source ?? String(value)) : value;
}

interface Level {
  commas: number;
  readonly keys: Set<string>;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openers = new Set([0x5b, 0x7b]);
const closers = new Set([0x5d, 0x7d]);

/** One pass over the punctuation of a JSON text. What is no JSON passes: the parser refuses it. */
class Outline {
  /** Digits outside of strings. */
  numbers = 0;
  readonly #text: string;
  readonly #levels: Level[] = [];
  #lastString = '""';

  constructor(text: string) {
    this.#text = text;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === quote) at = this.#skipString(at);
      else if (code > 0x20) this.#take(code);
    }
  }

  #take(code: number): void {
    if (code === comma) this.#countComma();
    else if (code === colon) this.#noteKey();
    else if (openers.has(code)) this.#open();
    else if (closers.has(code)) this.#levels.pop();
    else if (code >= 0x30 && code <= 0x39) this.numbers += 1;
  }

  /** Where the string that begins at `start` ends. */
  #skipString(start: number): number {
    const end = this.#endOfString(start);
    if (this.#levels.length <= maxKeyDepth) this.#lastString = this.#text.slice(start, end + 1);
    return end;
  }

  #endOfString(start: number): number {
    for (let at = start + 1; ; at += 1) {
      at = this.#text.indexOf('"', at);
      if (at < 0) return this.#text.length;
      let before = at - 1;
      while (this.#text.charCodeAt(before) === backslash) before -= 1;
      if ((at - before) % 2 === 1) return at;
    }
  }

  #open(): void {
    this.#levels.push({ commas: 0, keys: new Set() });
    if (this.#levels.length > maxDepth) throw new Error(`nesting exceeds ${maxDepth} levels`);
  }

  #countComma(): void {
    const level = this.#levels.at(-1);
    if (!level) return;
    level.commas += 1;
    if (level.commas > maxCommas) throw new Error(`a list or mapping has more than ${maxCommas} entries`);
  }

  #noteKey(): void {
    const level = this.#levels.at(-1);
    if (!level || this.#levels.length > maxKeyDepth) return;
    const key = JSON.parse(this.#lastString) as string;
    if (level.keys.has(key)) throw new Error('duplicated mapping key');
    level.keys.add(key);
  }
}
