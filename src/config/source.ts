import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';

import {
  type Document,
  type ErrorCode,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
} from 'yaml';

import { kindOf, type Position, type Problem } from './problem.ts';

/** A configuration file read as YAML, and a way from its characters back to lines. */
export interface Source {
  readonly file: string;
  readonly document: Document.Parsed;
  /** Where a character of the file is. */
  position(offset: number): Position;
}

const maxFileBytes = 4 * 1024 ** 2;
const maxAliases = 100;
const maxDepth = 32;
const maxSyntaxProblems = 20;

/** Reads and parses a configuration file; whatever keeps it from being one YAML mapping comes back as problems. */
export async function readSource(file: string): Promise<Source | readonly Problem[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    return [problem(file, undefined, `the file cannot be read (${codeOf(error)}); name another with --config FILE`)];
  }
  if (bytes.length > maxFileBytes) return [problem(file, undefined, 'the file is larger than 4 MiB')];
  const position = misplacedByte(bytes);
  if (position) return [problem(file, position, 'the file is not UTF-8 from here on; save it as UTF-8')];
  return parseSource(file, new TextDecoder().decode(bytes));
}

/** The short code of a system error, such as ENOENT. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function problem(file: string, position: Position | undefined, message: string): Problem {
  return { file, position, option: '', message };
}

/** Where the first byte is that is not UTF-8 text. A UTF-8 byte order mark is, one of UTF-16 is not. */
function misplacedByte(bytes: Buffer): Position | undefined {
  if (isUtf8(bytes) && !bytes.includes(0)) return undefined;
  let line = 1;
  for (let start = 0; start <= bytes.length; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    const row = bytes.subarray(start, end === -1 ? bytes.length : end);
    if (!isUtf8(row) || row.includes(0)) return { line, column: row.toString('utf8').search(/[\0\uFFFD]/) + 1 };
    start += row.length + 1;
  }
  return { line: 1, column: 1 };
}

function parseSource(file: string, text: string): Source | readonly Problem[] {
  const lines = new LineCounter();
  // Duplicate keys are found while the options are read, where their path is known.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: false });
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const source: Source = { file, document, position };
  const problems = syntaxProblems(source, text);
  return problems.length > 0 ? problems : (contentProblems(source) ?? source);
}

/** Of the errors the first of each line: the others mostly follow from it. */
function syntaxProblems(source: Source, text: string): readonly Problem[] {
  const all: readonly YAMLError[] = [...source.document.errors, ...source.document.warnings];
  const errors = all.toSorted((a, b) => a.pos[0] - b.pos[0]);
  const exhausted = errors.find((error) => error.code === 'RESOURCE_EXHAUSTION');
  const byLine = new Map<number, Problem>();
  for (const { code, pos } of exhausted ? [exhausted] : errors) {
    const offset = beginning(code, pos[0], text);
    const position = source.position(offset);
    if (byLine.has(position.line) || byLine.size >= maxSyntaxProblems) continue;
    const why =
      code === 'UNEXPECTED_TOKEN' && text[offset] === '>' ? unquotedRange : explain(code, lineOf(text, position.line));
    byLine.set(position.line, problem(source.file, position, why));
  }
  return [...byLine.values()];
}

/** Where the value begins that is no text of several lines, or no alias: the parser points behind its first character. */
function beginning(code: ErrorCode, offset: number, text: string): number {
  const isBehind = code === 'UNEXPECTED_TOKEN' ? /[ \n]>$/ : code === 'BAD_ALIAS' ? /\*$/ : undefined;
  return isBehind?.test(text.slice(0, offset)) ? offset - 1 : offset;
}

/** `versions: >=1.0` as people write it. */
const unquotedRange = 'a ">" at the start makes a text of several lines; put the value in quotes';

function lineOf(text: string, line: number): string {
  return text.split('\n', line)[line - 1] ?? '';
}

/** The parser's own messages quote the file, which may hold secrets. */
const explanations: Partial<Readonly<Record<ErrorCode, string>>> = {
  BAD_ALIAS: 'a "*" at the start makes an alias; put the value in quotes',
  BAD_DIRECTIVE: 'a "%" at the start of a line makes a directive; put the value in quotes',
  BAD_DQ_ESCAPE: 'this "\\" escape is unknown inside double quotes; write "\\\\", or use single quotes',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket is not closed',
  BAD_SCALAR_START: 'a value cannot start with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " on one line; put the value in quotes, or begin a new line',
  BLOCK_IN_FLOW: 'inside { } and [ ] the rest is written with brackets too',
  IMPOSSIBLE: 'this is not YAML',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a quote, comma, colon or bracket is missing here or before',
  MULTILINE_IMPLICIT_KEY: 'a key must be on one line and be followed by ": "',
  MULTIPLE_DOCS: 'a second document begins here ("---"); a configuration is one document',
  RESOURCE_EXHAUSTION: 'brackets are nested too deeply',
  TAB_AS_INDENT: 'a tab in the indentation; YAML wants spaces',
  TAG_RESOLVE_FAILED: 'a "!" before a value makes a tag; put the value in quotes',
  UNEXPECTED_TOKEN: 'something unexpected for YAML; a quote or bracket may be missing before it',
};

function explain(code: ErrorCode, line: string): string {
  const why = explanations[code] ?? 'this is not YAML';
  return line.includes('${') ? `${why}; inside { } and [ ] a value with "\${...}" needs quotes` : why;
}

function contentProblems(source: Source): readonly Problem[] | undefined {
  const { document, file } = source;
  const start = { line: 1, column: 1 };
  const contents = document.contents;
  const expected = 'expected a mapping with at least upstreams';
  if (!contents || (isScalar(contents) && contents.value === null)) {
    return [problem(file, start, `the file is empty; ${expected}`)];
  }
  if (isMap(contents)) return excesses(source);
  const found = isScalar(contents) ? kindOf(contents.value) : 'a list';
  return [problem(file, source.position(contents.range[0]), `found ${found}; ${expected}`)];
}

/** What makes a small file a large tree: neither is of use here. */
function excesses(source: Source): readonly Problem[] | undefined {
  let aliases = 0;
  for (const { node, depth } of nodesOf(source.document.contents)) {
    if (isAlias(node)) aliases += 1;
    if (depth <= maxDepth && aliases <= maxAliases) continue;
    const message = depth > maxDepth ? explanations.RESOURCE_EXHAUSTION : `more than ${maxAliases} aliases ("*name")`;
    return [problem(source.file, source.position(node.range?.[0] ?? 0), message ?? '')];
  }
  return undefined;
}

/** Every node in the order of the file, without recursion: depth must not exhaust the stack. */
function* nodesOf(root: unknown): Generator<{ readonly node: Node; readonly depth: number }> {
  const waiting: { readonly node: unknown; readonly depth: number }[] = [{ node: root, depth: 0 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { node, depth } = next;
    if (isNode(node)) yield { node, depth };
    const inside = isPair(node) ? [node.key, node.value] : isCollection(node) ? node.items : [];
    for (const child of inside.toReversed()) waiting.push({ node: child, depth: depth + (isPair(node) ? 0 : 1) });
  }
}
