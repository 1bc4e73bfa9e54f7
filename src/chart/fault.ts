/** Every code a fault can have: closed, stable, used as metric label and API field. */
export const faultCodes = [
  'upstream-unreachable',
  'tls-untrusted',
  'upstream-failed',
  'unauthorized',
  'forbidden',
  'rate-limited',
  'not-a-repository',
  'not-a-registry',
  'listing-invalid',
  'listing-refused',
  'no-charts-found',
  'invalid-reference',
  'manifest-unknown',
  'not-a-chart',
  'digest-mismatch',
  'rewritten',
  'archive-invalid',
  'too-large',
  'provenance-invalid',
  'store-failed',
  'not-found',
  'bad-request',
  'denied',
  'unavailable',
] as const;

export type FaultCode = (typeof faultCodes)[number];

interface FaultDetails {
  readonly cause?: unknown;
  /** The other side was too slow, rather than wrong: 504 instead of 502. */
  readonly timedOut?: boolean;
  /** How long to leave the other side alone, when it said so. */
  readonly retryAfterMs?: number;
  /** Another attempt at once would end the same way. */
  readonly lasting?: boolean;
}

/**
 * A failure on purpose. `message` says what happened in one sentence and names the upstream; `advice` says what to
 * do in another. Neither ever holds a secret.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly advice: string;
  readonly timedOut: boolean;
  readonly retryAfterMs: number | undefined;
  readonly lasting: boolean;

  constructor(code: FaultCode, message: string, advice: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.advice = advice;
    this.timedOut = details.timedOut ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.lasting = details.lasting ?? false;
  }
}

/** The fault itself, or `otherwise(error)` for whatever else was thrown. */
export function asFault(error: unknown, otherwise: (error: unknown) => Fault): Fault {
  return error instanceof Fault ? error : otherwise(error);
}

/** A fault in a form that crosses from one thread to another. */
export interface PlainFault {
  readonly code: FaultCode;
  readonly message: string;
  readonly advice: string;
  readonly timedOut: boolean;
  readonly retryAfterMs: number | undefined;
}

/** A fault's words without its class and cause. */
export function plainFault({ code, message, advice, timedOut, retryAfterMs }: Fault): PlainFault {
  return { code, message, advice, timedOut, retryAfterMs };
}

/** The fault again, on the other side. */
export function reviveFault({ code, message, advice, timedOut, retryAfterMs }: PlainFault): Fault {
  return new Fault(code, message, advice, { timedOut, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}
