import { resolve } from 'node:path';

import { isAlias, isMap, isScalar, isSeq, type Pair, type Scalar, type YAMLMap } from 'yaml';

import { closest } from '../lib/nearest.ts';
import type { Secret } from '../lib/secret.ts';
import { readKeyring, type CountKeys } from './keyring.ts';
import { listForm, mappingForm, type OptionSchema, stepInto } from './options.ts';
import { formatPath, type OptionPath, type Position, type Problem, shorten } from './problem.ts';
import {
  type Environment,
  hasPlaceholder,
  PlaceholderError,
  readBytes,
  substitute,
  substituteSecret,
} from './secret.ts';
import type { Source } from './source.ts';

/** Where placeholders take their text from. */
export interface Surroundings {
  /** The folder of the configuration file: relative paths begin here. */
  readonly folder: string;
  readonly environment: Environment;
  /** Absent: what is in keyrings is not looked at. */
  readonly countKeys?: CountKeys | undefined;
}

/** What is known of one place in the tree. */
interface Mark {
  readonly offset: number;
  /** As it stands in the file, where the value came from placeholders. */
  readonly written?: string;
  /** A number as it stands in the file: 1.10 is read as 1.1. */
  readonly numeral?: string;
}

/**
 * The values of a configuration file, shaped by the options there are: unknown keys are left out and reported, what
 * cannot hold options is not looked into, placeholders are replaced, secrets are `Secret`s.
 */
export class OptionTree {
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  readonly #source: Source;
  readonly #surroundings: Surroundings;
  readonly #marks = new Map<string, Mark>();
  /** Where the keys of options are. */
  readonly #keys = new Map<string, number>();
  readonly #settled = new Set<string>();
  readonly #misspelt = new Set<string>();
  #value: unknown;

  private constructor(source: Source, surroundings: Surroundings) {
    this.#source = source;
    this.#surroundings = surroundings;
  }

  static async read(source: Source, options: OptionSchema, surroundings: Surroundings): Promise<OptionTree> {
    const tree = new OptionTree(source, surroundings);
    tree.#value = await tree.#readNode(source.document.contents, options, []);
    return tree;
  }

  /** Sets an option that the file leaves out. Messages show it as `written`. */
  supply(section: string, option: string, value: unknown, written: string): void {
    const root = this.#value as Record<string, unknown>;
    const options = Object.hasOwn(root, section) ? root[section] : (root[section] = {});
    if (typeof options !== 'object' || options === null || Object.hasOwn(options, option)) return;
    Object.assign(options, { [option]: value });
    this.#marks.set(formatPath([section, option]), { offset: this.#offsetOf([section]), written });
  }

  /** The value at a path; undefined where there is none. */
  at(...path: OptionPath): unknown {
    let value = this.#value;
    for (const step of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
      value = (value as Record<string | number, unknown>)[step];
    }
    return value;
  }

  /** The text as it stands in the file, where the value came from placeholders: the value may be a secret then. */
  written(path: OptionPath): string | undefined {
    return this.#marks.get(formatPath(path))?.written;
  }

  /** The number at a path as it stands in the file; undefined where there is none. */
  numeral(path: OptionPath): string | undefined {
    return this.#marks.get(formatPath(path))?.numeral;
  }

  /** Reports a problem at a path, unless what stands there was reported already. */
  report(path: OptionPath, message: string): void {
    this.#reportAt(path, this.#offsetOf(path), message);
  }

  /** The same of the key rather than of what stands behind it. */
  reportKey(path: OptionPath, message: string): void {
    this.#reportAt(path, this.#keys.get(formatPath(path)) ?? this.#offsetOf(path), message);
  }

  #reportAt(path: OptionPath, offset: number, message: string): void {
    const option = formatPath(path);
    if (this.#settled.has(option)) return;
    this.#settled.add(option);
    this.problems.push(this.#problem(path, offset, message));
  }

  /** Reports that a required option is missing, unless it is there misspelt and that was said. */
  reportMissing(path: OptionPath, message: string): void {
    if (!this.#misspelt.has(formatPath(path))) this.report(path, message);
  }

  /** Whether something at a path, or inside of it, was reported already. */
  wasReported(path: OptionPath): boolean {
    const option = formatPath(path);
    return this.problems.some(
      (one) => one.option === option || one.option.startsWith(`${option}.`) || one.option.startsWith(`${option}[`),
    );
  }

  /** Reports something that is allowed but doubtful, once. */
  warn(path: OptionPath, message: string): void {
    const option = formatPath(path);
    if (this.warnings.some((one) => one.option === option && one.message === message)) return;
    this.warnings.push(this.#problem(path, this.#offsetOf(path), message));
  }

  /** Where a path, or what encloses it, is in the file. */
  position(path: OptionPath): Position {
    return this.#source.position(this.#offsetOf(path));
  }

  #problem(path: OptionPath, offset: number, message: string): Problem {
    return { file: this.#source.file, position: this.#source.position(offset), option: formatPath(path), message };
  }

  #offsetOf(path: OptionPath): number {
    for (let length = path.length; length > 0; length -= 1) {
      const mark = this.#marks.get(formatPath(path.slice(0, length)));
      if (mark) return mark.offset;
    }
    return 0;
  }

  async #readNode(node: unknown, options: OptionSchema | undefined, path: OptionPath, keyOffset = 0): Promise<unknown> {
    const offset = isNodeWithRange(node) && !isEmpty(node) ? node.range[0] : keyOffset;
    this.#marks.set(formatPath(path), { offset });
    if (isAlias(node)) return this.#readAlias(node.resolve(this.#source.document), options, path, offset);
    if (isMap(node)) return this.#readMapping(node, mappingForm(options), path);
    if (isSeq(node)) return this.#readList(node.items, listForm(options), path);
    if (isScalar(node)) return this.#readScalar(node, options, path, offset);
    return null;
  }

  async #readAlias(
    target: unknown,
    options: OptionSchema | undefined,
    path: OptionPath,
    offset: number,
  ): Promise<unknown> {
    if (target === undefined) {
      this.report(
        path,
        'a "*" at the start makes an alias, and nothing before it has that name; put the value in quotes',
      );
      return undefined;
    }
    const value = await this.#readNode(target, options, path);
    this.#marks.set(formatPath(path), { ...this.#marks.get(formatPath(path)), offset });
    return value;
  }

  async #readList(items: readonly unknown[], options: OptionSchema | undefined, path: OptionPath): Promise<unknown[]> {
    // What cannot be a list here is reported as a whole, so that nothing is looked into twice or without end.
    if (!options) return items.length === 0 ? [] : [undefined];
    const values: unknown[] = [];
    for (const [index, item] of items.entries()) {
      // a dash with nothing after it: the dash is what people look at then
      const dash = isNodeWithRange(item) ? item.range[0] - 1 : this.#offsetOf(path);
      values.push(await this.#readNode(item, options.items, [...path, index], dash));
    }
    return values;
  }

  async #readMapping(
    node: YAMLMap<unknown, unknown>,
    options: OptionSchema | undefined,
    path: OptionPath,
  ): Promise<Record<string, unknown>> {
    const values: [key: string, value: unknown][] = [];
    const seen = new Map<string, number>();
    for (const pair of options ? node.items : []) {
      const key = this.#readKey(pair, options, path, seen);
      if (key === undefined) continue;
      const offset = seen.get(key) ?? 0;
      this.#keys.set(formatPath([...path, key]), offset);
      values.push([key, await this.#readNode(pair.value, stepInto(options, key), [...path, key], offset)]);
    }
    return Object.fromEntries(values);
  }

  /** The key of a pair when it is one of the options, and the first of its name. */
  #readKey(
    pair: Pair<unknown, unknown>,
    options: OptionSchema | undefined,
    path: OptionPath,
    seen: Map<string, number>,
  ): string | undefined {
    const offset = isNodeWithRange(pair.key) ? pair.key.range[0] : this.#offsetOf(path);
    if (!isScalar(pair.key)) {
      this.problems.push(this.#problem(path, offset, 'found a key that is not a text; expected the name of an option'));
      return undefined;
    }
    const written = typeof pair.key.value === 'string' ? pair.key.value : (pair.key.source ?? '');
    // what follows may be a value, and a secret: {password:secret} is one key
    const key = written.replace(/[\s:=].*$/s, '…');
    const message = this.#explainKey(key, options, path, seen.get(key));
    if (!seen.has(key)) seen.set(key, offset);
    if (message === undefined) return key;
    this.problems.push(this.#problem([...path, key], offset, message));
    return undefined;
  }

  #explainKey(
    key: string,
    options: OptionSchema | undefined,
    path: OptionPath,
    first: number | undefined,
  ): string | undefined {
    if (key.endsWith('…'))
      return `"${shorten(key)}" is not the name of an option; a key ends with ": ", with the space`;
    const known = Object.keys(options?.properties ?? {});
    if (!stepInto(options, key)) return this.#explainUnknown(key, known, path);
    if (first === undefined) return undefined;
    return `"${key}" is given twice; the first is in line ${this.#source.position(first).line}`;
  }

  #explainUnknown(key: string, known: readonly string[], path: OptionPath): string {
    const near = closest(key, known);
    if (near === undefined) return `unknown option "${shorten(key)}"; expected one of ${known.join(', ')}`;
    this.#misspelt.add(formatPath([...path, near]));
    return `unknown option "${shorten(key)}"; did you mean "${near}"?`;
  }

  async #readScalar(
    node: Scalar,
    options: OptionSchema | undefined,
    path: OptionPath,
    offset: number,
  ): Promise<unknown> {
    const { value, source: numeral } = node;
    if (typeof value === 'number' && numeral) this.#marks.set(formatPath(path), { offset, numeral });
    if (typeof value !== 'string' || mappingForm(options) === options) return value;
    if (hasPlaceholder(value)) this.#marks.set(formatPath(path), { offset, written: value });
    if (/^\$[A-Z_][A-Z0-9_]*$/.test(value)) this.warn(path, 'taken as it is; a variable is written "${NAME}"');
    try {
      return await this.#readText(value, options ?? {});
    } catch (error) {
      if (!(error instanceof PlaceholderError)) throw error;
      this.report(path, error.message);
      return undefined;
    }
  }

  async #readText(value: string, options: OptionSchema): Promise<unknown> {
    const { folder, environment, countKeys } = this.#surroundings;
    if (options.writeOnly) return fitting(await substituteSecret(value, folder, environment), options);
    const text = hasPlaceholder(value) ? await substitute(value, folder, environment) : value;
    if (options.readable === 'keyring' && text !== '') return readKeyring(resolve(folder, text), countKeys);
    if (options.readable && text !== '') await readBytes(resolve(folder, text));
    return hasPlaceholder(value) ? retype(text, options) : text;
  }
}

function isNodeWithRange(node: unknown): node is { readonly range: readonly [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}

/** A key with nothing after it: the key is what people look at then. */
function isEmpty(node: unknown): boolean {
  return isScalar(node) && node.value === null && (node.source ?? '') === '';
}

/** A secret is looked into here, once: nothing after this sees its text. */
async function fitting(secret: Secret, { pattern, format, allowed }: OptionSchema): Promise<Secret> {
  if (pattern === undefined) return secret;
  const text = await secret.reveal();
  if (new RegExp(pattern).test(text) && (format !== 'uri' || URL.canParse(text))) return secret;
  throw new PlaceholderError(`found [secret]; expected ${allowed ?? 'something else'}`);
}

/** Text from a placeholder is a number or a truth value where only such is allowed. */
function retype(text: string, options: OptionSchema): unknown {
  if (options.type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (options.type === 'boolean' && /^(?:true|false)$/.test(text)) return text === 'true';
  return text;
}
