import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';

import { digestOf, hexOf } from '../chart/digest.ts';
import { statusOf, type Asked } from '../chart/fault-answers.ts';
import type { Fault } from '../chart/fault.ts';
import type { OpenBytes } from '../lib/bytes.ts';
import type { Log } from '../lib/log.ts';
import { namesEtag } from './conditions.ts';
import type { Exchange, ServerEnv } from './exchange.ts';
import { asStoreFault, reportOf, retryAfterOf } from './faults.ts';

/** Always a fresh object: the adapter hands it to Node as it is. */
export type Headers = Record<string, string>;

/** A client that reads nothing of a stream for this long is disconnected, since a stream holds a file or a socket. */
const stalledReaderMs = 120_000;

/** Answers with bytes in memory; a HEAD gets the headers alone. */
export function sendBuffer(c: Context<ServerEnv>, status: number, headers: Headers, body: Buffer): Response {
  headers['Content-Length'] = String(body.length);
  if (c.env.incoming.method === 'HEAD') return new Response(null, { status, headers });
  c.env.outgoing.bodyBytes = body.length;
  return new Response(body as Buffer<ArrayBuffer>, { status, headers });
}

/** As `sendBuffer`, with bytes that stand in several pieces. */
export function sendBuffers(
  c: Context<ServerEnv>,
  status: number,
  headers: Headers,
  pieces: readonly Buffer[],
): Response {
  const [only = Buffer.alloc(0)] = pieces;
  const { incoming, outgoing } = c.env;
  if (pieces.length <= 1) return sendBuffer(c, status, headers, only);
  const size = pieces.reduce((sum, { length }) => sum + length, 0);
  headers['Content-Length'] = String(size);
  if (incoming.method === 'HEAD') return new Response(null, { status, headers });
  outgoing.bodyBytes = size;
  outgoing.writeHead(status, headers);
  outgoing.cork();
  for (const piece of pieces) outgoing.write(piece);
  outgoing.end();
  return RESPONSE_ALREADY_SENT;
}

/** Answers without a body: 304, or what a HEAD gets. */
export function sendHeaders(status: number, headers: Headers): Response {
  return new Response(null, { status, headers });
}

/** One or more plain lines that no browser takes for anything else. */
export function sendText(c: Context<ServerEnv>, status: number, text: string, headers: Headers = {}): Response {
  const all = {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  };
  return sendBuffer(c, status, all, Buffer.from(`${text}\n`));
}

/** A JSON document that is not to be kept. */
export function sendJson(c: Context<ServerEnv>, status: number, document: unknown, headers: Headers = {}): Response {
  return sendBuffer(c, status, { ...jsonHeaders, 'Cache-Control': 'no-store', ...headers }, jsonBytes(document));
}

/** A JSON document that a client may keep as long as it asks each time whether it is still so: 304 when it is. */
export function sendJsonIfChanged(c: Context<ServerEnv>, document: unknown, headers: Headers = {}): Response {
  const body = jsonBytes(document);
  const tag = `"${hexOf(digestOf(body)).slice(0, 32)}"`;
  const all = { ...jsonHeaders, 'Cache-Control': 'no-cache', ETag: `W/${tag}`, ...headers };
  if (!namesEtag(c.env.incoming.headers['if-none-match'], tag)) return sendBuffer(c, 200, all, body);
  const { ETag, 'Cache-Control': caching } = all;
  return sendHeaders(304, { ETag, 'Cache-Control': caching });
}

const jsonHeaders = { 'Content-Type': 'application/json; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };

function jsonBytes(document: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
}

/** All that is said of what nobody foresaw. */
export const surprise = 'Something went wrong here. The log says what.';

/**
 * What went wrong as one sentence and one piece of advice; 500 and general words when it is no fault. The status line
 * says it too, since that is all Helm shows.
 */
export function sendFaultText(c: Context<ServerEnv>, fault: Fault | undefined): Response {
  if (!fault) return sendText(c, 500, surprise);
  c.env.outgoing.statusMessage = reasonOf(fault.message);
  const status = statusOf(fault);
  return sendText(c, status, `${fault.message} ${fault.advice}`.trim(), retryHeaders(fault, status));
}

/** What went wrong in the API's form: `{ "error": { code, message, advice } }`; 500 and general words when it is no fault. */
export function sendFaultJson(c: Context<ServerEnv>, fault: Fault | undefined, asked: Asked = 'read'): Response {
  if (!fault) return sendJson(c, 500, { error: { code: 'internal', message: surprise, advice: '' } });
  const status = statusOf(fault, asked);
  return sendJson(c, status, { error: reportOf(fault) }, retryHeaders(fault, status));
}

/** `Retry-After`, where there is something to say. */
export function retryHeaders(fault: Fault, status: number): Headers {
  const retryAfter = retryAfterOf(fault, status);
  return retryAfter === undefined ? {} : { 'Retry-After': retryAfter };
}

const maxReasonLength = 200;

/** A reason phrase (RFC 9112 section 4): one line of printable ASCII. */
function reasonOf(message: string): string {
  return message.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, maxReasonLength);
}

/**
 * Answers with opened bytes, which are closed whatever happens. `Content-Length` is what they promise to deliver; a
 * stream that breaks or delivers another number is logged, and its client sees the connection end too early. Throws
 * 'store-failed' when not even the first byte came.
 */
export function sendOpen(
  c: Context<ServerEnv>,
  answer: { readonly status: number; readonly headers: Headers },
  bytes: OpenBytes,
  log: Log,
): Response | Promise<Response> {
  if (Buffer.isBuffer(bytes.body)) return sendBuffer(c, answer.status, answer.headers, bytes.body);
  answer.headers['Content-Length'] = String(bytes.size);
  return sendStream(c, answer, bytes.body, bytes.size, log);
}

async function sendStream(
  c: Context<ServerEnv>,
  { status, headers }: { readonly status: number; readonly headers: Headers },
  body: Readable,
  size: number,
  log: Log,
): Promise<Response> {
  const { outgoing } = c.env;
  // An error nobody listens for would end the process.
  body.on('error', () => {});
  if (outgoing.destroyed) {
    body.destroy();
    return RESPONSE_ALREADY_SENT;
  }
  await firstBytes(body, outgoing, size);
  outgoing.bodyBytes = size;
  outgoing.setTimeout(stalledReaderMs, () => outgoing.destroy());
  const broken = reportOnce(outgoing, (error) =>
    log.error({ err: error, path: c.req.path, size }, 'an answer broke off'),
  );
  body.once('error', broken);
  if (!outgoing.destroyed) outgoing.writeHead(status, headers);
  const checked = (source: AsyncIterable<Buffer>): AsyncIterable<Buffer> => exactly(source, size, broken);
  await pipeline(body, checked, outgoing).catch(() => outgoing.destroy());
  return RESPONSE_ALREADY_SENT;
}

/** Waits for the first byte; throws 'store-failed' when there is none. A client that leaves meanwhile closes the body. */
async function firstBytes(body: Readable, outgoing: Exchange, size: number): Promise<void> {
  const leave = (): void => void body.destroy(new Error('the client left'));
  outgoing.once('close', leave);
  try {
    if (body.errored) throw body.errored;
    if (body.readableLength === 0 && !body.readableEnded && !body.destroyed) await once(body, 'readable');
    if (body.readableLength === 0 && size > 0) throw new Error('the store delivered nothing');
  } catch (error) {
    body.destroy();
    throw asStoreFault(error);
  } finally {
    outgoing.off('close', leave);
  }
}

/** Reports the first error only, and none once the client has left: that makes the body break off too. */
function reportOnce(outgoing: Exchange, report: (error: unknown) => void): (error: unknown) => void {
  let over = outgoing.destroyed;
  outgoing.once('close', () => (over = true));
  return (error) => {
    if (!over) report(error);
    over = true;
  };
}

/**
 * Passes on `size` bytes; throws and tells `broken` when there are fewer or more, or reading fails. The last piece waits
 * until that is known, so that no client takes wrong bytes for whole ones.
 */
async function* exactly(
  source: AsyncIterable<Buffer>,
  size: number,
  broken: (error: unknown) => void,
): AsyncGenerator<Buffer> {
  let seen = 0;
  let last: Buffer | undefined;
  try {
    for await (const chunk of source) {
      seen += chunk.length;
      if (seen > size) throw new Error('the store delivered more bytes than it promised');
      if (last) yield last;
      last = chunk;
    }
    if (seen !== size) throw new Error('the store delivered fewer bytes than it promised');
    if (last) yield last;
  } catch (error) {
    broken(error);
    throw error;
  }
}
