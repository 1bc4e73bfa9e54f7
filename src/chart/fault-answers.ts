import type { Fault, FaultCode } from './fault.ts';

/**
 * The error codes an OCI client knows (distribution specification, "Error Codes"), and two of distribution's: `UNKNOWN` for
 * 5xx, `PAGINATION_NUMBER_INVALID`.
 */
export type OciCode =
  | 'MANIFEST_UNKNOWN'
  | 'BLOB_UNKNOWN'
  | 'NAME_UNKNOWN'
  | 'NAME_INVALID'
  | 'MANIFEST_INVALID'
  | 'DIGEST_INVALID'
  | 'SIZE_INVALID'
  | 'PAGINATION_NUMBER_INVALID'
  | 'UNSUPPORTED'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'TOOMANYREQUESTS'
  | 'UNKNOWN';

/** How one kind of fault is answered. */
interface FaultAnswer {
  readonly status: 400 | 403 | 404 | 502 | 503;
  readonly ociCode: OciCode;
  /** Instead of `status` when the other side was too slow. */
  readonly slow?: 504;
  /** Instead of `status` where an operator asked for a change. */
  readonly onChange?: 409;
}

/** The one table that turns a fault into an answer, by configuration.md sections 2 and 4. */
export const faultAnswers: Readonly<Record<FaultCode, FaultAnswer>> = {
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
  const row = faultAnswers[fault.code];
  if (fault.timedOut && row.slow) return row.slow;
  return (asked === 'change' && row.onChange) || row.status;
}
