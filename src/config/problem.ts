import { publicPath } from '../lib/public-path.ts';

/** A place in a text file, both counted from 1; columns in UTF-16 units, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Something wrong, or doubtful, in a configuration file. Never holds a secret. */
export interface Problem {
  /** The file as it was named. */
  readonly file: string;
  /** Absent when the file as a whole could not be read. */
  readonly position: Position | undefined;
  /** The path of the option, such as `upstreams[1].url`; empty for the whole document. */
  readonly option: string;
  /** What was found, what is allowed and, for something misspelt, a suggestion. */
  readonly message: string;
}

/** A problem on one line: `config.yaml:7:5 upstreams[1].urll: unknown option "urll"; did you mean "url"?`. */
export function describeProblem(problem: Problem): string {
  const { file, position, option, message } = problem;
  const where = position ? `${file}:${position.line}:${position.column}` : file;
  return option === '' ? `${where}: ${message}` : `${where} ${option}: ${message}`;
}

/** Where in the tree of options, outermost first. */
export type OptionPath = readonly (string | number)[];

/** `['upstreams', 1, 'url']` as people write it: `upstreams[1].url`. */
export function formatPath(path: OptionPath): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${shorten(step)}`))
    .join('')
    .replace(/^\./, '');
}

/** Orders problems by where they are, those without a position first. */
export function inFileOrder(a: Problem, b: Problem): number {
  const lines = (a.position?.line ?? 0) - (b.position?.line ?? 0);
  return lines === 0 ? (a.position?.column ?? 0) - (b.position?.column ?? 0) : lines;
}

/** Text cut to what fits in a message. */
export function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 60)}… (${text.length} characters)`;
}

/** What sort of thing a value is, in words: all that is said of it where showing it could show a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  const kinds: Readonly<Record<string, string>> = { string: 'a text', number: 'a number', boolean: 'true or false' };
  return kinds[typeof value] ?? 'a mapping';
}

/** A value in words and, where it is plain, as it was found; what may be a secret inside a url is left out. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(withoutUrlSecrets(value)));
  return typeof value === 'number' || typeof value === 'boolean' ? `the ${typeof value} ${value}` : kindOf(value);
}

/** Text as it was found, without what is a secret, or may be, where it is a url: also one without scheme. */
export function withoutUrlSecrets(text: string): string {
  return text
    .replace(/\/\/.*@/s, '//…@')
    .replace(/^[^/:]*:[^/]*@/s, '…@')
    .replace(/(:\/\/[^?]*)\?.*$/s, '$1?…')
    .replace(
      /^([a-z][a-z0-9+.-]*:\/\/)?(…@)?([^/:]*)(:\d*)?(\/.*)$/is,
      (_, scheme = '', user = '', host: string, port = '', pathname: string) =>
        `${scheme}${user}${host}${port}${publicPath({ hostname: host.toLowerCase(), pathname })}`,
    );
}
