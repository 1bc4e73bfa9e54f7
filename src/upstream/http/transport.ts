import type { IncomingHttpHeaders } from 'node:http';

import type { Dispatcher } from 'undici';

import type { Clock } from '../../lib/clock.ts';
import { watchedBody } from './body.ts';
import type { Deadline } from './deadline.ts';
import { Dialling, type DiallingOptions } from './dialling.ts';
import { faultOfError, faultOfProxy } from './faults.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import { parseRetryAfter } from './retry-after.ts';

/** One request to one host: no redirects, no credentials but the headers that are given. */
export interface Hop extends Omit<HttpRequest, 'signal'> {
  /** Whether nobody without our trust led there: then trusted origins see our certificate. */
  readonly trusted: boolean;
}

/** Connections of one upstream. */
export interface Transport {
  /** Throws a `Fault` when there is no answer, or the caller's reason when the caller gave up. */
  send(hop: Hop, deadline: Deadline): Promise<HttpAnswer>;
  close(): Promise<void>;
}

interface TransportOptions extends DiallingOptions {
  readonly version: string;
  readonly clock: Clock;
}

/** A body no larger than this is read to its end so that the connection can be used again. */
const dumpLimit = 128 * 1024;

/** Opens a pool of connections that nothing else shares. */
export function openTransport(options: TransportOptions): Transport {
  const dialling = new Dialling(options);
  return {
    send: (hop, deadline) => sendHop(options, dialling, hop, deadline),
    close: () => dialling.close(),
  };
}

async function sendHop(
  options: TransportOptions,
  dialling: Dialling,
  hop: Hop,
  deadline: Deadline,
): Promise<HttpAnswer> {
  const { upstream, version, clock, tls } = options;
  const { url, method = 'GET' } = hop;
  const faultOf = (error: unknown, answered: boolean, via?: string): unknown => {
    if (deadline.abandoned) return deadline.reason;
    const { expired, timeoutMs } = deadline;
    const ownAuthorities = tls.caFile !== undefined;
    return faultOfError({ upstream, method, url, via, expired, timeoutMs, answered, ownAuthorities }, error);
  };
  const way = await deadline.race(dialling.wayTo(url, hop.trusted)).catch((error: unknown) => {
    throw faultOf(error, false);
  });
  const sent = way.dispatcher.request({
    ...way.target,
    method,
    headers: merged({ 'user-agent': `chartroom/${version}` }, hop.headers ?? {}, way.headers),
    signal: deadline.signal,
    ...(hop.body !== undefined && { body: hop.body }),
  });
  try {
    // before it is connected nothing hears the signal
    const answer = answerOf(await deadline.race(sent), hop, clock, deadline, (error) => faultOf(error, true));
    if (way.via === undefined || answer.status !== 407) return answer;
    await answer.dump();
    throw faultOfProxy(upstream, way.via, url, answer.status);
  } catch (error) {
    sent.then(
      ({ body }) => body.destroy(),
      () => undefined,
    );
    throw faultOf(error, false, way.via);
  }
}

type Fields = Readonly<Record<string, string>>;

/** Each field once: names that differ in case are one, of which the last stands as it is written. */
function merged(...groups: readonly Fields[]): Fields {
  const fields = groups.flatMap((group) => Object.entries(group));
  return Object.fromEntries(new Map(fields.map((field) => [field[0].toLowerCase(), field])).values());
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
