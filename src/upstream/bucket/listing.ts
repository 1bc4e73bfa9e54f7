import { Fault } from '../../chart/fault.ts';
import { compareText } from '../../chart/version.ts';
import { readAll, TooManyBytes } from '../../lib/bytes.ts';
import { readListPage } from '../../lib/s3-listing.ts';
import type { FoundArchive, FoundArchives, RefusedArchive } from '../archives.ts';
import { faultOfStatus } from '../http/faults.ts';
import type { HttpAnswer, HttpClient } from '../http/http.ts';
import { type BucketAddress, encodeKey, isSpeakable } from './address.ts';

export interface BucketListingOptions {
  readonly upstream: string;
  readonly address: BucketAddress;
  /** Lists the objects of the bucket. */
  readonly pages: URL;
  readonly http: HttpClient;
}

/** What a page of a listing says. */
interface ObjectsPage {
  readonly objects: readonly ListedObject[];
  /** Where the next page begins, when there is one. */
  readonly next: string | undefined;
}

interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** Another whenever the bytes may be others. */
  readonly stamp: string;
}

const maxPages = 1000;
const maxPageBytes = 8 * 1024 * 1024;

/**
 * Every `*.tgz` below the prefix, however deep; paths are encoded keys without the prefix, as an index beside them would
 * name them. One request for each 1,000 objects of any sort. Faults rather than listing a part.
 */
export async function findObjects(options: BucketListingOptions, signal: AbortSignal): Promise<FoundArchives> {
  const { prefix } = options.address;
  const files: FoundArchive[] = [];
  const refused: RefusedArchive[] = [];
  for await (const { key, size, stamp } of objectsOf(options, signal)) {
    if (!key.startsWith(prefix) || !key.endsWith('.tgz')) continue;
    const path = key.slice(prefix.length);
    if (isSpeakable(path)) files.push(foundAs(encodeKey(path), size, stamp));
    else refused.push({ path, reason: 'bad-path' });
  }
  return { files: inOrder(files), refused: inOrder(refused) };
}

/** What is behind a `#` is never sent. */
function foundAs(path: string, size: number, stamp: string): FoundArchive {
  return { path, size, stamp, source: `${path}#${size},${encodeURIComponent(stamp)}` };
}

function inOrder<T extends { readonly path: string }>(found: readonly T[]): readonly T[] {
  return found.toSorted((a, b) => compareText(a.path, b.path));
}

async function* objectsOf(options: BucketListingOptions, signal: AbortSignal): AsyncGenerator<ListedObject> {
  const protocol = protocols[options.address.scheme];
  const seen = new Set<string>();
  let next: string | undefined;
  do {
    const url = new URL(options.pages);
    url.search = queryOf(protocol.query(options.address.prefix, next));
    const answer = await options.http.request({ url, headers: { 'accept-encoding': 'identity' }, signal });
    const page = await readPage(options.upstream, answer, protocol.read);
    yield* page.objects;
    next = page.next;
    if (next !== undefined && (seen.has(next) || seen.size >= maxPages)) throw endless(options.upstream);
    seen.add(next ?? '');
  } while (next !== undefined);
}

/** How a kind of bucket is listed. */
interface ListingProtocol {
  readonly query: (prefix: string, token: string | undefined) => Readonly<Record<string, string>>;
  /** Throws at what is no page. */
  readonly read: (text: string) => ObjectsPage;
}

const protocols: Readonly<Record<BucketAddress['scheme'], ListingProtocol>> = {
  // ListObjectsV2 (Amazon S3 API reference)
  s3: {
    query: (prefix, token) => ({ ...(token && { 'continuation-token': token }), 'list-type': '2', prefix }),
    read: (text) => {
      const { objects, next } = readListPage(text);
      const stampOf = (etag: string, modifiedMs: number): string => etag || String(modifiedMs);
      return {
        next,
        objects: objects.map(({ etag, modifiedMs, ...rest }) => ({ ...rest, stamp: stampOf(etag, modifiedMs) })),
      };
    },
  },
  // Objects: list (Cloud Storage JSON API)
  gs: {
    query: (prefix, pageToken) => ({
      fields: 'items(name,size,generation),nextPageToken',
      maxResults: '1000',
      ...(pageToken && { pageToken }),
      prefix,
    }),
    read: readGooglePage,
  },
};

interface GooglePage {
  readonly items?: readonly { readonly name?: unknown; readonly size?: unknown; readonly generation?: unknown }[];
  readonly nextPageToken?: unknown;
}

/** Sizes and generations are text there. */
function readGooglePage(text: string): ObjectsPage {
  const { items = [], nextPageToken } = JSON.parse(text) as GooglePage;
  const objects = items.map(({ name, size, generation }) => ({
    key: String(name),
    size: Number(size),
    stamp: String(generation),
  }));
  return { objects, next: typeof nextPageToken === 'string' && nextPageToken !== '' ? nextPageToken : undefined };
}

/** As signatures want it: in order, a space as `%20`. */
function queryOf(parameters: Readonly<Record<string, string>>): string {
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return query.sort().join('&');
}

async function readPage(
  upstream: string,
  answer: HttpAnswer,
  read: (text: string) => ObjectsPage,
): Promise<ObjectsPage> {
  if (answer.status !== 200) {
    await answer.dump();
    throw faultOfStatus(upstream, answer);
  }
  const text = await textOf(upstream, answer);
  try {
    return read(text);
  } catch (cause) {
    throw invalid(upstream, 'is none', 'Does the server speak S3, or the JSON API of Google, at this address?', cause);
  }
}

async function textOf(upstream: string, answer: HttpAnswer): Promise<string> {
  try {
    return (await readAll(answer.body, maxPageBytes)).toString('utf8');
  } catch (error) {
    if (!(error instanceof TooManyBytes)) throw error;
    throw invalid(
      upstream,
      `has a page of more than ${maxPageBytes} bytes`,
      'No server of buckets should send as much.',
    );
  }
}

function endless(upstream: string): Fault {
  const advice = 'Put the charts below a prefix of their own and name it in url, or write an index.yaml.';
  return invalid(upstream, `has more than ${maxPages} pages, or goes in a circle`, advice);
}

function invalid(upstream: string, problem: string, advice: string, cause?: unknown): Fault {
  return new Fault('listing-invalid', `${upstream}: the listing of the bucket ${problem}.`, advice, { cause });
}
