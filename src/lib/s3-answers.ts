import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { readAll } from './bytes.ts';
import { asS3Failure, S3Failure } from './s3-failure.ts';
import { timeOf, unquoted } from './s3-listing.ts';
import { truncation } from './s3-transport.ts';

/** What is known of an object without its body. */
export interface S3Info {
  readonly size: number;
  readonly etag: string;
  readonly modifiedMs: number;
}

/** What must hold for a write. */
export type S3Condition = 'absent' | { readonly etag: string };

/** The headers that make a PUT conditional. */
export function conditionHeaders(condition: S3Condition | undefined): Record<string, string> {
  if (condition === 'absent') return { 'if-none-match': '*' };
  return condition ? { 'if-match': `"${condition.etag}"` } : {};
}

/** Whether the failure says that the condition of a write does not hold. RFC 9110 section 13.1 (412); S3 also says 409 while another write is under way and 404 for If-Match on nothing. */
export function isConflict({ status, code }: S3Failure): boolean {
  return status === 412 || status === 409 || code === 'NoSuchKey';
}

const absences: ReadonlySet<string> = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);

/** Undefined for the failure that says there is no such object or upload; every other is thrown on. */
export function absence(error: unknown): undefined {
  if (!absences.has(asS3Failure(error).code)) throw error;
}

/** What the headers of an answer say of the object. Throws when they do not say its size. */
export function infoOf(headers: IncomingHttpHeaders): S3Info {
  const total = /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1];
  return {
    size: total === undefined ? lengthOf(headers) : Number(total),
    etag: unquoted(headers.etag ?? ''),
    modifiedMs: timeOf(headers['last-modified']),
  };
}

/** How long the body is. */
export function lengthOf(headers: IncomingHttpHeaders): number {
  const length = Number(headers['content-length'] ?? Number.NaN);
  if (Number.isSafeInteger(length)) return length;
  throw new S3Failure('Unexpected', 'the answer does not say how long it is');
}

/** A whole short body; rejects with the failure `Truncated` when it ends early or is longer than `maxBytes`. */
export async function collect(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  try {
    return await readAll(response, maxBytes);
  } catch (error) {
    throw truncation(error);
  }
}
