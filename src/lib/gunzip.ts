import { crc32, gunzipSync, inflateRawSync } from 'node:zlib';

import { TooManyBytes } from './bytes.ts';

/** Bytes that are not gzip, are damaged, or end before they should. */
export class BadGzip extends Error {
  override readonly name = 'BadGzip';
}

export interface Unzipped {
  readonly bytes: Buffer;
  /** Bytes follow the compressed ones that are neither gzip nor padding. */
  readonly trailing: boolean;
}

const chunkSize = 64 * 1024;

/**
 * Decompresses gzip (RFC 1952), all members of it, checksums included, never to more than `maxBytes`. Zeros behind the
 * end are padding; other bytes there are left alone and reported. Throws `TooManyBytes` or `BadGzip`.
 */
export function gunzip(bytes: Uint8Array, maxBytes: number): Unzipped {
  const options = { maxOutputLength: maxBytes, chunkSize };
  try {
    return { bytes: gunzipSync(bytes, options), trailing: false };
  } catch (error) {
    const problem = asProblem(error, maxBytes);
    const first = problem instanceof BadGzip ? firstMember(bytes, maxBytes) : undefined;
    if (!first) throw problem;
    return first;
  }
}

function asProblem(error: unknown, maxBytes: number): Error {
  if (!(error instanceof Error && 'code' in error)) return new BadGzip(String(error));
  if (error.code === 'ERR_BUFFER_TOO_LARGE') return new TooManyBytes(maxBytes);
  return new BadGzip(error.code === 'Z_BUF_ERROR' ? 'the gzip data end too early' : error.message, { cause: error });
}

/** zlib gives nothing back when garbage follows: then the first member alone, or undefined when that is damaged. */
function firstMember(bytes: Uint8Array, maxBytes: number): Unzipped | undefined {
  const start = headerLength(bytes);
  if (start === undefined) return undefined;
  try {
    const { buffer, engine } = inflate(bytes.subarray(start), maxBytes);
    const end = start + engine.bytesWritten;
    if (end + 8 >= bytes.length) return undefined;
    const trailer = Buffer.from(bytes.buffer, bytes.byteOffset + end, 8);
    const whole = trailer.readUInt32LE(0) === crc32(buffer) && trailer.readUInt32LE(4) === buffer.length % 2 ** 32;
    return whole && !startsMember(bytes, end + 8) ? { bytes: buffer, trailing: true } : undefined;
  } catch (error) {
    const problem = asProblem(error, maxBytes);
    if (problem instanceof TooManyBytes) throw problem;
    return undefined;
  }
}

/** With `info` the result also says how many bytes were used, which the type declarations leave out. */
function inflate(bytes: Uint8Array, maxBytes: number): { buffer: Buffer; engine: { bytesWritten: number } } {
  return inflateRawSync(bytes, { maxOutputLength: maxBytes, chunkSize, info: true }) as unknown as {
    buffer: Buffer;
    engine: { bytesWritten: number };
  };
}

/** A further member that is damaged is damage, not garbage. */
function startsMember(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x1f && bytes[at + 1] === 0x8b;
}

/** Flags of RFC 1952 section 2.3.1. */
const flags = { headerChecksum: 2, extra: 4, name: 8, comment: 16 };

function headerLength(bytes: Uint8Array): number | undefined {
  const flag = bytes[3] ?? 0;
  if (bytes.length < 18 || !startsMember(bytes, 0) || bytes[2] !== 8) return undefined;
  let at: number | undefined = 10;
  if (flag & flags.extra) at += 2 + Buffer.from(bytes.buffer, bytes.byteOffset + at, 2).readUInt16LE();
  if (flag & flags.name) at = behindText(bytes, at);
  if (flag & flags.comment) at = behindText(bytes, at);
  return at !== undefined && flag & flags.headerChecksum ? at + 2 : at;
}

function behindText(bytes: Uint8Array, start: number | undefined): number | undefined {
  const end = start === undefined ? -1 : bytes.indexOf(0, start);
  return end < 0 ? undefined : end + 1;
}
