import { digestOf, isDigest, type Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { maxManifestBytes, mediaTypes } from '../../formats/oci-manifest.ts';
import { readAll, TooManyBytes } from '../../lib/bytes.ts';
import { watchedBody } from '../http/body.ts';
import type { HttpAnswer, HttpClient } from '../http/http.ts';
import { faultOfRegistry, isAbsent, isWebPage, notARegistry } from './faults.ts';
import { isNoCatalog, isNoReferrers, namesIn, type NamedList, type ReadPage } from './lists.ts';
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

  /**
   * The digests of what refers to a manifest, each once, in order; never part of them, but for those we cannot verify.
   * Undefined when the registry does not list referrers (distribution specification, listing referrers).
   */
  async referrers(repository: string, digest: Digest, signal: AbortSignal): Promise<readonly Digest[] | undefined> {
    const words = `the list of what refers to ${repository}@${digest}`;
    const url = this.#url(`${repository}/referrers/${digest}`);
    const list = { field: 'manifests', what: repository, words, isAbsent: isNoReferrers, maybeNone: true } as const;
    return (await this.#names(url, list, signal))?.filter(isDigest);
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

  #get(url: URL, method: 'GET' | 'HEAD', signal: AbortSignal, headers = {}, follow?: false): Promise<HttpAnswer> {
    return this.#options.http.request({ url, method, signal, headers, follow });
  }

  /** The names in a list of several pages, each once, in order. */
  async #names(first: URL, list: NamedList, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const names = new Set<string>();
    const seen = new Set<string>();
    for (let page: URL | undefined = first; page;) {
      if (seen.size >= this.#maxPages) throw this.#badList(list, `has more than ${seen.size} pages`);
      seen.add(page.href);
      const read: ReadPage | undefined = await this.#readPage(page, list, seen.size === 1, signal);
      if (!read) return undefined;
      const before = names.size;
      for (const name of read.names) names.add(name);
      if (names.size > maxNames) throw this.#badList(list, `has more than ${maxNames} names`);
      page = nextPage(page, read.link);
      if (!page || !seen.has(page.href)) continue;
      // some servers go on linking to their last page
      if (names.size > before) throw this.#badList(list, 'leads in a circle');
      page = undefined;
    }
    return [...names].toSorted();
  }

  /** Undefined when the first page says that there is no such list. */
  async #readPage(page: URL, list: NamedList, isFirst: boolean, signal: AbortSignal): Promise<ReadPage | undefined> {
    const answer = await this.#getPage(page, list, signal);
    if (isFirst && list.isAbsent(answer)) return await absent(answer);
    await this.#expectOk(answer, list.what);
    const names = namesIn(await this.#read(answer, maxPageBytes, list.words), list.field);
    if (names) return { names, link: answer.headers['link'] };
    if (isFirst && list.maybeNone) return undefined;
    throw this.#badList(list, 'is not what the specification says');
  }

  /** ghcr.io sends those who ask for referrers to its pages for people, which 303 means; no registry is meant by that. */
  async #getPage(page: URL, { maybeNone }: NamedList, signal: AbortSignal): Promise<HttpAnswer> {
    if (!maybeNone) return this.#get(page, 'GET', signal);
    const answer = await this.#get(page, 'GET', signal, { accept: mediaTypes.index }, false);
    if (!movedStatuses.has(answer.status)) return answer;
    await answer.dump();
    return this.#get(page, 'GET', signal, { accept: mediaTypes.index });
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

/** It is elsewhere, and is meant. */
const movedStatuses = new Set([301, 302, 307, 308]);

/** Registries and proxies that know no HEAD answer it with one of these. */
const withoutHead = new Set([400, 405, 501]);

async function absent(answer: HttpAnswer): Promise<undefined> {
  await answer.dump();
  return undefined;
}

function digestIn({ headers }: HttpAnswer): Digest | undefined {
  const text = String(headers['docker-content-digest']);
  return isDigest(text) ? text : undefined;
}
