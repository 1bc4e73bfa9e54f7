import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

import { encodeClaim, sortClaims, type Claim, type Validator } from '../chart/catalog.ts';
import { digestOf, type Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import { compareText } from '../chart/version.ts';
import { tableOf, type SharedTable } from '../lib/shared-table.ts';
import { cutIndex } from './index-pieces.ts';
import { readRow, type RowProblem } from './index-rows.ts';
import { parseJsonText } from './safe-json.ts';
import { parseYamlText } from './safe-yaml.ts';

/** An index as it came over the wire. */
export interface IndexBody {
  /** Who it is from, and where it was, for messages. */
  readonly upstream: string;
  readonly url?: string | undefined;
  readonly body: Uint8Array;
  readonly gzip: boolean;
  /** Of the body once decompressed. */
  readonly maxBytes: number;
}

/** An index, and what the last one was, if any. */
export interface IndexQuestion extends IndexBody {
  readonly last: Pick<Validator, 'content' | 'rows'> | undefined;
}

/** An index as it arrived, in as many pieces as the network made of it. */
export interface IndexDelivery extends Omit<IndexQuestion, 'body'> {
  readonly chunks: readonly Uint8Array[];
}

/** What an index says: its claims as a listing holds them, and the rows that were dropped. */
export interface IndexContents {
  readonly claims: SharedTable;
  /** Of the bytes, decompressed. */
  readonly content: Digest;
  /** Equal for indexes that say the same, dropped rows included. */
  readonly rows: Digest;
  readonly rejected: Readonly<Record<string, number>>;
  readonly examples: readonly string[];
}

/** What stands under one chart name, as lines of a table. */
interface ChartRows {
  readonly chart: string;
  lines: Buffer;
  readonly rejects: readonly Reject[];
}

interface Reject {
  readonly problem: RowProblem | 'not-a-list';
  readonly where: string;
}

const maxExamples = 5;
const nothing = Buffer.alloc(0);

/**
 * Reads `index.yaml`, whether YAML or JSON. Block-style documents are cut at the chart names; `pieces` remembers what
 * each piece said, so that the next reading parses only what changed. Faults with 'listing-invalid' (not an index, too
 * large, cut off) or 'not-a-repository' (a web page).
 */
export function readIndex(index: IndexBody, pieces: PieceMemory = new Map()): IndexContents {
  const body = decompress(index);
  return contentsOf(readRows(index, body, pieces), digestOf(body), index);
}

/** As `readIndex`, or 'unchanged' when this index is the last one again, or says the same. */
export function readIndexUnlessEqual(question: IndexQuestion, pieces: PieceMemory): IndexContents | 'unchanged' {
  const body = decompress(question);
  const content = digestOf(body);
  if (content === question.last?.content) return 'unchanged';
  const contents = contentsOf(readRows(question, body, pieces), content, question);
  return contents.rows === question.last?.rows ? 'unchanged' : contents;
}

function readRows(index: IndexBody, body: Buffer, pieces: PieceMemory): readonly ChartRows[] {
  refuseWhatIsNoIndex(index, body);
  return readPieces(body, pieces) ?? readWhole(index.upstream, body);
}

/** What `readIndex` keeps from one reading to the next. */
export type PieceMemory = Map<string, ChartRows>;

function decompress({ upstream, body, gzip, maxBytes }: IndexBody): Buffer {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!gzip) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw tooLarge
      ? indexTooLarge(upstream, maxBytes)
      : invalid(upstream, 'is compressed, and the compressed data is damaged or cut off', error);
  }
}

/** The fault for an index over `maxIndexBytes`. */
export function indexTooLarge(upstream: string, maxBytes: number): Fault {
  return new Fault(
    'listing-invalid',
    `${upstream}: index.yaml is larger than ${maxBytes} bytes.`,
    'Raise maxIndexBytes of this upstream if its index is really that large.',
  );
}

function invalid(upstream: string, what: string, cause?: unknown): Fault {
  return new Fault(
    'listing-invalid',
    `${upstream}: index.yaml ${what}.`,
    'The last good listing stays. Look at the index with curl; its publisher must mend it.',
    { cause },
  );
}

const blanks: ReadonlySet<number | undefined> = new Set([0x09, 0x0a, 0x0d, 0x20]);
const byteOrderMark = Buffer.from('\ufeff');

function refuseWhatIsNoIndex({ upstream, url = 'index.yaml' }: IndexBody, body: Buffer): void {
  let start = body.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? byteOrderMark.length : 0;
  while (blanks.has(body[start])) start += 1;
  if (start === body.length) throw invalid(upstream, 'is empty');
  // UTF-16, or no text at all
  if (body.includes(0)) throw invalid(upstream, 'is not UTF-8 text');
  if (body[start] !== lessThan) return;
  throw new Fault(
    'not-a-repository',
    `${upstream}: ${url} answered with a web page, not an index.`,
    'Is the path right? Is a login page in the way?',
  );
}

const lessThan = 0x3c;

/** Reads piece by piece; undefined when the document does not cut cleanly and must be read as a whole. */
function readPieces(body: Buffer, memory: PieceMemory): readonly ChartRows[] | undefined {
  const cut = cutIndex(body);
  if (!cut) return undefined;
  const used = new Map<string, ChartRows>();
  try {
    if (!isFrame(cut.frame)) return undefined;
    for (const piece of cut.charts) {
      const key = createHash('sha1').update(piece).digest('base64');
      if (used.has(key)) return undefined;
      used.set(key, memory.get(key) ?? readPiece(piece));
    }
  } catch {
    return undefined;
  }
  memory.clear();
  for (const [key, rows] of used) memory.set(key, rows);
  return [...used.values()];
}

function isFrame(text: string): boolean {
  const frame = text.trim() === '' ? {} : parseYamlText(text, { maxAnchors: 0 });
  return isMapping(frame) && !('entries' in frame);
}

function readPiece(piece: Buffer): ChartRows {
  const entries = parseYamlText(piece.toString('utf8'), { maxAnchors: 0 });
  if (!isMapping(entries) || Object.keys(entries).length !== 1) throw new Error('not one chart');
  const [key = '', rows] = Object.entries(entries)[0] ?? [];
  return readChart(key, rows);
}

function readWhole(upstream: string, body: Buffer): readonly ChartRows[] {
  const document = parseDocument(upstream, body);
  if (!isMapping(document) || !('entries' in document || 'apiVersion' in document)) {
    throw invalid(upstream, 'is not an index: it has neither apiVersion nor entries');
  }
  const entries = document['entries'] ?? {};
  if (!isMapping(entries)) throw invalid(upstream, 'is not an index: entries is not a mapping of chart names');
  return Object.entries(entries).map(([key, rows]) => readChart(key, rows));
}

function parseDocument(upstream: string, body: Buffer): unknown {
  const text = body.toString('utf8').replace(/^\ufeff/, '');
  try {
    return readJson(text) ?? parseYamlText(text);
  } catch (error) {
    const [reason = ''] = String((error as Error).message).split('\n');
    throw invalid(upstream, `cannot be read: ${reason.slice(0, 200)}`, error);
  }
}

/** Undefined for what is no JSON: a document that begins with a brace may still be YAML, and JSON is YAML as well. */
function readJson(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return parseJsonText(text);
  } catch {
    return undefined;
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readChart(chart: string, rows: unknown): ChartRows {
  if (rows === null || rows === undefined) return { chart, lines: nothing, rejects: [] };
  if (!Array.isArray(rows)) return { chart, lines: nothing, rejects: [{ problem: 'not-a-list', where: chart }] };
  const claims: Claim[] = [];
  const rejects: Reject[] = [];
  rows.forEach((row, at) => {
    const read = readRow(chart, row);
    if (typeof read === 'string') rejects.push({ problem: read, where: `${chart}[${at}]` });
    else claims.push(read);
  });
  return { chart, lines: Buffer.from(sortClaims(mergeRows(claims)).map(encodeClaim).join('')), rejects };
}

/** Rows that promise the same bytes become one, with the urls of all; the first speaks. */
function mergeRows(claims: readonly Claim[]): readonly Claim[] {
  const merged = new Map<string, Claim>();
  for (const claim of claims) {
    const key = `${claim.version} ${claim.digest ?? ''}`;
    const first = merged.get(key);
    const sources = new Set([...(first?.source.split(' ') ?? []), ...claim.source.split(' ')]);
    merged.set(key, { ...(first ?? claim), source: [...sources].slice(0, maxSources).join(' ') });
  }
  return [...merged.values()];
}

const maxSources = 8;

function contentsOf(rows: readonly ChartRows[], content: Digest, { upstream, maxBytes }: IndexBody): IndexContents {
  const twice = [...Map.groupBy(rows, (one) => one.chart)].find(([, same]) => same.length > 1);
  if (twice) throw invalid(upstream, `lists the chart ${JSON.stringify(twice[0].slice(0, 200))} twice`);
  const sorted = rows.toSorted((a, b) => compareText(a.chart, b.chart));
  // aliases can make a small document say very much
  if (sorted.reduce((sum, { lines }) => sum + lines.length, 0) > 4 * maxBytes) throw indexTooLarge(upstream, maxBytes);
  const claims = tableOf(sorted.map(({ lines }) => lines));
  restIn(claims, sorted);
  const rejects = countRejects(rows);
  const said = createHash('sha256').update(Buffer.from(claims.text)).update(JSON.stringify(rejects)).digest('hex');
  return { claims, content, rows: `sha256:${said}`, ...rejects };
}

/** From here on the remembered pieces stand in the table's memory, not in their own. */
function restIn(claims: SharedTable, sorted: readonly ChartRows[]): void {
  let at = 0;
  for (const rows of sorted) {
    rows.lines = Buffer.from(claims.text, at, rows.lines.length);
    at += rows.lines.length;
  }
}

function countRejects(rows: readonly ChartRows[]): Pick<IndexContents, 'rejected' | 'examples'> {
  const rejected: Record<string, number> = {};
  const examples: string[] = [];
  for (const { problem, where } of rows.flatMap((one) => one.rejects)) {
    rejected[problem] = (rejected[problem] ?? 0) + 1;
    if (examples.length < maxExamples) examples.push(`${where.slice(0, 200)}: ${problem}`);
  }
  return { rejected, examples };
}
