import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { watchedBody } from './body.ts';
import type { Authorization, AuthorizedRequest, Exchange } from './credentials/authorization.ts';
import { Deadline } from './deadline.ts';
import { faultOfError } from './http-faults.ts';
import { openTransport, type Transport } from './http-transport.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from './http.ts';
import type { UpstreamLimits } from './limits.ts';
import { followRedirects } from './redirects.ts';

/** What a client needs to know of its upstream. */
export interface HttpClientOptions {
  /** The upstream's name: every message starts with it. */
  readonly upstream: string;
  /** The only origin (scheme, host and port) that ever receives what `authorization` presents. */
  readonly origin: URL;
  readonly authorization: Authorization;
  /** Shared by all clients of the upstream. */
  readonly limits: UpstreamLimits;
  /** Bounds one request with its redirects, its token and its body as a whole, from when it is its turn. */
  readonly timeoutMs: number;
  /** Sockets to one host at most. */
  readonly connections: number;
  /** Ours, for `user-agent`. */
  readonly version: string;
  readonly clock: Clock;
  /** One debug line for each answer: host, path and status, never a query or a header. */
  readonly log?: Log;
}

/** Headers of a caller that may follow a redirect to another origin; any other may be a secret. */
const travelling = new Set(['accept', 'accept-encoding', 'if-none-match', 'if-modified-since', 'range']);

/** A 401 is answered at most this often within one request: a stale token, a bare try, a fresh token. */
const maxChallenges = 3;

/** Opens the client of one upstream, with connections and credentials of its own. */
export function openHttpClient(options: HttpClientOptions): HttpClient {
  const transport = openTransport(options);
  return {
    request: (request) => sendWithin(options, transport, request),
    allowance: () => options.limits.allowance(),
    close: () => transport.close(),
  };
}

/** The whole request in one turn and under one deadline, which end with the body. */
async function sendWithin(options: HttpClientOptions, transport: Transport, request: HttpRequest): Promise<HttpAnswer> {
  const endTurn = await options.limits.turn(request.signal);
  const deadline = new Deadline(options.clock, options.timeoutMs, request.signal);
  deadline.whenOver(endTurn);
  const send = (url: URL, trusted: boolean): Promise<HttpAnswer> =>
    trusted && url.origin === options.origin.origin
      ? sendAuthorized(options, transport, request, url, deadline)
      : transport.send({ ...hopOf(request, url), headers: travellingHeaders(request) }, deadline);
  try {
    const answer = await followRedirects(options.upstream, request.method ?? 'GET', request.url, send);
    options.limits.hear(answer);
    logAnswer(options.log, options.upstream, request, answer);
    return endingWith(answer, deadline);
  } catch (error) {
    deadline.end();
    throw failureOf(options, request, deadline, error);
  }
}

/** Sends to the upstream's own origin with credentials, answering its challenges. */
async function sendAuthorized(
  options: HttpClientOptions,
  transport: Transport,
  request: HttpRequest,
  url: URL,
  deadline: Deadline,
): Promise<HttpAnswer> {
  const exchange: Exchange = exchangeOver(options, transport);
  const authorized: AuthorizedRequest = { url, exchange, signal: deadline.signal };
  const send = (headers: Readonly<Record<string, string>>): Promise<HttpAnswer> =>
    transport.send({ ...hopOf(request, url), headers: { ...request.headers, ...headers } }, deadline);
  let presented = await deadline.race(options.authorization.present(authorized));
  let answer = await send(presented);
  for (let round = 0; answer.status === 401 && round < maxChallenges; round += 1) {
    const challenge = { presented, wwwAuthenticate: answer.headers['www-authenticate'], round };
    const better = await deadline.race(options.authorization.answer(authorized, challenge));
    if (!better) break;
    await answer.dump();
    presented = better;
    answer = await send(presented);
  }
  return answer;
}

/** The caller's own reason when the caller gave up, else a fault. */
function failureOf(options: HttpClientOptions, request: HttpRequest, deadline: Deadline, error: unknown): unknown {
  if (deadline.abandoned) return deadline.reason;
  const { upstream, timeoutMs } = options;
  const { url, method = 'GET' } = request;
  return faultOfError({ upstream, method, url, expired: deadline.expired, timeoutMs, answered: false }, error);
}

/**
 * How token services are asked: within a deadline of its own, since several requests wait for one token. It is half
 * of a request's, so that a token service that hangs is the one that is named.
 */
function exchangeOver(options: HttpClientOptions, transport: Transport): Exchange {
  return async (method, first, headersFor) => {
    const deadline = new Deadline(options.clock, Math.ceil(options.timeoutMs / 2));
    const send = (url: URL, trusted: boolean): Promise<HttpAnswer> =>
      transport.send({ url, method, headers: headersFor(url, trusted) }, deadline);
    try {
      return endingWith(await followRedirects(options.upstream, method, first, send), deadline);
    } catch (error) {
      deadline.end();
      throw error;
    }
  };
}

/** The answer, whose end is the end of its deadline. */
function endingWith(answer: HttpAnswer, deadline: Deadline): HttpAnswer {
  const dump = async (): Promise<void> => {
    await answer.dump();
    deadline.end();
  };
  return { ...answer, body: watchedBody(answer.body, { closed: () => deadline.end() }), dump };
}

function hopOf(request: HttpRequest, url: URL): Pick<HttpRequest, 'method' | 'body' | 'url'> {
  return {
    url,
    ...(request.method && { method: request.method }),
    ...(request.body !== undefined && { body: request.body }),
  };
}

function travellingHeaders(request: HttpRequest): Record<string, string> {
  const headers = Object.entries(request.headers ?? {});
  return Object.fromEntries(headers.filter(([name]) => travelling.has(name.toLowerCase())));
}

function logAnswer(log: Log | undefined, upstream: string, request: HttpRequest, answer: HttpAnswer): void {
  if (!log?.isLevelEnabled('debug')) return;
  const { host, pathname } = answer.url;
  log.debug(
    { upstream, method: request.method ?? 'GET', host, path: pathname, status: answer.status },
    'upstream answered',
  );
}
