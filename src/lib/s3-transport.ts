import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import https from 'node:https';
import { PassThrough, type Readable } from 'node:stream';

import { readAll } from './bytes.ts';
import { asS3Failure, S3Failure } from './s3-failure.ts';

const maxErrorBytes = 64 * 1024;

/**
 * What stands between the S3 library and the network, since the library knows neither deadlines nor how to leave a
 * connection clean. Answers with a status of 300 and more never reach it: they are read to their end, so that the
 * connection is free again, and become a typed `S3Failure`. A connection where nothing moves for `idleMs` is dropped.
 */
export class S3Transport {
  readonly agent: http.Agent;
  readonly #send: typeof http.request;
  readonly #idleMs: number;
  readonly #signals = new AsyncLocalStorage<AbortSignal>();

  constructor(options: { readonly secure: boolean; readonly idleMs: number }) {
    const pool = { keepAlive: true, maxSockets: 64, maxFreeSockets: 16 };
    this.agent = options.secure ? new https.Agent(pool) : new http.Agent(pool);
    this.#send = options.secure ? https.request : http.request;
    this.#idleMs = options.idleMs;
  }

  /** Runs work whose requests end, wherever they are, once `signal` aborts. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#signals.run(signal, work);
  }

  /** As `http.request` in the one form that the library uses. */
  readonly request = (
    options: http.RequestOptions,
    callback: (response: http.IncomingMessage) => void,
  ): http.ClientRequest => {
    const signal = this.#signals.getStore();
    const request = this.#send({ ...options, ...(signal && { signal }) }, (response) => {
      if (isUsable(response, options)) return callback(response);
      failureOf(response).then(
        (failure) => request.emit('error', failure),
        (error: unknown) => request.emit('error', error),
      );
    });
    return dropWhenIdle(request, this.#idleMs);
  };

  /** Closes every connection. */
  close(): void {
    this.agent.destroy();
  }
}

/** A success whose body can be told to be whole, and that is the part which was asked for. */
function isUsable(response: http.IncomingMessage, { method, headers }: http.RequestOptions): boolean {
  const status = response.statusCode ?? 0;
  const range = (headers as Record<string, unknown> | undefined)?.['range'];
  return status < 300 && (method !== 'GET' || (status === 206) === (range !== undefined));
}

/** A reader that is slower than the network is no reason to drop the connection: then we look again later. */
function dropWhenIdle(request: http.ClientRequest, idleMs: number): http.ClientRequest {
  let response: http.IncomingMessage | undefined;
  request.once('response', (answer) => (response = answer));
  const onIdle = () => {
    if (response && response.readableLength > 0) request.setTimeout(idleMs);
    else (response ?? request).destroy(new S3Failure('Timeout', `nothing moved for ${idleMs} ms`));
  };
  return request.setTimeout(idleMs).on('timeout', onIdle);
}

async function failureOf(response: http.IncomingMessage): Promise<S3Failure> {
  const bytes = await readAll(response, maxErrorBytes).catch(() => Buffer.alloc(0));
  const text = bytes.toString('utf8');
  const status = response.statusCode ?? 0;
  const region = /<Region>([a-z0-9-]{1,40})</.exec(text)?.[1] ?? response.headers['x-amz-bucket-region'];
  const code = /<Code>\s*([A-Za-z0-9.]{1,100})\s*</.exec(text)?.[1] ?? codeWithoutBody(response, text);
  const details = { status, ...(typeof region === 'string' && { region }) };
  return new S3Failure(code, `answered ${status}${code.startsWith('Status') ? '' : ` ${code}`}`, details);
}

/** Answers to HEAD have no body. A 404 with a page for people is no word of S3. */
function codeWithoutBody({ statusCode = 0, headers }: http.IncomingMessage, text: string): string {
  if (statusCode < 300) return 'Unexpected';
  const forPeople = headers['content-type']?.startsWith('text/');
  if (statusCode === 404 && text === '' && !forPeople) return 'NotFound';
  return statusCode === 412 ? 'PreconditionFailed' : `Status${statusCode}`;
}

/** The body of an answer, its errors being what `toError` makes of them. Ending either stream ends the other. */
export function bodyOf(response: http.IncomingMessage, toError: (failure: S3Failure) => Error): Readable {
  const body = new PassThrough({ highWaterMark: 256 * 1024 });
  response.once('error', (error) => body.destroy(toError(truncation(error))));
  body.once('close', () => response.destroy());
  return response.pipe(body);
}

/** The failure for an answer that ended early. */
export function truncation(error: unknown): S3Failure {
  if (error instanceof S3Failure) return error;
  return new S3Failure('Truncated', `the answer ended early: ${asS3Failure(error).message}`, { cause: error });
}
