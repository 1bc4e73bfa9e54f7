import { Fault } from '../chart/fault.ts';
import type { ByteRange } from '../lib/bytes.ts';

const segmentGrammar = /^[A-Za-z0-9._+~-]{1,240}$/;
const lastPartGrammar = /^[A-Za-z0-9._+~-]{0,240}$/;
const maxKeyLength = 900;

/** Objects up to this size leave every store as one Buffer. */
export const maxBufferBytes = 1024 * 1024;

/** Whether every store can keep something under `key`. */
export function isKey(key: string): boolean {
  return key.length <= maxKeyLength && key.split('/').every(isSegment);
}

/** Faults with 'store-failed' unless `key` is one that every store can keep. */
export function requireKey(key: string): void {
  if (!isKey(key)) throw badKey(key);
}

/** Faults with 'store-failed' unless `prefix` is empty or could be the start of a key. */
export function requirePrefix(prefix: string): void {
  const segments = prefix.split('/');
  const last = segments.pop() ?? '';
  if (prefix.length <= maxKeyLength && lastPartGrammar.test(last) && segments.every(isSegment)) return;
  throw badKey(prefix);
}

/** Faults with 'store-failed' unless `range` lies within an object of `total` bytes. */
export function requireRange(key: string, range: ByteRange | undefined, total: number): void {
  if (!range || (range.start >= 0 && range.start <= range.end && range.end < total)) return;
  throw new Fault(
    'store-failed',
    `the store was asked for bytes ${range.start} to ${range.end} of ${key}, which has ${total}`,
    'The object is shorter than what was recorded of it: run a check of the store.',
  );
}

function isSegment(text: string): boolean {
  return segmentGrammar.test(text) && text !== '.' && text !== '..';
}

function badKey(key: string): Fault {
  return new Fault(
    'store-failed',
    `the store cannot keep anything under the key ${JSON.stringify(key.slice(0, 100))}`,
    'This is a mistake in Chartroom, please report it.',
  );
}
