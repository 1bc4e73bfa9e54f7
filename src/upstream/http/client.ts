import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { publicPath } from '../../lib/public-path.ts';
import type { Authorization, AuthorizedRequest, Exchange } from '../credentials/authorization.ts';
import { watchedBody } from './body.ts';
import { Deadline } from './deadline.ts';
import type { DiallingOptions } from './dialling.ts';
import { faultOfError } from './faults.ts';
import type { HttpAnswer, HttpClient, HttpRequest, Untold } from './http.ts';
import type { UpstreamLimits } from './limits.ts';
import { isTrusted, type Reach } from './reach.ts';
import { followRedirects } from './redirects.ts';
import { openTransport, type Hop, type Transport } from './transport.ts';

/** What a client needs to know of its upstream. */
export interface HttpClientOptions extends DiallingOptions {
  /** The only origins (scheme, host and port) that ever receive what `authorization` presents. */
  readonly homes: readonly URL[];
  readonly authorization: Authorization;
  /** Shared by all clients of the upstream. */
  readonly limits: UpstreamLimits;
  /** Bounds one request with its redirects, its token and its body as a whole, from when it is its turn. */
  readonly timeoutMs: number;
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
  const isHome = (url: URL): boolean => options.homes.some(({ origin }) => origin === url.origin);
  const send = async (url: URL, trusted: boolean): Promise<HttpAnswer> => {
    const answer = trusted
      ? await sendAuthorized(options, transport, request, url, deadline)
      : await transport.send({ ...hopOf(request, url, false), headers: travellingHeaders(request) }, deadline);
    const untold = trusted ? untoldAtHome(options, request, url) : untoldElsewhere(options, request.url, url);
    return { ...answer, untold };
  };
  try {
    const { url, method = 'GET', follow } = request;
    const answer = await (follow === false
      ? send(url, isHome(url))
      : followRedirects(options.upstream, method, url, isHome, send));
    options.limits.hear(answer);
    logAnswer(options.log, options.upstream, request, answer);
    return endingWith(answer, deadline);
  } catch (error) {
    deadline.end();
    throw failureOf(options, request, deadline, error);
  }
}

/** A registry that only an index names may be a home, and yet be told nothing. */
function untoldAtHome({ authorization, reach }: HttpClientOptions, request: HttpRequest, url: URL): Untold | undefined {
  if (!authorization.isAnonymous() || tellsItself(reach, request, url)) return undefined;
  return isTrusted(reach, url) ? 'anonymous' : 'elsewhere';
}

/** Whether a login form, a header of the caller's, or the configured url says who we are. */
function tellsItself({ trusted: [own] }: Reach, { body, headers = {} }: HttpRequest, url: URL): boolean {
  if (body !== undefined || 'authorization' in headers) return true;
  return publicPath(url) !== url.pathname || (own.search !== '' && url.search === own.search);
}

/** Where there is nobody to be, the host makes no difference. */
function untoldElsewhere({ authorization, homes }: HttpClientOptions, first: URL, url: URL): Untold {
  if (authorization.isAnonymous()) return 'anonymous';
  const isUpgrade = first.hostname === url.hostname && first.protocol === 'http:' && url.protocol === 'https:';
  return isUpgrade && homes.some(({ origin }) => origin === first.origin) ? 'upgraded' : 'elsewhere';
}

/** Sends to an origin that receives credentials, answering its challenges. */
async function sendAuthorized(
  options: HttpClientOptions,
  transport: Transport,
  request: HttpRequest,
  url: URL,
  deadline: Deadline,
): Promise<HttpAnswer> {
  const exchange: Exchange = exchangeOver(options, transport);
  const { method = 'GET', headers: own = {} } = request;
  const authorized: AuthorizedRequest = { method, url, headers: own, exchange, signal: deadline.signal };
  const send = (headers: Readonly<Record<string, string>>): Promise<HttpAnswer> =>
    transport.send({ ...hopOf(request, url, true), headers: { ...own, ...headers } }, deadline);
  let presented = await deadline.race(options.authorization.present(authorized));
  let answer = await send(presented);
  for (let round = 0; answer.status === 401 && round < maxChallenges; round += 1) {
    const challenge = { presented, wwwAuthenticate: answer.headers['www-authenticate'], round };
    const better = await deadline
      .race(options.authorization.answer(authorized, challenge))
      .catch(async (error: unknown) => {
        // nobody reads it any more, and until then it has a connection
        await answer.dump();
        throw error;
      });
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
  return async ({ method, url: first, body }, headersFor) => {
    const deadline = new Deadline(options.clock, Math.ceil(options.timeoutMs / 2));
    const form = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const send = (url: URL, trusted: boolean): Promise<HttpAnswer> =>
      transport.send(
        { ...hopOf({ method, body }, url, trusted), headers: { ...form, ...headersFor(url, trusted) } },
        deadline,
      );
    const isHome = (url: URL): boolean => url.origin === first.origin;
    try {
      return endingWith(await followRedirects(options.upstream, method, first, isHome, send), deadline);
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

function hopOf(request: Pick<HttpRequest, 'method' | 'body'>, url: URL, trusted: boolean): Hop {
  const { method = 'GET', body } = request;
  return { url, method, body, trusted };
}

function travellingHeaders(request: HttpRequest): Record<string, string> {
  const headers = Object.entries(request.headers ?? {});
  return Object.fromEntries(headers.filter(([name]) => travelling.has(name.toLowerCase())));
}

function logAnswer(log: Log | undefined, upstream: string, request: HttpRequest, answer: HttpAnswer): void {
  if (!log?.isLevelEnabled('debug')) return;
  const { host } = answer.url;
  log.debug(
    { upstream, method: request.method ?? 'GET', host, path: publicPath(answer.url), status: answer.status },
    'upstream answered',
  );
}
