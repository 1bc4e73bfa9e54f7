import type { IncomingHttpHeaders } from 'node:http';

import { Agent, request as send, type Dispatcher } from 'undici';

import type { Clock } from '../lib/clock.ts';
import { watchedBody } from './body.ts';
import type { Deadline } from './deadline.ts';
import { connectTimeoutMs, faultOfError, type FailedRequest } from './http-faults.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import { parseRetryAfter } from './retry-after.ts';

/** One request to one host: no redirects, no credentials but the headers that are given. */
export type Hop = Omit<HttpRequest, 'signal'>;

/** Connections of one upstream. */
export interface Transport {
  /** Throws a `Fault` when there is no answer, or the caller's reason when the caller gave up. */
  send(hop: Hop, deadline: Deadline): Promise<HttpAnswer>;
  close(): Promise<void>;
}

interface TransportOptions {
  readonly upstream: string;
  readonly timeoutMs: number;
  readonly connections: number;
  readonly version: string;
  readonly clock: Clock;
}

/** A body no larger than this is read to its end so that the connection can be used again. */
const dumpLimit = 128 * 1024;

/** Silence within a body for longer than this ends it, whatever the deadline. */
const silenceMs = 30_000;

/** Opens a pool of connections that nothing else shares. */
export function openTransport(options: TransportOptions): Transport {
  const agent = new Agent({
    connections: options.connections,
    pipelining: 1,
    // the deadline bounds the wait for the head
    headersTimeout: 0,
    bodyTimeout: Math.min(silenceMs, options.timeoutMs),
    allowH2: false,
    connect: { timeout: connectTimeoutMs },
  });
  return {
    send: (hop, deadline) => sendHop(options, agent, hop, deadline),
    close: () => agent.destroy(),
  };
}

async function sendHop(options: TransportOptions, agent: Agent, hop: Hop, deadline: Deadline): Promise<HttpAnswer> {
  const { url, method = 'GET' } = hop;
  const faultOf = (error: unknown, answered: boolean): unknown => {
    if (deadline.abandoned) return deadline.reason;
    const failed: FailedRequest = {
      upstream: options.upstream,
      method,
      url,
      expired: deadline.expired,
      timeoutMs: deadline.timeoutMs,
      answered,
    };
    return faultOfError(failed, error);
  };
  const sent = send(url, {
    dispatcher: agent,
    method,
    headers: { 'user-agent': `chartroom/${options.version}`, ...hop.headers },
    signal: deadline.signal,
    ...(hop.body !== undefined && { body: hop.body }),
  });
  try {
    // before it is connected nothing hears the signal
    const answer = await deadline.race(sent);
    return answerOf(answer, hop, options.clock, deadline, (error) => faultOf(error, true));
  } catch (error) {
    sent.then(
      ({ body }) => body.destroy(),
      () => undefined,
    );
    throw faultOf(error, false);
  }
}

function answerOf(
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  { url, method = 'GET' }: Hop,
  clock: Clock,
  deadline: Deadline,
  faultOf: (error: unknown) => unknown,
): HttpAnswer {
  // whoever reads the body hears of its failure; an error event without a listener would end the process
  body.on('error', () => undefined);
  const bodiless = method === 'HEAD' || status === 204 || status === 304;
  const contentLength = lengthOf(headers);
  return {
    status,
    headers,
    url,
    framed: bodiless || contentLength !== undefined || isChunked(headers),
    contentLength,
    retryAfterMs: parseRetryAfter(single(headers['retry-after']), clock.now()),
    body: watchedBody(body, { failure: faultOf, closed: () => void body.destroy() }),
    dump: async () => {
      await body.dump({ limit: dumpLimit, signal: deadline.signal }).catch(() => undefined);
      body.destroy();
    },
  };
}

function lengthOf(headers: IncomingHttpHeaders): number | undefined {
  const text = single(headers['content-length']);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function isChunked(headers: IncomingHttpHeaders): boolean {
  return /(?:^|,)\s*chunked\s*$/i.test(headers['transfer-encoding'] ?? '');
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
