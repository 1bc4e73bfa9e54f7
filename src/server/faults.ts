import { asFault, Fault, type FaultCode } from '../chart/fault.ts';
import type { Log } from '../lib/log.ts';
import type { FaultReport } from '../mirror/contract.ts';

/** The error codes an OCI client knows (distribution specification, "Error Codes"), and distribution's `UNKNOWN`. */
export type OciCode =
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'MANIFEST_INVALID'
  | 'DIGEST_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'TOOMANYREQUESTS'
  | 'UNKNOWN';

interface FaultRow {
  readonly status: 400 | 403 | 404 | 502 | 503;
  readonly ociCode: OciCode;
  /** Instead of `status` when the other side was too slow. */
  readonly slow?: 504;
  /** Instead of `status` where an operator asked for a change. */
  readonly onChange?: 409;
}

/** The one table that turns a fault into an answer, by configuration.md sections 2 and 4. */
const rows: Readonly<Record<FaultCode, FaultRow>> = {
  'upstream-unreachable': { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  'tls-untrusted': { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  'upstream-failed': { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  unauthorized: { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  forbidden: { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  'rate-limited': { status: 503, ociCode: 'TOOMANYREQUESTS' },
  'not-a-repository': { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  'not-a-registry': { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  'listing-invalid': { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  'listing-refused': { status: 502, onChange: 409, ociCode: 'UNKNOWN' },
  'no-charts-found': { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  'invalid-reference': { status: 400, ociCode: 'MANIFEST_INVALID' },
  'manifest-unknown': { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  'not-a-chart': { status: 502, slow: 504, ociCode: 'MANIFEST_INVALID' },
  'digest-mismatch': { status: 502, slow: 504, ociCode: 'DIGEST_INVALID' },
  rewritten: { status: 502, slow: 504, ociCode: 'DIGEST_INVALID' },
  'archive-invalid': { status: 502, slow: 504, ociCode: 'MANIFEST_INVALID' },
  'too-large': { status: 502, slow: 504, ociCode: 'UNKNOWN' },
  'provenance-invalid': { status: 403, ociCode: 'DENIED' },
  'store-failed': { status: 503, ociCode: 'UNKNOWN' },
  'not-found': { status: 404, ociCode: 'MANIFEST_UNKNOWN' },
  'bad-request': { status: 400, ociCode: 'NAME_INVALID' },
  denied: { status: 403, ociCode: 'DENIED' },
  unavailable: { status: 503, slow: 504, ociCode: 'UNKNOWN' },
};

/** Who gets the answer: somebody who reads, or an operator who asked for a change. */
export type Asked = 'read' | 'change';

/** The HTTP status of a fault, the same on every door. */
export function statusOf(fault: Fault, asked: Asked = 'read'): number {
  const row = rows[fault.code];
  if (fault.timedOut && row.slow) return row.slow;
  return (asked === 'change' && row.onChange) || row.status;
}

/** The code an OCI client is told. */
export function ociCodeOf(fault: Fault): OciCode {
  return rows[fault.code].ociCode;
}

const usualRetrySeconds = 5;

/** `Retry-After` in whole seconds, at least 1, for 5xx: what the fault says, else 5 for 503 and 504 alone. */
export function retryAfterOf(fault: Fault, status: number): string | undefined {
  if (status < 500) return undefined;
  if (fault.retryAfterMs === undefined) return status === 503 || status === 504 ? String(usualRetrySeconds) : undefined;
  return String(Math.max(1, Math.ceil(fault.retryAfterMs / 1000)));
}

/** The form of a fault in the API. */
export function reportOf(fault: Fault): FaultReport {
  return { code: fault.code, message: fault.message, advice: fault.advice };
}

/** The fault that was thrown; undefined for anything else, which is logged here with its stack. */
export function understand(error: unknown, log: Log, path: string): Fault | undefined {
  if (error instanceof Fault) return error;
  log.error({ err: error, path }, 'a request failed in a way nobody foresaw');
  return undefined;
}

/** `error` as the reason why stored bytes could not be sent. */
export function asStoreFault(error: unknown): Fault {
  return asFault(
    error,
    (cause) => new Fault('store-failed', 'The store did not deliver these bytes.', 'Try again soon.', { cause }),
  );
}
