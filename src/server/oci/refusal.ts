import type { Context } from 'hono';

import type { OciCode } from '../../chart/fault-answers.ts';
import { statusOf } from '../../chart/fault-answers.ts';
import { Fault } from '../../chart/fault.ts';
import type { ServerEnv } from '../exchange.ts';
import { ociCodeOf } from '../faults.ts';
import { retryHeaders, sendBuffer, surprise, type Headers } from '../send.ts';

/** A fault with the code that says more to an OCI client than the usual one of its kind. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: OciCode;
  readonly fault: Fault;

  constructor(code: OciCode, fault: Fault) {
    super(fault.message, { cause: fault });
    this.code = code;
    this.fault = fault;
  }
}

/** Something in an address that no registry takes: 400. */
export function malformed(code: OciCode, message: string, advice: string): Refusal {
  return new Refusal(code, new Fault('bad-request', message, advice));
}

/** The body of an error (distribution specification, "Error Codes"). Without a detail, since clients print it behind the message. */
export function errorBody(code: OciCode, message: string): Buffer {
  return Buffer.from(JSON.stringify({ errors: [{ code, message }] }));
}

/** An answer that is not the one asked for, in the specification's form. */
export function sendError(
  c: Context<ServerEnv>,
  status: number,
  code: OciCode,
  message: string,
  headers: Headers = {},
): Response {
  return sendBuffer(c, status, { ...errorHeaders, ...headers }, errorBody(code, message));
}

/** What errors are sent with, on every address below `/v2/`. */
export const errorHeaders = {
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** What went wrong, its advice behind it; 500 and general words when it is no fault. */
export function sendFault(c: Context<ServerEnv>, fault: Fault | undefined, code?: OciCode): Response {
  if (!fault) return sendError(c, 500, 'UNKNOWN', surprise);
  const status = statusOf(fault);
  const message = `${fault.message} ${fault.advice}`.trim();
  return sendError(c, status, code ?? ociCodeOf(fault), message, retryHeaders(fault, status));
}
