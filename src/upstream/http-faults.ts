import { STATUS_CODES } from 'node:http';

import { Fault, type FaultCode } from '../chart/fault.ts';
import type { HttpAnswer } from './http.ts';

/** How long a connection may take to open. */
export const connectTimeoutMs = 5_000;

/** Host and port of an address, as messages name it: always with the port, never with user info. */
export function portOf(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}

/** Method and path, as messages name a request: never with a query, which may hold a secret. */
export function requestLine(method: string, url: URL): string {
  return `${method} ${shortened(url.pathname)}`;
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
  /** The time for the request as a whole was up. */
  readonly expired: boolean;
  readonly timeoutMs: number;
  /** Whether the head of an answer had come. */
  readonly answered: boolean;
}

const reachAdvice = 'Check the address and the firewall.';
const authorityAdvice = 'Name a file with its certificate in NODE_EXTRA_CA_CERTS.';
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

const untrusted: Readonly<Record<string, readonly [what: string, advice: string]>> = {
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
  return request.answered ? faultOfBody(request, code, error) : faultOfConnection(request, code, error);
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
  const { upstream, url } = request;
  const distrust = untrusted[code];
  if (distrust) {
    return new Fault('tls-untrusted', `${upstream}: the certificate of ${url.hostname} ${distrust[0]}.`, distrust[1], {
      cause,
    });
  }
  if (request.expired || timeouts.has(code)) return faultOfTimeout(request, code, cause);
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    const message = `${upstream}: ${portOf(url)} does not speak TLS as we understand it.`;
    return new Fault(
      'upstream-unreachable',
      message,
      'Check the port; a server without TLS needs http://, or plainHTTP.',
      {
        cause,
      },
    );
  }
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') {
    const message = `${upstream}: ${portOf(url)} answered with something that is not HTTP.`;
    return new Fault('upstream-failed', message, 'Check the address and the port.', { cause });
  }
  const reason = unreachable[code] ?? 'the connection failed';
  return new Fault('upstream-unreachable', `${upstream}: no answer from ${portOf(url)} (${reason}).`, reachAdvice, {
    cause,
  });
}

function faultOfTimeout(request: FailedRequest, code: string, cause: unknown): Fault {
  const connecting = !request.expired && code !== 'UND_ERR_HEADERS_TIMEOUT';
  const seconds = (connecting ? connectTimeoutMs : request.timeoutMs) / 1000;
  const reason = connecting ? ' (connection timed out)' : '';
  const message = `${request.upstream}: no answer from ${portOf(request.url)} within ${seconds} s${reason}.`;
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
  answer: Pick<HttpAnswer, 'status' | 'url' | 'retryAfterMs'>,
  what: string = requestLine('GET', answer.url),
): Fault {
  const { status, retryAfterMs } = answer;
  const code = codeOfStatus(status, retryAfterMs);
  const details = retryAfterMs === undefined ? {} : { retryAfterMs: Math.min(retryAfterMs, maxRetryAfterMs) };
  return new Fault(code, messages[code](upstream, status, what), advices[code], details);
}

/** Nobody is left alone for longer, whatever a server says. */
const maxRetryAfterMs = 6 * 60 * 60_000;

type StatusCode = Extract<FaultCode, 'unauthorized' | 'forbidden' | 'rate-limited' | 'upstream-failed'>;

function codeOfStatus(status: number, retryAfterMs: number | undefined): StatusCode {
  if (status === 401 || status === 407) return 'unauthorized';
  if (status === 429 || (status === 503 && retryAfterMs !== undefined)) return 'rate-limited';
  // some servers answer 403 while they mean 429
  if (status === 403) return retryAfterMs === undefined ? 'forbidden' : 'rate-limited';
  return 'upstream-failed';
}

const messages: Readonly<Record<StatusCode, (upstream: string, status: number, what: string) => string>> = {
  unauthorized: (upstream, status, what) =>
    `${upstream}: the server refused these credentials for ${what} (${status}).`,
  forbidden: (upstream, status, what) =>
    `${upstream}: the server does not allow ${what} with these credentials (${status}).`,
  'rate-limited': (upstream, status, what) =>
    `${upstream}: the server asks for fewer requests, it answered ${status} to ${what}.`,
  'upstream-failed': (upstream, status, what) => `${upstream}: answered ${statusLine(status)} to ${what}.`,
};

const advices: Readonly<Record<StatusCode, string>> = {
  unauthorized: 'Check auth; a token may have expired.',
  forbidden: 'Check what these credentials may read, and whether the name is right.',
  'rate-limited': 'It is tried again when the server allows; credentials often raise the limit.',
  'upstream-failed': laterAdvice,
};

function statusLine(status: number): string {
  const words = STATUS_CODES[status];
  return words ? `${status} ${words}` : String(status);
}
