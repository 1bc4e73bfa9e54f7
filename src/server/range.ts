import type { IncomingHttpHeaders } from 'node:http';

import type { ByteRange } from '../lib/bytes.ts';

const oneRange = /^bytes=(\d*)-(\d*)$/i;

/**
 * The part of an object of `size` bytes that a GET asked for (RFC 9110 section 14). `whole` when it asked for none,
 * for several, for another unit or not in the right form, or when `If-Range` names other bytes than `etag`.
 */
export function requestedRange(
  headers: IncomingHttpHeaders,
  etag: string,
  size: number,
): ByteRange | 'whole' | 'unsatisfiable' {
  if (headers.range === undefined) return 'whole';
  const ifRange = headers['if-range'];
  if (ifRange !== undefined && ifRange !== etag) return 'whole';
  const match = oneRange.exec(headers.range);
  if (!match) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? 'whole' : suffix(Number(last), size);
  return between(Number(first), last === '' ? Infinity : Number(last), size);
}

function suffix(length: number, size: number): ByteRange | 'unsatisfiable' {
  if (length === 0 || size === 0) return 'unsatisfiable';
  return { start: Math.max(0, size - length), end: size - 1 };
}

function between(start: number, end: number, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  if (end < start) return 'whole';
  return start >= size ? 'unsatisfiable' : { start, end: Math.min(end, size - 1) };
}
