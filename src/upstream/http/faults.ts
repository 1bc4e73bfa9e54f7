import { STATUS_CODES } from 'node:http';

import { Fault, type FaultCode } from '../../chart/fault.ts';
import { publicPath } from '../../lib/public-path.ts';
import type { HttpAnswer, Untold } from './http.ts';

/** How long a connection may take to open. */
export const connectTimeoutMs = 5_000;

/** Host and port of an address, as messages name it: always with the port, never with user info. */
export function portOf(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}

/** Method and path, as messages name a request: without a query and what else may be a secret. */
export function requestLine(method: string, url: URL): string {
  return `${method} ${shortened(publicPath(url))}`;
}

/** Text that an upstream made up, fit for a message: printable ASCII in one line, at most `maxLength` characters. */
export function shortened(text: string, maxLength = 200): string {
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return plain.length > maxLength ? `${plain.slice(0, maxLength)}...` : plain;
}

/** What is known of a request that got no answer, or lost it on the way. */
export interface FailedRequest {
  readonly upstream: string;
  readonly method: string;
  readonly url: URL;
  /** `host:port` of the proxy that was asked in its place. */
  readonly via?: string | undefined;
  /** The time for the request as a whole was up. */
  readonly expired: boolean;
  readonly timeoutMs: number;
  /** Whether the head of an answer had come. */
  readonly answered: boolean;
  /** The configuration names authorities of its own. */
  readonly ownAuthorities?: boolean;
}

const reachAdvice = 'Check the address, the firewall and the proxy setting.';
const authorityAdvice = 'Set tls.caFile.';
const ownAuthorityAdvice = 'Set tls.caFile, or renew what it names.';
const laterAdvice = 'It is tried again later; look at the server if it goes on.';

/** Words for the reasons why no connection came about. */
const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'connection closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name server did not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'connection timed out',
};

type Distrust = readonly [what: string, advice: string];

const untrusted: Readonly<Record<string, Distrust>> = {
  CERT_HAS_EXPIRED: ['has expired', 'Renew it on the server.'],
  CERT_NOT_YET_VALID: ['is not valid yet', 'Check the clocks of both machines.'],
  CERT_REVOKED: ['was revoked', 'Renew it on the server.'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['is signed by itself', authorityAdvice],
  ERR_TLS_CERT_ALTNAME_INVALID: ['is for another host', 'Use the host name that the certificate is for.'],
  HOSTNAME_MISMATCH: ['is for another host', 'Use the host name that the certificate is for.'],
  SELF_SIGNED_CERT_IN_CHAIN: ['is signed by an authority we do not know', authorityAdvice],
  UNABLE_TO_GET_ISSUER_CERT: ['is signed by an authority we do not know', authorityAdvice],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['is signed by an authority we do not know', authorityAdvice],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['is signed by an authority we do not know', authorityAdvice],
  CERT_UNTRUSTED: ['is signed by an authority we do not know', authorityAdvice],
};

const timeouts = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

/** The fault for whatever the transport threw. */
export function faultOfError(request: FailedRequest, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const code = codeOf(error);
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') {
    const message = `${request.upstream}: the connection to ${portOf(request.url)} was given up, since we stop.`;
    return new Fault('unavailable', message, 'Ask again once Chartroom runs.', { cause: error });
  }
  // the parser's error holds what was read, in which a server may repeat what it was told
  const cause = code.startsWith('HPE_') ? undefined : error;
  return request.answered ? faultOfBody(request, code, cause) : faultOfConnection(request, code, cause);
}

function faultOfBody(request: FailedRequest, code: string, cause: unknown): Fault {
  const line = requestLine(request.method, request.url);
  const timedOut = request.expired || timeouts.has(code);
  const seconds = request.timeoutMs / 1000;
  const what = request.expired
    ? `did not arrive within ${seconds} s`
    : timedOut
      ? 'stopped arriving'
      : 'was cut off before its end';
  const message = `${request.upstream}: the answer of ${portOf(request.url)} to ${line} ${what}.`;
  return new Fault('upstream-failed', message, laterAdvice, { cause, timedOut });
}

function faultOfConnection(request: FailedRequest, code: string, cause: unknown): Fault {
  const { upstream } = request;
  const distrust = untrusted[code];
  if (distrust) return faultOfDistrust(request, distrust, cause);
  if (request.expired || timeouts.has(code)) return faultOfTimeout(request, code, cause);
  const place = placeOf(request);
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return faultOfTls(upstream, place, code, cause);
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') {
    const message = `${upstream}: ${place} answered with something that is not HTTP.`;
    return new Fault('upstream-failed', message, 'Check the address and the port.', { cause });
  }
  const reason = unreachable[code] ?? 'the connection failed';
  return new Fault('upstream-unreachable', `${upstream}: no answer from ${place} (${reason}).`, reachAdvice, {
    cause,
  });
}

function faultOfDistrust(request: FailedRequest, [what, usual]: Distrust, cause: unknown): Fault {
  const { upstream, url, via, ownAuthorities } = request;
  const whose = via === undefined ? url.hostname : `the proxy ${via}`;
  const advice = usual === authorityAdvice && ownAuthorities ? ownAuthorityAdvice : usual;
  return new Fault('tls-untrusted', `${upstream}: the certificate of ${whose} ${what}.`, advice, { cause });
}

/** Who did not answer: where a proxy stands for the target, both. */
function placeOf({ url, via }: FailedRequest): string {
  return via === undefined ? portOf(url) : `the proxy ${via} for ${portOf(url)}`;
}

/** What servers say of our own certificate (RFC 8446, 6.2), as OpenSSL names it. */
const ownRefused =
  /_ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_(?:UNKNOWN|EXPIRED|REVOKED)|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)$/;

function faultOfTls(upstream: string, place: string, code: string, cause: unknown): Fault {
  if (code.endsWith('_ALERT_CERTIFICATE_REQUIRED')) {
    const message = `${upstream}: ${place} asks for a certificate of ours.`;
    return new Fault('tls-untrusted', message, 'Set tls.certFile and tls.keyFile.', { cause });
  }
  if (ownRefused.test(code)) {
    const message = `${upstream}: ${place} does not accept our certificate.`;
    return new Fault('tls-untrusted', message, 'Check tls.certFile and tls.keyFile; it may have expired.', { cause });
  }
  const message = `${upstream}: ${place} does not speak TLS as we understand it.`;
  const advice = code.endsWith('_ALERT_HANDSHAKE_FAILURE')
    ? 'It may want a certificate of ours (tls.certFile), or another version of TLS.'
    : 'Check the port; a server without TLS needs http://, or plainHTTP.';
  return new Fault('upstream-unreachable', message, advice, { cause });
}

/** The fault for a proxy at `via`, as `host:port`, that did not let us through. */
export function faultOfProxy(upstream: string, via: string, target: URL, status: number): Fault {
  const message = `${upstream}: the proxy ${via} did not let us through to ${portOf(target)} (${status}).`;
  const advice = proxyAdvices[status] ?? 'Check the address, and whether the proxy setting is right for it.';
  return new Fault('upstream-unreachable', message, advice, { timedOut: status === 504 });
}

const proxyAdvices: Readonly<Record<number, string>> = {
  403: 'Allow it on the proxy, or change the proxy setting.',
  407: 'Check the user name and password in the proxy setting.',
};

function faultOfTimeout(request: FailedRequest, code: string, cause: unknown): Fault {
  const connecting = !request.expired && code !== 'UND_ERR_HEADERS_TIMEOUT';
  const seconds = (connecting ? connectTimeoutMs : request.timeoutMs) / 1000;
  const reason = connecting ? ' (connection timed out)' : '';
  const message = `${request.upstream}: no answer from ${placeOf(request)} within ${seconds} s${reason}.`;
  return new Fault('upstream-unreachable', message, reachAdvice, { cause, timedOut: true });
}

/** The code of an error, or of the first of the errors it stands for. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error.name === 'HTTPParserError') return 'HPE_INVALID';
  const { code } = error as NodeJS.ErrnoException;
  if (code) return code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error.cause === undefined ? '' : codeOf(error.cause);
}

/**
 * The fault for an answer that is not the one that was asked for. `what` says what was asked, by default method GET
 * and the path that answered. The body stays the caller's to dump.
 */
export function faultOfStatus(
  upstream: string,
  answer: Pick<HttpAnswer, 'status' | 'url' | 'untold' | 'retryAfterMs'>,
  what: string = requestLine('GET', answer.url),
): Fault {
  const { status, url, retryAfterMs } = answer;
  if (status === 401 || status === 407) return faultOfRefusal(upstream, answer, what, 'server');
  const code = codeOfStatus(status, retryAfterMs);
  const advice = status === 400 ? adviceOnBadRequest(url) : advices[code];
  return new Fault(code, messages[code](upstream, status, what), advice, waitOf(retryAfterMs));
}

/** What nginx answers to who speaks without TLS to a port with it, or without the certificate it wants. */
function adviceOnBadRequest({ protocol }: URL): string {
  return protocol === 'https:'
    ? 'If it asks for a certificate of ours, check tls.certFile and tls.keyFile; else look at the server.'
    : 'If it speaks TLS, write https:// in url, or leave out plainHTTP; else look at the server.';
}

/** The fault for a 401 to a question for `what`, which is only called a refusal of credentials where it was told any. */
export function faultOfRefusal(
  upstream: string,
  { status, url, untold, retryAfterMs }: Pick<HttpAnswer, 'status' | 'url' | 'untold' | 'retryAfterMs'>,
  what: string,
  whom: 'server' | 'registry',
): Fault {
  const [happened, advice] = refusals[untold ?? 'told'](url, what, whom);
  return new Fault('unauthorized', `${upstream}: ${happened} (${status}).`, advice, waitOf(retryAfterMs));
}

type RefusalWords = (
  url: URL,
  what: string,
  whom: 'server' | 'registry',
) => readonly [happened: string, advice: string];

const refusals: Readonly<Record<Untold | 'told', RefusalWords>> = {
  told: (_, what, whom) => [
    `the ${whom} refused these credentials for ${what}`,
    'Check auth; a token may have expired.',
  ],
  anonymous: (_, what, whom) => [
    `the ${whom} asks for credentials for ${what}, and none are configured for it`,
    whom === 'registry' ? 'Set auth, or add its host to the file in auth.dockerConfig.' : 'Set auth.',
  ],
  elsewhere: (url, what) => [
    `${shortened(portOf(url))} asks for credentials for ${what}, and is not sent those of auth`,
    `If it may have them, set passCredentials: [${shortened(url.origin)}].`,
  ],
  upgraded: (url, what) => [
    `${shortened(portOf(url))} asks for credentials for ${what}, and is not sent those for http`,
    'Write https:// in url, or leave out plainHTTP.',
  ],
};

/** Nobody is left alone for longer, whatever a server says. */
const maxRetryAfterMs = 6 * 60 * 60_000;

function waitOf(retryAfterMs: number | undefined): { readonly retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs: Math.min(retryAfterMs, maxRetryAfterMs) };
}

type StatusCode = Extract<FaultCode, 'forbidden' | 'rate-limited' | 'upstream-failed'>;

function codeOfStatus(status: number, retryAfterMs: number | undefined): StatusCode {
  if (status === 429 || (status === 503 && retryAfterMs !== undefined)) return 'rate-limited';
  // some servers answer 403 while they mean 429
  if (status === 403) return retryAfterMs === undefined ? 'forbidden' : 'rate-limited';
  return 'upstream-failed';
}

const messages: Readonly<Record<StatusCode, (upstream: string, status: number, what: string) => string>> = {
  forbidden: (upstream, status, what) =>
    `${upstream}: the server does not allow ${what} with these credentials (${status}).`,
  'rate-limited': (upstream, status, what) =>
    `${upstream}: the server asks for fewer requests, it answered ${status} to ${what}.`,
  'upstream-failed': (upstream, status, what) => `${upstream}: answered ${statusLine(status)} to ${what}.`,
};

const advices: Readonly<Record<StatusCode, string>> = {
  forbidden: 'Check what these credentials may read, and whether the name is right.',
  'rate-limited': 'It is tried again when the server allows; credentials often raise the limit.',
  'upstream-failed': laterAdvice,
};

function statusLine(status: number): string {
  const words = STATUS_CODES[status];
  return words ? `${status} ${words}` : String(status);
}
