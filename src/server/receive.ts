import type { IncomingMessage } from 'node:http';

import { getRequestListener, RequestError } from '@hono/node-server';
import type { Hono } from 'hono';

import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { logAccess } from './access-log.ts';
import type { Exchange, ServerEnv } from './exchange.ts';
import type { Metrics } from './metrics.ts';

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
 * application sees them: a GET that brings a
 * body, a path with dot segments, and whatever comes over too many connections.
 */
export function createReceive(parts: ReceiveParts): Receive {
  const { app, metrics, log, clock } = parts;
  const handle = getRequestListener((request, env) => app.fetch(request, env as ServerEnv['Bindings']), {
    // For HTTP/1.0, whose probes name no host. Nothing is made of it.
    hostname: 'localhost',
    errorHandler: (error) => answerBroken(error, log),
  });
  return (incoming, outgoing) => {
    const startedMs = clock.elapsed();
    const from = log.isLevelEnabled('info') ? (incoming.socket.remoteAddress ?? 'gone') : undefined;
    outgoing.on('close', () => {
      const durationMs = clock.elapsed() - startedMs;
      metrics.count(outgoing, durationMs);
      if (from !== undefined) logAccess(log, incoming, outgoing, from, durationMs);
    });
    if (parts.crowded()) return refuse(outgoing, 503, 'Too many connections. Try again soon.', { 'Retry-After': '1' });
    const body = bodyOf(incoming);
    if (body === 'unwanted') return refuse(outgoing, 400, 'A GET brings no body.');
    if (hasDotSegment(incoming.url ?? '')) return refuse(outgoing, 400, 'An address here has no . and .. in it.');
    if (body === 'large' || parts.draining()) outgoing.setHeader('Connection', 'close');
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

/** Answers at once and ends the connection. */
export function refuse(outgoing: Exchange, status: number, text: string, headers: Record<string, string> = {}): void {
  outgoing.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Length': text.length + 1,
    Connection: 'close',
    ...headers,
  });
  outgoing.end(`${text}\n`);
}

/** A request that is none, such as one with an impossible host; or an error that was no `Error`. */
function answerBroken(error: unknown, log: Log): Response {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' };
  if (error instanceof RequestError)
    return new Response('This request cannot be understood.\n', { status: 400, headers });
  log.error({ err: error }, 'a request failed in a way nobody foresaw');
  return new Response('Something went wrong here. The log says what.\n', { status: 500, headers });
}
