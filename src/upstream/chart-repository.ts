import { Catalog } from '../chart/catalog.ts';
import type { Claim, SourceRef, Validator } from '../chart/claim.ts';
import { Fault } from '../chart/fault.ts';
import { indexTooLarge, type IndexContents, type IndexQuestion, type UnchangedIndex } from '../formats/index.ts';
import { TooManyBytes } from '../lib/bytes.ts';
import { publicPath } from '../lib/public-path.ts';
import type { Incoming, Listing, Part, Unchanged, Upstream } from './contract.ts';
import { faultOfStatus } from './http/faults.ts';
import type { HttpAnswer, HttpClient } from './http/http.ts';

/** What a chart repository as an upstream needs to know. */
export interface ChartRepositoryOptions {
  /** The upstream's name: every message starts with it. */
  readonly name: string;
  /** Where `index.yaml` is, without it. A query stays with everything below. */
  readonly url: URL;
  readonly http: HttpClient;
  /** Reads an index in a thread, which gets it while it arrives. Rejects with `TooManyBytes` beyond `maxBytes`. */
  readonly readIndex: (
    question: Omit<IndexQuestion, 'body'>,
    body: AsyncIterable<Uint8Array>,
  ) => Promise<IndexContents | UnchangedIndex>;
  /** Opens what an index names with an `oci://` url. */
  readonly openOci: (url: string, part: Part, signal: AbortSignal) => Promise<Incoming | undefined>;
  readonly maxIndexBytes: number;
  /** Where a url of the index is asked for, when that is not the url itself; undefined for what is none. May fault. */
  readonly locate?: (url: URL) => URL | undefined;
  /** Lists when there is no index.yaml, which is a fault otherwise. */
  readonly listWithoutIndex?: Upstream['list'];
}

/**
 * A chart repository as Helm knows them: `index.yaml`, and archives wherever its urls point. Lists with conditional
 * requests; an index that says the same as before is unchanged however its bytes differ.
 */
export function chartRepository(options: ChartRepositoryOptions): Upstream {
  return {
    list: (validator, signal, known) => list(options, { last: validator, known }, signal),
    find: (chart, version, signal) => find(options, chart, version, signal),
    // an index row says everything there is to say
    describe: async () => undefined,
    open: (source, part, signal) => open(options, source, part, signal),
    allowance: () => options.http.allowance(),
  };
}

/** What is known of an index that is asked for, or the one chart that matters. */
type Knowledge = Pick<IndexQuestion, 'known' | 'chart'> & { readonly last: Validator | undefined };

async function list(
  options: ChartRepositoryOptions,
  knowledge: Knowledge,
  signal: AbortSignal,
): Promise<Listing | Unchanged> {
  const validator = knowledge.last;
  const answer = await options.http.request({ url: indexUrl(options.url), headers: conditions(validator), signal });
  if (answer.status !== 200) return listNothing(options, answer, knowledge, signal);
  const contents = await readBody(options, answer, knowledge);
  const told = { ...validatorsOf(answer), content: contents.content };
  if ('unchanged' in contents) {
    const rows = validator?.rows;
    return { unchanged: true, validator: { ...told, ...(rows && { rows }) } };
  }
  const { claims, rows, rejected, examples } = contents;
  return { claims, rejected, examples, validator: { ...told, rows } };
}

/** What an answer without an index means. */
async function listNothing(
  options: ChartRepositoryOptions,
  answer: HttpAnswer,
  { last: validator, known }: Knowledge,
  signal: AbortSignal,
): Promise<Listing | Unchanged> {
  await answer.dump();
  if (answer.status === 304 && (validator?.etag ?? validator?.lastModified) !== undefined) {
    return { unchanged: true, validator: { ...validator, ...validatorsOf(answer) } };
  }
  if (isAbsent(answer) && options.listWithoutIndex) return options.listWithoutIndex(validator, signal, known);
  throw noIndex(options, answer);
}

/** Asks for the whole index: no request says less, and an index is what such an upstream answers for. */
async function find(
  options: ChartRepositoryOptions,
  chart: string,
  version: string,
  signal: AbortSignal,
): Promise<Claim | undefined> {
  const listing = await list(options, { last: undefined, chart }, signal);
  if ('unchanged' in listing) return undefined;
  return new Catalog(listing.claims).find(chart, version)?.claims[0];
}

/** `index.yaml` below the url, with the url's own query, as Helm resolves it. */
function indexUrl(base: URL): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/index.yaml`;
  return url;
}

function conditions(validator: Validator | undefined): Record<string, string> {
  return {
    'accept-encoding': 'gzip',
    ...(validator?.etag && { 'if-none-match': validator.etag }),
    ...(validator?.lastModified && { 'if-modified-since': validator.lastModified }),
  };
}

function validatorsOf({ headers }: HttpAnswer): Validator {
  const { etag, 'last-modified': lastModified } = headers;
  return { ...(etag && { etag }), ...(lastModified && { lastModified }) };
}

function isAbsent({ status }: HttpAnswer): boolean {
  return status === 404 || status === 410;
}

function noIndex({ name }: ChartRepositoryOptions, answer: HttpAnswer): Fault {
  if (!isAbsent(answer)) return faultOfStatus(name, answer);
  return new Fault(
    'not-a-repository',
    `${name}: there is no index.yaml at ${answer.url.origin}${publicPath(answer.url)} (${answer.status}).`,
    'Is the path right? Some servers answer 404 to requests without credentials.',
  );
}

/** The compressed bytes are bounded here, what they unpack to in the thread. */
async function readBody(
  options: ChartRepositoryOptions,
  answer: HttpAnswer,
  knowledge: Knowledge,
): Promise<IndexContents | UnchangedIndex> {
  const { name: upstream, maxIndexBytes: maxBytes } = options;
  const encoding = answer.headers['content-encoding']?.toLowerCase() || 'identity';
  const gzip = encoding === 'gzip' || encoding === 'x-gzip';
  const problem = encodingProblem(encoding, gzip, answer);
  if (problem) {
    await answer.dump();
    throw new Fault(
      'listing-invalid',
      `${upstream}: index.yaml ${problem}.`,
      'The last good listing stays. Its server must be mended.',
    );
  }
  if ((answer.contentLength ?? 0) > maxBytes) {
    await answer.dump();
    throw indexTooLarge(upstream, maxBytes);
  }
  try {
    const url = `${answer.url.origin}${publicPath(answer.url)}`;
    return await options.readIndex({ upstream, url, gzip, maxBytes, ...knowledge }, answer.body);
  } catch (error) {
    throw error instanceof TooManyBytes ? indexTooLarge(upstream, maxBytes) : error;
  }
}

/** Without a length a cut connection looks like the end; compressed data has an end of its own. */
function encodingProblem(encoding: string, gzip: boolean, answer: HttpAnswer): string | undefined {
  if (!gzip && encoding !== 'identity') return 'comes in an encoding that was not asked for';
  if (!gzip && !answer.framed) return 'comes without a length, so that nobody can tell whether it is whole';
  return undefined;
}

/** Tries the urls of a row in their order. Absence counts only when no url faults. */
async function open(
  options: ChartRepositoryOptions,
  source: SourceRef,
  part: Part,
  signal: AbortSignal,
): Promise<Incoming | undefined> {
  const faults: unknown[] = [];
  for (const url of source.split(' ')) {
    try {
      const incoming = await openUrl(options, url, part, signal);
      if (incoming) return incoming;
    } catch (error) {
      signal.throwIfAborted();
      faults.push(error);
    }
  }
  if (faults.length > 0) return Promise.reject(faults[0] as Error);
  return undefined;
}

async function openUrl(
  options: ChartRepositoryOptions,
  text: string,
  part: Part,
  signal: AbortSignal,
): Promise<Incoming | undefined> {
  if (/^oci:/i.test(text)) return options.openOci(text, part, signal);
  const url = archiveUrl(options, text);
  if (part === 'provenance') url.pathname += '.prov';
  const answer = await options.http.request({ url, signal });
  if (answer.status === 200) return { size: answer.contentLength, body: answer.body };
  await answer.dump();
  if (isAbsent(answer)) return undefined;
  throw faultOfStatus(options.name, answer);
}

const absolute = /^[a-z][a-z0-9+.-]*:/i;
/** Amazon S3, which takes a `+` in a path for a space. */
const amazonS3 = /(?:^|\.)s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?$/;

/** A relative url keeps the query of the repository's own, as Helm has it, unless it leads elsewhere (`//host/path`). */
function archiveUrl({ name, url: base, locate }: ChartRepositoryOptions, text: string): URL {
  const folder = new URL(base);
  folder.pathname = `${folder.pathname.replace(/\/$/, '')}/`;
  const named = URL.parse(text, folder.href);
  const url = named && locate ? locate(named) : named;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Fault(
      'upstream-failed',
      `${name}: its index names an archive at a url that is none.`,
      'Its publisher must mend the index; of s3:// and gs:// urls make the bucket itself an upstream.',
    );
  }
  if (!absolute.test(text) && url.origin === base.origin) url.search = base.search;
  if (amazonS3.test(url.hostname)) url.pathname = url.pathname.replaceAll('+', '%2B');
  return url;
}
