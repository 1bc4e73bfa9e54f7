import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

import type { Client, ClientOptions } from 'minio';

import { readAll, type ByteRange } from './bytes.ts';
import { systemClock, type Clock } from './clock.ts';
import {
  absence,
  collect,
  conditionHeaders,
  infoOf,
  isConflict,
  lengthOf,
  type S3Condition,
  type S3Info,
} from './s3-answers.ts';
import { attempting } from './s3-attempts.ts';
import { identityOf, providerOf, type IdentitySource } from './s3-credentials.ts';
import { asS3Failure, S3Failure } from './s3-failure.ts';
import {
  readListPage,
  readUploadsPage,
  unquoted,
  type S3Listed,
  type S3Page,
  type S3Upload,
  type S3UploadsPage,
} from './s3-listing.ts';
import { bodyOf, S3Transport } from './s3-transport.ts';
import type { Secret } from './secret.ts';

export interface S3Options {
  /** `http(s)://host[:port]`; Amazon's own for the region when absent. */
  readonly endpoint?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Put before every key, as it is; usually ends in `/`, or is empty. */
  readonly prefix: string;
  /** Both keys, or neither for the environment's own identity. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: Secret | undefined;
  readonly pathStyle: boolean;
  /** Whether `ensureBucket` may make the bucket. */
  readonly createBucket: boolean;
  /** How long one operation may take with all its attempts (a write gets one more second for each MiB), and how long a body may stand still. */
  readonly timeoutMs: number;
}

/** An object, or the part of it that was asked for. Up to 1 MiB is a Buffer. */
export interface S3Object extends S3Info {
  /** What `body` delivers. */
  readonly partSize: number;
  readonly body: Buffer | Readable;
}

interface Parts {
  readonly clock?: Clock;
  /** What callers are to see instead of an `S3Failure`, also as the error of a body. */
  readonly toError?: (failure: S3Failure) => Error;
  /** Where the identity comes from, in place of what the options say. */
  readonly identity?: IdentitySource;
}

interface Ask {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  readonly key?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes?: Buffer;
  readonly expected: readonly number[];
}

const maxBufferBytes = 1024 * 1024;
const maxAnswerBytes = 64 * 1024;
const maxPageBytes = 8 * 1024 * 1024;
const bytesPerExtraMs = 1024;

/**
 * A narrow client of one bucket. Every operation ends within its deadline; what may pass (a lost connection, 5xx, 429)
 * is tried up to four times with backoff within it. Rejects with an `S3Failure`, or what `toError` makes of it.
 * Absence is `undefined`. Loads the S3 library on first use.
 */
export class S3Client {
  readonly #options: S3Options;
  readonly #clock: Clock;
  readonly #toError: (failure: S3Failure) => Error;
  readonly #identity: IdentitySource;
  readonly #transport: S3Transport;
  readonly #endpoint: URL;
  #library: Promise<Client> | undefined;

  constructor(options: S3Options, parts: Parts = {}) {
    this.#options = options;
    this.#clock = parts.clock ?? systemClock;
    this.#toError = parts.toError ?? ((failure) => failure);
    this.#identity = parts.identity ?? identityOf(options, this.#clock);
    this.#endpoint = new URL(options.endpoint ?? `https://s3.${options.region}.amazonaws.com`);
    this.#transport = new S3Transport({ secure: this.#endpoint.protocol === 'https:', idleMs: options.timeoutMs });
  }

  /** Rejects with `NoSuchBucket` when there is no such bucket and it may not be made. */
  async ensureBucket(): Promise<void> {
    const there = await this.#orAbsent(() => this.#settled({ method: 'HEAD', expected: [200] }));
    if (there) return;
    if (!this.#options.createBucket) throw this.#toError(new S3Failure('NoSuchBucket', 'there is no such bucket'));
    await this.#explained(() => this.#attempts(() => this.#makeBucket()));
  }

  head(key: string): Promise<S3Info | undefined> {
    return this.#orAbsent(() => this.#look(key));
  }

  /** What the caller does not consume, it destroys. */
  get(key: string, range?: ByteRange): Promise<S3Object | undefined> {
    return this.#orAbsent(() => this.#open(key, range, this.#toError));
  }

  /** One request, whole or not at all. 'conflict' when the condition does not hold: nothing was changed then. */
  put(key: string, bytes: Uint8Array, condition?: S3Condition): Promise<{ readonly etag: string } | 'conflict'> {
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const headers = { 'content-type': 'application/octet-stream', ...conditionHeaders(condition) };
    const ask: Ask = { method: 'PUT', key, headers, bytes: body, expected: [200] };
    let uncertain = false;
    return this.#explained(async () => {
      try {
        const onFailure = (failure: S3Failure) => (uncertain ||= failure.uncertain);
        const response = await this.#attempts(() => this.#settled(ask), { bytes: body.length, onFailure });
        const { etag } = response.headers;
        return { etag: etag ? unquoted(etag) : (await this.#attempts(() => this.#look(key))).etag };
      } catch (error) {
        if (!condition || !isConflict(asS3Failure(error))) throw error;
        // an attempt whose answer was lost may have been our own success
        return (uncertain && (await this.#holding(key, body))) || 'conflict';
      }
    });
  }

  /** Removing what is not there succeeds. */
  async remove(key: string): Promise<void> {
    await this.#orAbsent(() => this.#settled({ method: 'DELETE', key, expected: [200, 204] }));
  }

  /** Every object whose key starts with `prefix`; keys without the prefix of the options. */
  async *list(prefix: string): AsyncIterable<S3Listed> {
    const start = this.#options.prefix.length;
    let token: string | undefined;
    do {
      const page = await this.#explained(() => this.#attempts(() => this.#page(prefix, token)));
      for (const object of page.objects) yield { ...object, key: object.key.slice(start) };
      token = page.next;
    } while (token);
  }

  /** Every upload in parts that was begun and not ended; keys without the prefix of the options. */
  async *uploads(): AsyncIterable<S3Upload> {
    const start = this.#options.prefix.length;
    let next: S3UploadsPage['next'];
    do {
      const page = await this.#explained(() => this.#attempts(() => this.#uploadsPage(next)));
      for (const upload of page.uploads) yield { ...upload, key: upload.key.slice(start) };
      next = page.next;
    } while (next);
  }

  /** Gives up an upload in parts and what arrived of it. False when there is none (any more). */
  async abortUpload({ key, id }: S3Upload): Promise<boolean> {
    const query = `uploadId=${encodeURIComponent(id)}`;
    const ask: Ask = { method: 'DELETE', key, query, expected: [200, 204] };
    return (await this.#orAbsent(() => this.#settled(ask))) !== undefined;
  }

  /** Closes every connection. */
  close(): void {
    this.#transport.close();
  }

  async #makeBucket(): Promise<void> {
    try {
      await (await this.#client()).makeBucket(this.#options.bucket, this.#options.region);
    } catch (error) {
      // somebody else was quicker; whether it is ours shows at the first read
      if (!['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(asS3Failure(error).code)) throw error;
    }
  }

  async #look(key: string): Promise<S3Info> {
    return infoOf((await this.#settled({ method: 'HEAD', key, expected: [200] })).headers);
  }

  async #open(key: string, range: ByteRange | undefined, toError: (failure: S3Failure) => Error): Promise<S3Object> {
    const headers: Record<string, string> = range ? { range: `bytes=${range.start}-${range.end}` } : {};
    const response = await this.#ask({ method: 'GET', key, headers, expected: [range ? 206 : 200] });
    try {
      const info = infoOf(response.headers);
      const partSize = lengthOf(response.headers);
      if (partSize > maxBufferBytes) return { ...info, partSize, body: bodyOf(response, toError) };
      return { ...info, partSize, body: await collect(response, maxBufferBytes) };
    } catch (error) {
      response.destroy();
      throw error;
    }
  }

  /** The object, when it holds just these bytes. */
  async #holding(key: string, bytes: Buffer): Promise<{ readonly etag: string } | undefined> {
    const object = await this.#attempts(() => this.#open(key, undefined, (failure) => failure)).catch(absence);
    if (!object) return undefined;
    const body = Buffer.isBuffer(object.body) ? object.body : await readAll(object.body, object.size);
    return body.equals(bytes) ? { etag: object.etag } : undefined;
  }

  async #page(prefix: string, token: string | undefined): Promise<S3Page> {
    const more = token ? { 'continuation-token': token } : {};
    return readListPage(await this.#listing({ ...more, 'list-type': '2', prefix: this.#options.prefix + prefix }));
  }

  async #uploadsPage(next: S3UploadsPage['next']): Promise<S3UploadsPage> {
    const more = next ? { 'key-marker': next.key, 'upload-id-marker': next.id } : {};
    return readUploadsPage(await this.#listing({ ...more, prefix: this.#options.prefix, uploads: '' }));
  }

  async #listing(parameters: Readonly<Record<string, string>>): Promise<string> {
    const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    // signing wants the names in order
    const response = await this.#ask({ method: 'GET', query: query.sort().join('&'), expected: [200] });
    return (await collect(response, maxPageBytes)).toString('utf8');
  }

  /** The answer with its short body read to the end. */
  async #settled(ask: Ask): Promise<IncomingMessage> {
    const response = await this.#ask(ask);
    await collect(response, maxAnswerBytes);
    return response;
  }

  async #ask({ method, key, query, headers, bytes, expected }: Ask): Promise<IncomingMessage> {
    const client = await this.#client();
    const { bucket, prefix } = this.#options;
    const request = {
      method,
      bucketName: bucket,
      headers: { ...headers },
      ...(key !== undefined && { objectName: prefix + key }),
      ...(query !== undefined && { query }),
    };
    return client.makeRequestAsync(request, bytes ?? '', [...expected], '');
  }

  /** Absence becomes undefined, everything else what callers are to see. */
  #orAbsent<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.#explained(() => this.#attempts(work).catch(absence));
  }

  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#toError(asS3Failure(error));
    }
  }

  #attempts<T>(
    work: () => Promise<T>,
    options: { bytes?: number; onFailure?: (failure: S3Failure) => void } = {},
  ): Promise<T> {
    const { bytes = 0, ...rest } = options;
    const deadlineMs = this.#options.timeoutMs + bytes / bytesPerExtraMs;
    return attempting((signal) => this.#transport.run(signal, work), { clock: this.#clock, deadlineMs, ...rest });
  }

  #client(): Promise<Client> {
    this.#library ??= this.#load();
    return this.#library;
  }

  async #load(): Promise<Client> {
    const minio = await import('minio');
    const { hostname, port, protocol } = this.#endpoint;
    return new minio.Client({
      endPoint: hostname.replace(/^\[|\]$/g, ''),
      ...(port && { port: Number(port) }),
      useSSL: protocol === 'https:',
      region: this.#options.region,
      pathStyle: this.#options.pathStyle,
      credentialsProvider: providerOf(this.#identity) as NonNullable<ClientOptions['credentialsProvider']>,
      transport: this.#transport as unknown as NonNullable<ClientOptions['transport']>,
      transportAgent: this.#transport.agent,
      retryOptions: { disableRetry: true },
    });
  }
}
