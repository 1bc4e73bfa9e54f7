import { faultAnswers, type OciCode } from '../chart/fault-answers.ts';
import { asFault, Fault } from '../chart/fault.ts';
import type { Log } from '../lib/log.ts';
import type { FaultReport } from '../mirror/contract/operator.ts';

/** The code an OCI client is told. */
export function ociCodeOf(fault: Fault): OciCode {
  return faultAnswers[fault.code].ociCode;
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
