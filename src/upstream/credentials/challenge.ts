/** One way a server offers to be authenticated to. */
export interface OfferedScheme {
  /** Lower case: `bearer`, `basic`, ... */
  readonly scheme: string;
  /** Names in lower case, values without their quotes. */
  readonly params: ReadonlyMap<string, string>;
}

const blank = /[\s,]*/y;
const word = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const equals = /[ \t]*=[ \t]*/y;
const quoted = /"((?:\\[^]|[^"\\])*)"?/y;
const bare = /[^\s,"]*/y;
const token68 = /[ \t]+[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/y;

/** Real ones have a few hundred characters, and what they say is remembered for each place of a registry. */
const maxLength = 2048;

/**
 * Reads `WWW-Authenticate` (RFC 9110 section 11.6.1): several schemes in one header or several, values quoted or not,
 * any case; no more than its first 2,048 characters. What cannot be read is skipped; it never throws.
 */
export function parseChallenges(header: string | readonly string[] | undefined): OfferedScheme[] {
  const scanner = new Scanner([header ?? []].flat().join(', ').slice(0, maxLength));
  const offered: { scheme: string; params: Map<string, string> }[] = [];
  while (!scanner.atEnd) {
    const name = scanner.name();
    if (name === undefined) continue;
    const value = scanner.value();
    if (value === undefined) {
      offered.push({ scheme: name, params: new Map() });
      continue;
    }
    const params = offered.at(-1)?.params;
    // of a parameter that stands twice the first speaks
    if (!params?.has(name)) params?.set(name, value);
  }
  return offered;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** A scheme or the name of a parameter, in lower case; undefined when one character made no sense and is skipped. */
  name(): string | undefined {
    this.#take(blank);
    const found = this.#take(word);
    if (!found) this.#at += 1;
    return found?.[0].toLowerCase();
  }

  /** The value of the parameter whose name was read; undefined when that was a scheme. */
  value(): string | undefined {
    if (!this.#take(equals)) {
      this.#take(token68);
      return undefined;
    }
    if (this.#text[this.#at] !== '"') return this.#take(bare)?.[0];
    return this.#take(quoted)?.[1]?.replaceAll(/\\([^])/g, '$1');
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found) this.#at = pattern.lastIndex;
    return found;
  }
}
