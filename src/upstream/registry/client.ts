import { digestOf, isDigest, type Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { maxManifestBytes, mediaTypes } from '../../formats/oci-manifest.ts';
import { readAll, TooManyBytes } from '../../lib/bytes.ts';
import { watchedBody } from '../http/body.ts';
import type { HttpAnswer, HttpClient } from '../http/http.ts';
import { faultOfRegistry, isAbsent, isWebPage, notARegistry } from './faults.ts';
import { nextPage } from './paging.ts';
import type { FileRef } from './source.ts';

/** A manifest as it came. */
export interface FetchedManifest {
  readonly bytes: Buffer;
  /** Measured, and compared with what was asked for or promised. */
  readonly digest: Digest;
}

/** A manifest that is there. */
export interface FoundManifest {
  /** As the registry says; undefined where it does not. */
  readonly digest: Digest | undefined;
}

/** A blob on its way; not verified. */
export interface Blob {
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
}

interface RegistryClientOptions {
  readonly upstream: string;
  readonly origin: URL;
  readonly http: HttpClient;
  /** Pages of one list at most; 1000 when absent. */
  readonly maxPages?: number | undefined;
}

/** A list of names, as it is read and as messages call it. */
interface NamedList {
  readonly field: 'tags' | 'repositories';
  /** What was asked for. */
  readonly what: string;
  readonly words: string;
  /** Whether an answer to its first page says that there is no such list. */
  readonly isAbsent: (answer: HttpAnswer) => boolean;
}

/** More is refused by many: by distribution with 400, by mirrors of it with 405. */
const pageSize = 1000;
const maxPageBytes = 4 * 1024 * 1024;
const maxNames = 200_000;

const acceptManifests = [mediaTypes.manifest, mediaTypes.index, mediaTypes.dockerManifest, mediaTypes.dockerList].join(
  ', ',
);

/**
 * Reads from one registry (OCI distribution specification, pull). Absence is undefined; everything else that is not
 * the answer is a `Fault`. Names and references must have passed their grammar.
 */
export class RegistryClient {
  readonly #options: RegistryClientOptions;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
  }

  /** All tags of a repository, each once, in order; never part of them. Undefined when there is no such repository. */
  tags(repository: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const words = `the list of tags of ${repository}`;
    const url = this.#url(`${repository}/tags/list?n=${pageSize}`);
    return this.#names(url, { field: 'tags', what: repository, words, isAbsent }, signal);
  }

  /**
   * All repositories that a catalog names, each once, in order; never part of them. It is at `/v2/_catalog` unless `at`
   * says where. Undefined when the registry has no such thing.
   */
  catalog(signal: AbortSignal, at: URL = this.#url('_catalog')): Promise<readonly string[] | undefined> {
    const url = new URL(`${at.href}?n=${pageSize}`);
    const words = 'its list of repositories';
    return this.#names(url, { field: 'repositories', what: words, words, isAbsent: isNoCatalog }, signal);
  }

  /** What a tag points to; undefined when it is not there. Docker Hub does not count this as a pull. */
  async head(repository: string, tag: string, signal: AbortSignal): Promise<FoundManifest | undefined> {
    const url = this.#url(`${repository}/manifests/${tag}`);
    const answer = await this.#get(url, 'HEAD', signal, { accept: acceptManifests });
    await answer.dump();
    if (isAbsent(answer)) return undefined;
    if (withoutHead.has(answer.status)) return await this.manifest(repository, tag, signal);
    await this.#expectOk(answer, `${repository}:${tag}`);
    return { digest: digestIn(answer) };
  }

  /** The manifest of a tag or digest. Faults with 'digest-mismatch' when its bytes are not what they are called. */
  async manifest(repository: string, reference: string, signal: AbortSignal): Promise<FetchedManifest | undefined> {
    const url = this.#url(`${repository}/manifests/${reference}`);
    const what = `${repository}${isDigest(reference) ? '@' : ':'}${reference}`;
    const answer = await this.#get(url, 'GET', signal, { accept: acceptManifests });
    if (isAbsent(answer)) return await absent(answer);
    await this.#expectOk(answer, what);
    const bytes = await this.#read(answer, maxManifestBytes, `the manifest of ${what}`);
    const digest = digestOf(bytes);
    const promised = [reference, digestIn(answer) ?? digest].filter(isDigest);
    if (promised.some((one) => one !== digest)) {
      const message = `${this.#options.upstream}: the manifest of ${what} is not the bytes its digest names.`;
      throw new Fault(
        'digest-mismatch',
        message,
        'It is not used. Something between us and the registry changes bytes.',
      );
    }
    return { bytes, digest };
  }

  /** Opens a blob; undefined when the registry does not have it. Its body throws a `Fault` when it ends too early. */
  async blob(repository: string, { digest, size }: FileRef, signal: AbortSignal): Promise<Blob | undefined> {
    const answer = await this.#get(this.#url(`${repository}/blobs/${digest}`), 'GET', signal);
    if (isAbsent(answer)) return await absent(answer);
    const what = `${repository}@${digest}`;
    await this.#expectOk(answer, what);
    return { size: answer.contentLength ?? size, body: this.#untilEnd(answer.body, size, what) };
  }

  /** Faults with 'not-a-registry' when nothing at this address answers as one (distribution specification, `/v2/`). */
  async expectRegistry(signal: AbortSignal): Promise<void> {
    try {
      const answer = await this.#get(this.#url(''), 'GET', signal);
      await answer.dump();
      if (answer.status === 404 || isWebPage(answer)) throw notARegistry(this.#options.upstream, answer);
      if (answer.status >= 500) throw await faultOfRegistry(this.#options.upstream, answer, 'anything');
    } catch (error) {
      // some token services refuse whoever asks for nothing in particular; only registries have one
      if (!(error instanceof Fault) || (error.code !== 'unauthorized' && error.code !== 'forbidden')) throw error;
    }
  }

  /** A connection may close in the middle of a body that has no length of its own. */
  #untilEnd(body: AsyncIterable<Uint8Array>, size: number, what: string): AsyncIterable<Uint8Array> {
    let read = 0;
    const chunk = (bytes: Uint8Array): void => {
      read += bytes.byteLength;
    };
    const complete = (): void => {
      if (read >= size) return;
      const message = `${this.#options.upstream}: ${what} was cut off after ${read} of ${size} bytes.`;
      throw new Fault('upstream-failed', message, 'It is tried again later; look at the server if it goes on.');
    };
    return watchedBody(body, { chunk, complete });
  }

  #url(path: string): URL {
    return new URL(`/v2/${path}`, this.#options.origin);
  }

  #get(url: URL, method: 'GET' | 'HEAD', signal: AbortSignal, headers = {}): Promise<HttpAnswer> {
    return this.#options.http.request({ url, method, signal, headers });
  }

  /** The names in a list of several pages, each once, in order. */
  async #names(first: URL, list: NamedList, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const names = new Set<string>();
    const seen = new Set<string>();
    for (let page: URL | undefined = first; page;) {
      if (seen.size >= this.#maxPages) throw this.#badList(list, `has more than ${seen.size} pages`);
      seen.add(page.href);
      const answer: HttpAnswer = await this.#get(page, 'GET', signal);
      if (seen.size === 1 && list.isAbsent(answer)) return await absent(answer);
      const before = names.size;
      for (const name of await this.#readNames(answer, list)) names.add(name);
      if (names.size > maxNames) throw this.#badList(list, `has more than ${maxNames} names`);
      page = nextPage(page, answer.headers['link']);
      if (!page || !seen.has(page.href)) continue;
      // some servers go on linking to their last page
      if (names.size > before) throw this.#badList(list, 'leads in a circle');
      page = undefined;
    }
    return [...names].toSorted();
  }

  async #readNames(answer: HttpAnswer, list: NamedList): Promise<readonly string[]> {
    await this.#expectOk(answer, list.what);
    const names = namesIn(await this.#read(answer, maxPageBytes, list.words), list.field);
    if (names) return names;
    throw this.#badList(list, 'is not what the specification says');
  }

  async #expectOk(answer: HttpAnswer, what: string): Promise<void> {
    if (answer.status === 200 && !isWebPage(answer)) return;
    if (isWebPage(answer) && (answer.status === 200 || answer.status === 404)) {
      await answer.dump();
      throw notARegistry(this.#options.upstream, answer);
    }
    throw await faultOfRegistry(this.#options.upstream, answer, what);
  }

  async #read(answer: HttpAnswer, maxBytes: number, what: string): Promise<Buffer> {
    try {
      return await readAll(answer.body, maxBytes);
    } catch (error) {
      if (!(error instanceof TooManyBytes)) throw error;
      const message = `${this.#options.upstream}: ${what} is larger than ${maxBytes} bytes.`;
      throw new Fault('too-large', message, 'No registry should send as much; look at it with another client.');
    }
  }

  get #maxPages(): number {
    return this.#options.maxPages ?? 1000;
  }

  #badList({ words }: NamedList, problem: string): Fault {
    const message = `${this.#options.upstream}: ${words} ${problem}.`;
    return new Fault('listing-invalid', message, 'The last good listing stays. Look at it with another client.');
  }
}

/** Registries and proxies that know no HEAD answer it with one of these. */
const withoutHead = new Set([400, 405, 501]);

/** What registries without a catalog answer when they are asked for it. */
const withoutCatalog = new Set([400, 404, 405, 410, 501]);

function isNoCatalog(answer: HttpAnswer): boolean {
  return withoutCatalog.has(answer.status) && !isWebPage(answer);
}

async function absent(answer: HttpAnswer): Promise<undefined> {
  await answer.dump();
  return undefined;
}

function digestIn({ headers }: HttpAnswer): Digest | undefined {
  const text = String(headers['docker-content-digest']);
  return isDigest(text) ? text : undefined;
}

/** The names of one page; null stands for none. Undefined when it is no such list. */
function namesIn(body: Buffer, field: NamedList['field']): readonly string[] | undefined {
  try {
    const page: unknown = JSON.parse(body.toString('utf8'));
    if (typeof page !== 'object' || page === null || !(field in page)) return undefined;
    const names: unknown = (page as Readonly<Record<string, unknown>>)[field];
    if (names === null) return [];
    if (!Array.isArray(names)) return undefined;
    return names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined;
  }
}
