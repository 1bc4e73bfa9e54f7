import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';

import type { ByteRange, OpenBytes } from '../lib/bytes.ts';
import type { Log } from '../lib/log.ts';
import { namesEtag } from './conditions.ts';
import type { ServerEnv } from './exchange.ts';
import { requestedRange } from './range.ts';
import { sendHeaders, sendOpen, type Headers } from './send.ts';

/** Bytes that are named by their digest: whoever has them need not ask again. */
export interface SentObject {
  readonly contentType: string;
  /** With its quotes. */
  readonly etag: string;
  readonly size: number;
  /** What the door adds to the headers that every object has. */
  readonly headers?: Headers;
  /** The bytes, or a part of them; a promise only when they are not in memory. */
  open(range: ByteRange | undefined): OpenBytes | Promise<OpenBytes>;
  /** The answer to a range that cannot be satisfied: 416 in the form of the door. */
  refuseRange(message: string, headers: Headers): Response;
}

/** What no client need ask for again. */
export const immutable = 'public, max-age=31536000, immutable';

/** Answers with an object or one range of it, 304 where the client has it already, and opens nothing for a HEAD. */
export function sendObject(c: Context<ServerEnv>, object: SentObject, log: Log): Response | Promise<Response> {
  const { incoming, outgoing } = c.env;
  const { etag, size } = object;
  if (namesEtag(incoming.headers['if-none-match'], etag)) {
    return sendHeaders(304, { ETag: etag, 'Cache-Control': immutable });
  }
  const headers = headersOf(object);
  // Before anything is opened: the adapter drops a HEAD's body unread, and a file would stay open for ever.
  if (incoming.method === 'HEAD') return sendHeaders(200, headers);
  const range = requestedRange(incoming.headers, etag, size);
  if (range === 'unsatisfiable') return refuseRange(object);
  if (outgoing.destroyed) return RESPONSE_ALREADY_SENT;
  const part = range === 'whole' ? undefined : range;
  const bytes = object.open(part);
  const answer = part ? partial(headers, part, size) : { status: 200, headers };
  return bytes instanceof Promise
    ? bytes.then((opened) => sendOpen(c, answer, opened, log))
    : sendOpen(c, answer, bytes, log);
}

function headersOf({ contentType, etag, size, headers }: SentObject): Headers {
  return {
    'Content-Type': contentType,
    'Content-Length': String(size),
    ETag: etag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': immutable,
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  };
}

function partial(headers: Headers, range: ByteRange, size: number): { status: number; headers: Headers } {
  headers['Content-Range'] = `bytes ${range.start}-${range.end}/${size}`;
  return { status: 206, headers };
}

function refuseRange(object: SentObject): Response {
  const headers = { 'Content-Range': `bytes */${object.size}`, 'Accept-Ranges': 'bytes' };
  return object.refuseRange(`There are ${object.size} bytes here; the range asked for lies behind their end.`, headers);
}
