import type { IncomingMessage } from 'node:http';

import { getRequestListener, RequestError } from '@hono/node-server';
import type { Hono } from 'hono';

import type { OciCode } from '../chart/fault-answers.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { logAccess } from './access-log.ts';
import type { Exchange, ServerEnv } from './exchange.ts';
import type { Metrics } from './metrics.ts';
import { errorBody, errorHeaders } from './oci/refusal.ts';
import { surprise, type Headers } from './send.ts';

/** What a listener does with the requests it receives. */
export interface ReceiveParts {
  readonly app: Hono<ServerEnv>;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  /** Whether connections are to end with their next answer. */
  readonly draining: () => boolean;
  /** Whether there are more connections than there may be. */
  readonly crowded: () => boolean;
}

/** What Node calls for each request. Never throws, never rejects. */
export type Receive = (incoming: IncomingMessage, outgoing: Exchange) => void;

/**
 * Hands requests to the application; counts and logs each when its answer is finished or broke off. Refuses before the
 * application sees them: a GET that brings a body, a path with dot segments, and whatever comes over too many connections.
 */
export function createReceive(parts: ReceiveParts): Receive {
  const { app, metrics, log, clock } = parts;
  const handlerIn = (form: ErrorForm): ReturnType<typeof getRequestListener> =>
    getRequestListener((request, env) => app.fetch(request, env as ServerEnv['Bindings']), {
      // For HTTP/1.0, whose probes name no host. Nothing is made of it.
      hostname: 'localhost',
      errorHandler: (error) => answerBroken(error, form, log),
    });
  const handlers = { plain: handlerIn(plain), oci: handlerIn(oci) };
  return (incoming, outgoing) => {
    const startedMs = clock.elapsed();
    const from = log.isLevelEnabled('info') ? (incoming.socket.remoteAddress ?? 'gone') : undefined;
    outgoing.on('close', () => {
      const durationMs = clock.elapsed() - startedMs;
      metrics.count(outgoing, durationMs);
      if (from !== undefined) logAccess(log, incoming, outgoing, from, durationMs);
    });
    if (parts.crowded()) return refuse(incoming, outgoing, crowdedOut);
    const body = bodyOf(incoming);
    if (body === 'unwanted') return refuse(incoming, outgoing, unwantedBody);
    if (hasDotSegment(incoming.url ?? '')) return refuse(incoming, outgoing, dots);
    if (body === 'large' || parts.draining()) outgoing.setHeader('Connection', 'close');
    const handle = isForRegistry(incoming) ? handlers.oci : handlers.plain;
    handle(incoming, outgoing).catch((error: unknown) => {
      log.error({ err: error }, 'an answer could not be written');
      outgoing.destroy();
    });
  };
}

const maxBodyBytes = 65_536;

/** No address here reads a body: Node skips a small one, and a large one ends the connection with the answer. */
function bodyOf({ method, headers }: IncomingMessage): 'none' | 'unwanted' | 'small' | 'large' {
  const length = headers['content-length'];
  const chunked = headers['transfer-encoding'] !== undefined;
  if (!chunked && (length === undefined || length === '0')) return 'none';
  if (method === 'GET' || method === 'HEAD') return 'unwanted';
  return chunked || Number(length) > maxBodyBytes ? 'large' : 'small';
}

const dotSegment = /^[^?#]*\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;

/** Clients resolve dots themselves. Whoever sends some hopes that two places here read them differently. */
function hasDotSegment(target: string): boolean {
  return (target.includes('/.') || target.includes('%')) && dotSegment.test(target);
}

/** An answer that is given without looking at what was asked for. */
interface Refused {
  readonly status: number;
  readonly text: string;
  readonly code: OciCode;
  readonly headers?: Headers;
}

const crowdedOut: Refused = {
  status: 503,
  text: 'Too many connections. Try again soon.',
  code: 'TOOMANYREQUESTS',
  headers: { 'Retry-After': '1' },
};
const unwantedBody: Refused = { status: 400, text: 'A GET brings no body.', code: 'UNSUPPORTED' };
/** To whoever waits for a "go on" before sending a body. */
export const promisedBody: Refused = { status: 400, text: 'No address here takes a body.', code: 'UNSUPPORTED' };
const dots: Refused = { status: 400, text: 'An address here has no . and .. in it.', code: 'NAME_INVALID' };
const unintelligible: Refused = { status: 400, text: 'This request cannot be understood.', code: 'UNSUPPORTED' };
const broken: Refused = { status: 500, text: surprise, code: 'UNKNOWN' };

/** How a refusal is written. */
interface ErrorForm {
  readonly headers: Headers;
  readonly body: (refused: Refused) => Buffer;
}

const plain: ErrorForm = {
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' },
  body: ({ text }) => Buffer.from(`${text}\n`),
};
const oci: ErrorForm = { headers: errorHeaders, body: ({ code, text }) => errorBody(code, text) };

const registryAddress = /^\/v2(?:[/?]|$)/;

function isForRegistry({ url = '' }: IncomingMessage): boolean {
  return registryAddress.test(url);
}

/** Answers at once, in the form of what was asked, and ends the connection. */
export function refuse(incoming: IncomingMessage, outgoing: Exchange, refused: Refused): void {
  const { headers, body } = isForRegistry(incoming) ? oci : plain;
  const bytes = body(refused);
  outgoing.writeHead(refused.status, {
    ...headers,
    'Content-Length': bytes.length,
    Connection: 'close',
    ...refused.headers,
  });
  outgoing.end(bytes);
}

/** A request that is none, such as one with an impossible host; or an error that was no `Error`. */
function answerBroken(error: unknown, { headers, body }: ErrorForm, log: Log): Response {
  const refused = error instanceof RequestError ? unintelligible : broken;
  if (refused === broken) log.error({ err: error }, 'a request failed in a way nobody foresaw');
  return new Response(body(refused) as Buffer<ArrayBuffer>, { status: refused.status, headers: { ...headers } });
}
