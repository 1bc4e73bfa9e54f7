import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

import { sortClaims } from '../chart/catalog.ts';
import type { Claim, Validator } from '../chart/claim.ts';
import { digestOf, type Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import { isChartName } from '../chart/names.ts';
import { compareText } from '../chart/version.ts';
import type { SharedTable } from '../lib/shared-table.ts';
import { IndexClaims, type ChartLines } from './index-claims.ts';
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
  /** The catalog that the last one led to: what is said again shares its text, and need not be parsed. */
  readonly known?: SharedTable | undefined;
  /** The only chart that is asked for. */
  readonly chart?: string | undefined;
}

/** An index, and what the last one was, if any. */
export interface IndexQuestion extends IndexBody {
  readonly last: Pick<Validator, 'content' | 'rows'> | undefined;
}

/** An index that arrived elsewhere: as the body of this name and size. */
export interface IndexDelivery extends Omit<IndexQuestion, 'body'> {
  readonly id: string;
  readonly size: number;
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

/** An index that says what the last one said. */
export interface UnchangedIndex {
  readonly unchanged: true;
  /** Of the bytes, decompressed: another than the last one's where only the bytes differ. */
  readonly content: Digest;
}

/** What stands under one chart name. */
interface ChartRows extends ChartLines {
  /** Of its lines. */
  readonly bytes: number;
  readonly rejects: readonly Reject[];
}

interface Reject {
  readonly problem: RowProblem | 'not-a-list';
  readonly where: string;
}

const maxExamples = 5;

/**
 * Reads `index.yaml`, whether YAML or JSON. Block-style documents are cut at the chart names; `pieces` remembers what
 * each piece said, so that the next reading parses only what changed. Faults with 'listing-invalid' (not an index, too
 * large, cut off) or 'not-a-repository' (a web page).
 */
export function readIndex(index: IndexBody, pieces: PieceMemory = new Map()): IndexContents {
  const body = decompress(index);
  return contentsOf(readRows(index, body, pieces), digestOf(body), index);
}

/** As `readIndex`, unless this index is the last one again, or says the same. */
export function readIndexUnlessEqual(question: IndexQuestion, pieces: PieceMemory): IndexContents | UnchangedIndex {
  const body = decompress(question);
  const content = digestOf(body);
  if (content === question.last?.content) return { unchanged: true, content };
  const contents = contentsOf(readRows(question, body, pieces), content, question);
  return contents.rows === question.last?.rows ? { unchanged: true, content } : contents;
}

/** The charts of an index, and where their lines are kept. */
interface IndexRows {
  readonly charts: readonly ChartRows[];
  readonly claims: IndexClaims;
}

function readRows(index: IndexBody, body: Buffer, pieces: PieceMemory): IndexRows {
  refuseWhatIsNoIndex(index, body);
  return readPieces(index, body, pieces) ?? readWhole(index, body);
}

/** What `readIndex` keeps from one reading to the next. */
export type PieceMemory = Map<string, ChartRows>;

function decompress({ upstream, body, gzip, maxBytes }: IndexBody): Buffer {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!gzip) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes, chunkSize: sizeInside(bytes, maxBytes) });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw tooLarge
      ? indexTooLarge(upstream, maxBytes)
      : invalid(upstream, 'is compressed, and the compressed data is damaged or cut off', error);
  }
}

/** What the data say of their own size (RFC 1952 section 2.3.1): with that they unpack into one buffer. */
function sizeInside(bytes: Buffer, maxBytes: number): number {
  const size = bytes.length < 18 ? 0 : bytes.readUInt32LE(bytes.length - 4);
  return Math.min(Math.max(size, 1024), maxBytes) + 1;
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
function readPieces(index: IndexBody, body: Buffer, memory: PieceMemory): IndexRows | undefined {
  const cut = cutIndex(body);
  if (!cut) return undefined;
  const claims = new IndexClaims(index.known);
  const isKnown = (rows: ChartRows | undefined): rows is ChartRows =>
    rows !== undefined && (!isWanted(index, rows) || claims.has(rows));
  const used = new Map<string, ChartRows>();
  try {
    if (!isFrame(cut.frame)) return undefined;
    for (const piece of cut.charts) {
      const key = createHash('sha256').update(piece).digest('base64');
      if (used.has(key)) return undefined;
      const remembered = memory.get(key);
      used.set(key, isKnown(remembered) ? remembered : readPiece(piece, claims));
    }
  } catch {
    return undefined;
  }
  memory.clear();
  for (const [key, rows] of used) memory.set(key, rows);
  return { charts: [...used.values()], claims };
}

function isWanted({ chart }: IndexBody, rows: ChartRows): boolean {
  return chart === undefined || rows.chart === chart;
}

function isFrame(text: string): boolean {
  const frame = text.trim() === '' ? {} : parseYamlText(text, { maxAnchors: 0 });
  return isMapping(frame) && !('entries' in frame);
}

function readPiece(piece: Buffer, claims: IndexClaims): ChartRows {
  const entries = parseYamlText(piece.toString('utf8'), { maxAnchors: 0 });
  if (!isMapping(entries) || Object.keys(entries).length !== 1) throw new Error('not one chart');
  const [key = '', rows] = Object.entries(entries)[0] ?? [];
  return readChart(key, rows, claims);
}

function readWhole({ upstream, known }: IndexBody, body: Buffer): IndexRows {
  const document = parseDocument(upstream, body);
  if (!isMapping(document) || !('entries' in document || 'apiVersion' in document)) {
    throw invalid(upstream, 'is not an index: it has neither apiVersion nor entries');
  }
  const entries = document['entries'] ?? {};
  if (!isMapping(entries)) throw invalid(upstream, 'is not an index: entries is not a mapping of chart names');
  const claims = new IndexClaims(known);
  return { charts: Object.entries(entries).map(([key, rows]) => readChart(key, rows, claims)), claims };
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

function readChart(chart: string, rows: unknown, claims: IndexClaims): ChartRows {
  const none = { chart, lines: '', bytes: 0, rejects: [] };
  if (rows === null || rows === undefined) return none;
  if (!Array.isArray(rows)) return { ...none, rejects: [{ problem: 'not-a-list', where: shownName(chart) }] };
  const read: Claim[] = [];
  const rejects: Reject[] = [];
  rows.forEach((row, at) => {
    const claim = readRow(chart, row);
    if (typeof claim === 'string') rejects.push({ problem: claim, where: `${shownName(chart)}[${at}]` });
    else read.push(claim);
  });
  return { ...claims.add(chart, sortClaims(mergeRows(read))), rejects };
}

/** What no chart can be called may be anything: a server that repeats what it was told puts our credentials there. */
function shownName(chart: string): string {
  return isChartName(chart) ? chart : '(no chart name)';
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

function contentsOf({ charts, claims }: IndexRows, content: Digest, index: IndexBody): IndexContents {
  const { upstream, maxBytes } = index;
  const twice = [...Map.groupBy(charts, (one) => one.chart)].find(([, same]) => same.length > 1);
  if (twice) throw invalid(upstream, `lists the chart ${shownName(twice[0])} twice`);
  // aliases can make a small document say very much
  if (charts.reduce((sum, { bytes }) => sum + bytes, 0) > 4 * maxBytes) throw indexTooLarge(upstream, maxBytes);
  const sorted = charts.filter((rows) => isWanted(index, rows)).sort((a, b) => compareText(a.chart, b.chart));
  const rejects = countRejects(charts);
  const said = sorted.map(({ chart, lines }) => [chart, lines]);
  const rows = digestOf(Buffer.from(JSON.stringify([said, rejects])));
  return { claims: claims.tableOf(sorted), content, rows, ...rejects };
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
