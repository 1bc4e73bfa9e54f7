import { isDigest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { chartMetadata } from '../../formats/chart-metadata.ts';
import { isTag } from '../../formats/oci-manifest.ts';
import { defaultWidth, mapAtOnce } from '../../lib/at-once.ts';
import { readAll, TooManyBytes } from '../../lib/bytes.ts';
import type { Clock } from '../../lib/clock.ts';
import { faultOfStatus, requestLine } from '../http/faults.ts';
import type { HttpAnswer, HttpClient } from '../http/http.ts';
import { nextPage } from '../registry/paging.ts';
import type { DiscoveredTag, ListedChart } from './discovery.ts';

/** A JSON object of an API; nothing is known of its fields. */
export type ApiRow = Readonly<Record<string, unknown>>;

/** One page of an API's answer. */
export interface ApiPage {
  readonly url: URL;
  readonly body: unknown;
  /** How long the body was. */
  readonly bytes: number;
  readonly link: string | readonly string[] | undefined;
}

/** A listing of a product's API. */
export interface ApiListing {
  readonly upstream: string;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The first page. */
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** The field with the rows; absent where a page is nothing but them. */
  readonly rows?: string;
  /** The page behind one; its `Link` when absent. */
  readonly next?: (page: ApiPage) => URL | undefined;
  /** What to do where the credentials do not suffice. */
  readonly advice: string;
}

const maxPages = 1000;
const maxPageBytes = 16 * 1024 * 1024;
const maxListingBytes = 256 * 1024 * 1024;

/**
 * What `read` makes of all pages, one after the other, never of part of them; undefined when the API answers 404 to the
 * first. Faults with 'unauthorized' or 'forbidden' and the listing's advice, with 'rate-limited', 'listing-invalid',
 * 'upstream-failed', and the client's own.
 */
export async function readPages<T>(
  listing: ApiListing,
  read: (page: ApiPage) => readonly T[],
): Promise<readonly T[] | undefined> {
  const found: T[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  let url: URL | undefined = listing.url;
  while (url) {
    if (seen.size >= maxPages || seen.has(url.href)) throw invalid(listing, 'leads in a circle, or has too many pages');
    seen.add(url.href);
    const page = await readPage(listing, url);
    if (page === undefined && seen.size === 1) return undefined;
    if (page === undefined) throw invalid(listing, 'ends before its last page');
    bytes += page.bytes;
    if (bytes > maxListingBytes) throw invalid(listing, `has more than ${maxListingBytes} bytes`);
    for (const one of read(page)) found.push(one);
    url = listing.next ? listing.next(page) : nextPage(page.url, page.link);
  }
  return found;
}

/** The rows of all pages, as `readPages` promises them. */
export async function readRows(listing: ApiListing): Promise<readonly unknown[] | undefined> {
  return await readPages(listing, ({ body }) => rowsOf(listing, body));
}

/** What `read` makes of the rows that are JSON objects, a page at a time: nothing is kept of those that were read. */
export async function readEachRow<T>(
  listing: ApiListing,
  read: (row: ApiRow) => readonly T[],
): Promise<readonly T[] | undefined> {
  return await readPages(listing, ({ body }) => rowsOf(listing, body).filter(isRow).flatMap(read));
}

/** The address of a page, with the query of what an API calls the next: no link may lead us elsewhere. */
export function withQueryOf(page: URL, next: unknown): URL | undefined {
  const target = typeof next === 'string' ? URL.parse(next, page.href) : null;
  if (!target) return undefined;
  const url = new URL(page);
  url.search = target.search;
  return url;
}

/** Whether a value is a JSON object. */
export function isRow(value: unknown): value is ApiRow {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A tag as a product's listing has it; undefined where it can be none. */
export function readTag(tag: unknown, digest: unknown, created: unknown): DiscoveredTag | undefined {
  if (typeof tag !== 'string' || !isTag(tag)) return undefined;
  return {
    tag,
    digest: typeof digest === 'string' && isDigest(digest) ? digest : undefined,
    created: typeof created === 'string' ? created : undefined,
  };
}

/** What `readTag` makes of several tags of one manifest. */
export function readTags(tags: unknown, digest: unknown, created: unknown): readonly DiscoveredTag[] {
  const names: readonly unknown[] = Array.isArray(tags) ? tags : [];
  return names.map((tag) => readTag(tag, digest, created)).filter((tag) => tag !== undefined);
}

/** Chart.yaml as a listing shows it; undefined where it is not one that Helm would take. */
export function readChart(fields: unknown): ListedChart | undefined {
  if (!isRow(fields)) return undefined;
  const { name, version } = fields;
  if (typeof name !== 'string' || typeof version !== 'string') return undefined;
  const described = chartMetadata(fields);
  return 'rejected' in described ? undefined : { name, version, ...described };
}

/** What `mapAtOnce` does, with as much at once as is usual. */
export async function eachOf<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<readonly R[]> {
  return await mapAtOnce(items, defaultWidth, signal, work);
}

async function readPage(listing: ApiListing, url: URL): Promise<ApiPage | undefined> {
  const { http, signal } = listing;
  const headers = { accept: 'application/json', ...listing.headers };
  const answer = await http.request({ url, headers, signal });
  if (answer.status === 200) return { url, ...(await readBody(listing, answer)), link: answer.headers['link'] };
  await answer.dump();
  if (answer.status === 404) return undefined;
  throw faultOfApi(listing, answer);
}

/** The fault for an answer of an API that is not the one asked for. The body stays the caller's to dump. */
export function faultOfApi(
  { upstream, advice, clock }: Pick<ApiListing, 'upstream' | 'advice' | 'clock'>,
  answer: HttpAnswer,
  method = 'GET',
): Fault {
  const retryAfterMs = answer.retryAfterMs ?? untilReset(answer, clock.now());
  const what = `${requestLine(method, answer.url)} at ${answer.url.host}`;
  const fault = faultOfStatus(upstream, { ...answer, retryAfterMs }, what);
  const isRefusal = fault.code === 'unauthorized' || fault.code === 'forbidden';
  return isRefusal ? new Fault(fault.code, fault.message, advice) : fault;
}

/** GitHub and Docker Hub answer 403 or 429 and say only when the window ends: seconds since the epoch. */
function untilReset({ status, headers }: HttpAnswer, nowMs: number): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const reset = String(headers['x-ratelimit-reset']);
  if (headers['x-ratelimit-remaining'] !== '0' || !/^\d{10}$/.test(reset)) return undefined;
  return Math.max(0, Number(reset) * 1000 - nowMs);
}

async function readBody(listing: ApiListing, answer: HttpAnswer): Promise<Pick<ApiPage, 'body' | 'bytes'>> {
  try {
    const body = await readAll(answer.body, maxPageBytes);
    return { body: JSON.parse(body.toString('utf8')) as unknown, bytes: body.length };
  } catch (error) {
    if (error instanceof TooManyBytes) throw invalid(listing, `has a page of more than ${maxPageBytes} bytes`);
    if (error instanceof SyntaxError) throw invalid(listing, 'is not JSON');
    throw error;
  }
}

/** An empty list may be null, and Google leaves it out altogether. */
function rowsOf(listing: ApiListing, body: unknown): readonly unknown[] {
  const list: unknown = listing.rows === undefined ? body : isRow(body) ? body[listing.rows] : undefined;
  if (Array.isArray(list)) return list;
  if (list === null || (isRow(body) && Object.keys(body).every((key) => key === 'nextPageToken'))) return [];
  throw invalid(listing, 'is not what its documentation says');
}

function invalid({ upstream, url }: ApiListing, problem: string): Fault {
  const message = `${upstream}: the listing at ${url.host} ${problem}.`;
  return new Fault('listing-invalid', message, 'The last good listing stays. Or name the charts in charts.');
}
