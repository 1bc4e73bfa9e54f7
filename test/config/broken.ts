import type { Environment } from '../../src/config/environment.ts';

/** Line, column, option and a part of the message. */
export type Expected = readonly [line: number, column: number, option: string, message: string];

/** A configuration that is wrong, and every problem that must be reported, in order. */
export interface Broken {
  readonly wrong: string;
  readonly text: string | Uint8Array;
  readonly environment?: Environment;
  readonly expected: readonly Expected[];
}

/** A whole file that is wrong in one place: what is loaded, and what is said of it. */
export interface BrokenFile {
  readonly name: string;
  readonly yaml: string;
  readonly line: number;
  readonly column: number;
  /** The path of the option; empty for what is not YAML. */
  readonly option: string;
  /** A part of the message. */
  readonly message: string;
}

/** The same of a part of a file: options of a repository begin in line 6 at column 5. */
export type BrokenRow = readonly [
  name: string,
  text: string,
  line: number,
  column: number,
  option: string,
  message: string,
];

/** A good configuration of three lines. */
export const good = 'upstreams:\n  - name: a\n    url: ./charts\n';

/** Rows of text. */
export const lines = (...rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('');
/** An upstream whose options begin in line 2 at column 5. */
export const upstream = (...rows: readonly string[]): string =>
  lines('upstreams:', ...rows.map((row, at) => (at === 0 ? `  - ${row}` : `    ${row}`)));
