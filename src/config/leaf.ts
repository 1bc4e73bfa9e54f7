import { isIP } from 'node:net';

import { z } from 'zod';

import { closest } from '../lib/nearest.ts';
import { Secret } from '../lib/secret.ts';
import { optionNotes, type OptionNotes } from './options.ts';
import { formatDuration, formatSize, parseDuration, parsePercentage, parseSize } from './units.ts';

/** An address to listen on; port 0 is any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Notes of a leaf, whose `allowed` and JSON Schema mostly follow from its sort. */
export type LeafNotes = Omit<OptionNotes, 'allowed' | 'json' | 'secret'> & Partial<OptionNotes>;

interface Reading<T> {
  /** The value that was meant; undefined when what is written is not allowed. */
  readonly read: (written: unknown) => T | undefined;
  /** More than "expected ...", where what is written is a known mistake. */
  readonly advise?: (written: unknown) => string | undefined;
}

/** An option without options of its own. What is not allowed becomes one issue whose message says what is. */
export function leaf<T>(reading: Reading<T>, notes: OptionNotes) {
  const schema = z.unknown().transform((written, context): T => {
    const value = reading.read(written);
    if (value !== undefined) return value;
    const message = `${reading.advise?.(written) ?? ''}expected ${notes.allowed}`;
    context.issues.push({ code: 'custom', message, input: written });
    return z.NEVER;
  });
  return schema.register(optionNotes, notes);
}

/** The names of upstreams and repositories: lower case letters, digits and `-`, 63 at most. */
export const dnsLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** What is said of a number or a truth value where a text is expected. */
export function adviseQuotes(written: unknown): string {
  return typeof written === 'number' || typeof written === 'boolean' ? 'put it in quotes; ' : '';
}

/** Text that is not empty and, where a grammar is given, matches it. */
export function text(notes: LeafNotes, grammar?: RegExp) {
  const fits = (written: string): boolean => written !== '' && (grammar?.test(written) ?? true);
  return leaf<string>(
    {
      read: (written) => (typeof written === 'string' && fits(written) ? written : undefined),
      advise: adviseQuotes,
    },
    { allowed: 'a text', json: { type: 'string', ...(grammar && { pattern: grammar.source }) }, ...notes },
  );
}

/** One of a few words. */
export function choice<const T extends string>(words: readonly T[], notes: LeafNotes) {
  const advise = (written: unknown): string | undefined => {
    const near = typeof written === 'string' && closest(written, words);
    return near ? `did you mean "${near}"? ` : undefined;
  };
  return leaf<T>(
    { read: (written) => words.find((word) => word === written), advise },
    { allowed: oneOf(words), json: { enum: words }, ...notes },
  );
}

function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** `true` or `false`. */
export function flag(notes: LeafNotes) {
  return leaf<boolean>(
    { read: (written) => (typeof written === 'boolean' ? written : undefined) },
    { allowed: 'true or false', json: { type: 'boolean' }, ...notes },
  );
}

/** A whole number within bounds, both included. */
export function whole(minimum: number, maximum: number, notes: LeafNotes) {
  const fits = (written: unknown): written is number =>
    Number.isInteger(written) && Number(written) >= minimum && Number(written) <= maximum;
  return leaf<number>(
    { read: (written) => (fits(written) ? written : undefined) },
    { allowed: `a whole number from ${minimum} to ${maximum}`, json: { type: 'integer', minimum, maximum }, ...notes },
  );
}

/** A duration within bounds, in milliseconds; 0 as well where `orZero`. */
export function duration(minMs: number, maxMs: number, notes: LeafNotes, orZero = false) {
  const fits = (ms: number): boolean => (ms >= minMs && ms <= maxMs) || (orZero && ms === 0);
  const bounds = `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}${orZero ? ', or 0' : ''}`;
  return leaf<number>(
    { read: (written) => within(parseDuration(written), fits) },
    {
      allowed: `a duration ${bounds}: a whole number with ms, s, m or h, such as 30s`,
      json: { type: ['string', 'integer'], pattern: '^(0|[0-9]+(ms|s|m|h))$' },
      ...notes,
    },
  );
}

/** A size of at least one byte and at most `maxBytes`, in bytes. */
export function size(maxBytes: number, notes: LeafNotes) {
  return leaf<number>(
    { read: (written) => within(parseSize(written), (bytes) => bytes >= 1 && bytes <= maxBytes) },
    {
      allowed: `a size up to ${formatSize(maxBytes)}: a whole number with KiB, MiB or GiB, or plain bytes, such as 64MiB`,
      json: { type: ['string', 'integer'], pattern: '^[0-9]+(KiB|MiB|GiB)?$' },
      ...notes,
    },
  );
}

/** A share from 0% to 100%, as a fraction. */
export function percentage(notes: LeafNotes) {
  const advise = (written: unknown): string | undefined =>
    typeof written === 'number' && parsePercentage(`${written}%`) !== undefined
      ? `did you mean "${written}%"? `
      : undefined;
  return leaf<number>(
    { read: parsePercentage, advise },
    {
      allowed: 'a whole percentage from 0% to 100%, such as 50%',
      json: { type: 'string', pattern: '^([0-9]{1,2}|100)%$' },
      ...notes,
    },
  );
}

function within(value: number | undefined, fits: (value: number) => boolean): number | undefined {
  return value !== undefined && fits(value) ? value : undefined;
}

/** A file that must be readable when the configuration is read; its path as written. */
export function file(notes: LeafNotes) {
  return text({ allowed: 'a path', readable: true, ...notes });
}

/** A secret: what reads the file has made a `Secret` of its text, which matches the grammar where one is given. */
export function secret(notes: LeafNotes, grammar?: RegExp) {
  return leaf<Secret>(
    {
      read: (written) => (written instanceof Secret ? written : undefined),
      advise: adviseQuotes,
    },
    {
      allowed: 'a text that is not empty',
      json: { type: 'string', ...(grammar && { pattern: grammar.source }) },
      secret: true,
      ...notes,
    },
  );
}

/** The origin of an HTTP server: `https://host[:port]`, the port left out where it is the scheme's own. */
export function origin(notes: LeafNotes) {
  return leaf<string>(
    { read: readOrigin },
    {
      allowed: 'a url such as https://minio.corp:9000, without path or credentials',
      json: { type: 'string' },
      ...notes,
    },
  );
}

function readOrigin(written: unknown): string | undefined {
  const url = typeof written === 'string' && !/[\s@*?#]/.test(written) ? URL.parse(written) : null;
  return url && /^https?:$/.test(url.protocol) && url.pathname === '/' ? url.origin : undefined;
}

/** `host` or `host:port` in lower case, an IPv6 address in brackets. */
export function hostAndPort(notes: LeafNotes) {
  const advise = (written: unknown): string | undefined =>
    /^[a-z]+:\/\//i.test(String(written)) ? 'write it without scheme and path; ' : undefined;
  return leaf<string>(
    { read: readHostAndPort, advise },
    { allowed: 'host or host:port, such as objects.corp:9000', json: { type: 'string' }, ...notes },
  );
}

function readHostAndPort(written: unknown): string | undefined {
  const [, host = '', port] =
    /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(?::([1-9]\d{0,4}))?$/.exec(String(written)) ?? [];
  const hostname = typeof written === 'string' ? URL.parse(`http://${host}/`)?.hostname : undefined;
  if (!hostname || port === undefined) return hostname;
  return Number(port) <= 65_535 ? `${hostname}:${port}` : undefined;
}

const addressAllowed = 'address:port, such as 127.0.0.1:8080 or [::1]:8080';

/** An address with its port. */
export function address(notes: LeafNotes) {
  return leaf<ListenAddress>(
    { read: parseAddress, advise: adviseAddress },
    { allowed: addressAllowed, json: { type: 'string' }, ...notes },
  );
}

/** The word `same`, or an address with its port. */
export function sameOrAddress(notes: LeafNotes) {
  return leaf<'same' | ListenAddress>(
    { read: (written) => (written === 'same' ? written : parseAddress(written)), advise: adviseAddress },
    { allowed: `same, or ${addressAllowed}`, json: { type: 'string' }, ...notes },
  );
}

function parseAddress(written: unknown): ListenAddress | undefined {
  if (typeof written !== 'string' || written.length > 300) return undefined;
  const [, host = '', digits = ''] = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(written) ?? [];
  const port = Number(digits);
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return digits !== '' && port <= 65_535 && isHost(host, bare) ? { host: bare, port } : undefined;
}

/** A name, an IPv4 address, or an IPv6 address in brackets. */
function isHost(written: string, bare: string): boolean {
  if (bare !== written) return isIP(bare) === 6;
  return /^[0-9.]+$/.test(bare) ? isIP(bare) === 4 : /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(bare);
}

function adviseAddress(written: unknown): string | undefined {
  const port = /^:?(\d{1,5})$/.exec(String(written))?.[1];
  return port === undefined ? undefined : `for every interface write "0.0.0.0:${port}"; `;
}
