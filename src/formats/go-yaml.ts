import { type EventType, FAILSAFE_SCHEMA, loadAll, type State, Type } from 'js-yaml';

import { charsAsKey } from './yaml-keys.ts';

/** A YAML document that grows beyond measure, or into itself, when its aliases are followed. Half a sentence. */
export class TooMuchYaml extends Error {
  override readonly name = 'TooMuchYaml';
}

/** A scalar that is one thing as text, another as a key, and a third as a value: a number that is not whole, or `<<`. */
export class OddScalar {
  /** js-yaml asks objects that have this, and no others, what they are as a key. */
  readonly [Symbol.toStringTag] = 'OddScalar';
  /** Where Go takes anything. */
  readonly value: number | string;
  readonly #key: string | undefined;

  constructor(value: number | string, key?: string) {
    this.value = value;
    this.#key = key;
  }

  /** Where Go wants a string. */
  get text(): string {
    return typeof this.value === 'number' ? shortText(Math.fround(this.value)) : this.value;
  }

  toString(): string {
    return this.#key ?? asKey.get(this.text) ?? this.text;
  }
}

/**
 * The first document of a YAML text, resolved as go.yaml.in/yaml/v2 does (YAML 1.1): string, boolean, null, bigint for
 * whole numbers, `OddScalar` for others, arrays, and objects to be read with `entriesOf`. Of equal keys the last counts,
 * tags of one's own say nothing but that a scalar is text, and what follows the document is not read. Throws an error,
 * mostly js-yaml's `YAMLException`, or `TooMuchYaml` for what is larger than `maxChars` once its aliases are followed.
 */
export function parseGoYaml(source: string, maxChars: number): unknown {
  const document = firstDocument(source, new Watch(maxChars));
  measure(document, { chars: maxChars }, 0);
  return document;
}

function firstDocument(source: string, { listener }: Watch): unknown {
  try {
    const [document = null]: readonly unknown[] = loadAll(source, null, { schema: schema(), json: true, listener });
    return document;
  } catch (error) {
    if (error instanceof Followed) return error.document;
    throw error;
  }
}

/** Not an error: another document begins. */
class Followed extends Error {
  readonly document: unknown;

  constructor(document: unknown) {
    super('another document begins');
    this.document = document;
  }
}

/** Sees a document being read, and ends that when there is too much of it, or another one begins. */
class Watch {
  #chars: number;

  constructor(maxChars: number) {
    this.#chars = maxChars;
  }

  readonly listener = (event: EventType, state: State): void => {
    const { documents, result } = state as State & { readonly documents: readonly unknown[] };
    if (documents.length > 0) throw new Followed(documents[0]);
    this.#chars -= event === 'open' ? charsOfNode : charsAsKey(result);
    if (this.#chars < 0) throw tooMuch();
  };
}

function tooMuch(): TooMuchYaml {
  return new TooMuchYaml('it says too much, or grows when its aliases are followed');
}

/** Whether a value is a mapping, whose entries `entriesOf` tells. */
export function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof OddScalar);
}

/** The entries of a mapping; what it merges replaces what stands before it, as yaml.v2 has it, and no later YAML. */
export function entriesOf(mapping: object): ReadonlyMap<string, unknown> {
  return collect(mapping, new Map());
}

function collect(mapping: object, into: Map<string, unknown>): ReadonlyMap<string, unknown> {
  for (const [key, value] of Object.entries(mapping)) {
    if (key.startsWith(mergeKey)) for (const one of sourcesOf(value)) collect(one, into);
    else into.set(key, value);
  }
  return into;
}

/** The first of several wins, so it is taken last. */
function sourcesOf(merged: unknown): readonly object[] {
  return (Array.isArray(merged) ? merged.toReversed() : [merged]).filter(isMapping);
}

const maxDepth = 100;

/** Of a list, a mapping or a scalar beside its text: many small ones are much, too. */
const charsOfNode = 20;

/** Spends what a value is long, as often as it appears. */
function measure(value: unknown, budget: { chars: number }, depth: number): void {
  budget.chars -= charsOfNode + (typeof value === 'string' ? value.length : 0);
  if (budget.chars < 0) throw tooMuch();
  if (typeof value !== 'object' || value === null || value instanceof OddScalar) return;
  if (depth === maxDepth) throw new TooMuchYaml(`it nests deeper than ${maxDepth} levels`);
  for (const [key, one] of Object.entries(value)) {
    if (!Array.isArray(value)) budget.chars -= key.length;
    measure(one, budget, depth + 1);
  }
}

/** What `<<` is called among the keys of a mapping, with a number behind it: there may be several. */
const mergeKey = '\0<<';

function schema(): typeof FAILSAFE_SCHEMA {
  let merges = 0;
  // js-yaml's own merging keeps what is there, so this type has a name that it does not know
  const merge = scalar('merge-in-place', (text) =>
    text === '<<' ? new OddScalar(text, `${mergeKey}${(merges += 1)}`) : undefined,
  );
  return FAILSAFE_SCHEMA.extend({ implicit: [nothing, truth, merge, whole, fraction], explicit: [binary, ...strange] });
}

/** What has a tag that nobody knows. js-yaml takes the first for what is nothing but a tag. */
const strange = [
  new Type('', { kind: 'scalar', multi: true, construct: (text: string | null) => text ?? '' }),
  new Type('', { kind: 'sequence', multi: true }),
  new Type('', { kind: 'mapping', multi: true }),
];

const binary = new Type('tag:yaml.org,2002:binary', {
  kind: 'scalar',
  construct: (text: string | null) => Buffer.from(text ?? '', 'base64').toString('utf8'),
});

/** A scalar that is written plainly and that `read` makes something of. */
function scalar(name: string, read: (text: string) => unknown): Type {
  return new Type(`tag:yaml.org,2002:${name}`, {
    kind: 'scalar',
    resolve: (text: string | null) => read(text ?? '') !== undefined,
    construct: (text: string | null) => read(text ?? ''),
  });
}

const nothing = scalar('null', (text) => (/^(?:~|null|Null|NULL|)$/.test(text) ? null : undefined));

const yes = /^(?:[yY]|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const no = /^(?:[nN]|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const truth = scalar('bool', (text) => yes.test(text) || (no.test(text) ? false : undefined));

const wholeGrammar = /^(?:0x[0-9a-f]+|0b[01]+|0o[0-7]+|0[0-7]*|[1-9][0-9]*)$/i;

/** With underscores, zeros in front and all: longer ones cost time. */
const maxDigits = 200;

/** As `strconv.ParseInt` and `ParseUint` read it with base 0: 64 bits, all of them only without a sign. */
const whole = scalar('int', (text) => {
  if (!/^[-+\d]/.test(text) || text.length > maxDigits) return undefined;
  const plain = text.replaceAll('_', '');
  const digits = plain.replace(/^[-+]/, '');
  if (!wholeGrammar.test(digits)) return undefined;
  const size = BigInt(digits.replace(/^0(?=[0-7])/, '0o'));
  const number = plain.startsWith('-') ? -size : size;
  const most = plain === digits ? 2n ** 64n : 2n ** 63n;
  return number < most && number >= -(2n ** 63n) ? number : undefined;
});

const fractionGrammar = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const notFinite: ReadonlyMap<string, number> = new Map([
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((text) => [text, Infinity] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((text) => [text, -Infinity] as const),
  ...['.nan', '.NaN', '.NAN'].map((text) => [text, Number.NaN] as const),
]);

/** As `strconv.ParseFloat` reads it, in decimal. What begins with a point keeps underscores that stand anywhere else. */
const fraction = scalar('float', (text) => {
  const odd = notFinite.get(text);
  if (odd !== undefined) return new OddScalar(odd);
  if (!/^[-+.\d]/.test(text)) return undefined;
  const plain = text.replaceAll(text.startsWith('.') ? /(?<=\d)_(?=\d)/g : '_', '');
  const number = fractionGrammar.test(plain) ? Number(plain) : Infinity;
  return Number.isFinite(number) ? new OddScalar(number) : undefined;
});

const asKey: ReadonlyMap<string, string> = new Map([
  ['+Inf', '.inf'],
  ['-Inf', '-.inf'],
  ['NaN', '.nan'],
]);

/** `strconv.FormatFloat(value, 'g', -1, 32)`: the shortest text that reads as the same 32 bits. */
function shortText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const enough = [1, 2, 3, 4, 5, 6, 7, 8].find((digits) => Math.fround(Number(value.toPrecision(digits))) === value);
  const short = Number(value.toPrecision(enough ?? 9));
  const written = short.toExponential();
  const exponent = Number(written.split('e')[1]);
  return exponent >= -4 && exponent <= 5 ? String(short) : written.replace(/(?<=e[-+])(?=\d$)/, '0');
}
