import type { Readable } from 'node:stream';
import { isMarkedAsUntransferable } from 'node:worker_threads';

/** First and last byte, both included, as in HTTP. Always within the object when it reaches a store. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Bytes on their way out. `size` counts what `body` will deliver (the range, when one was asked for), `total` the
 * whole object. A `Readable` must be consumed or destroyed by whoever received it.
 */
export interface OpenBytes {
  readonly size: number;
  readonly total: number;
  readonly body: Buffer | Readable;
}

/** More bytes came than the caller allows. */
export class TooManyBytes extends Error {
  override readonly name = 'TooManyBytes';
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`more than ${maxBytes} bytes`);
    this.maxBytes = maxBytes;
  }
}

/** The chunks of a body, never more than `maxBytes`. Throws `TooManyBytes` and stops reading beyond it. */
export async function readChunks(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new TooManyBytes(maxBytes);
    chunks.push(chunk);
  }
  return chunks;
}

/** The memory of chunks that can move to another thread instead of being copied: all but Node's shared pool. */
export function movable(chunks: readonly Uint8Array[]): readonly ArrayBuffer[] {
  const buffers = new Set(chunks.map((chunk) => chunk.buffer).filter((buffer) => buffer instanceof ArrayBuffer));
  return [...buffers].filter((buffer) => !isMarkedAsUntransferable(buffer));
}

/**
 * The chunks as one, in memory that is given back to the system at once when `free` is called, where tens of megabytes
 * would wait for a collection and leave fragments in the heap.
 */
export function joinChunks(chunks: readonly Uint8Array[]): { readonly bytes: Uint8Array; readonly free: () => void } {
  const size = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  // resizable buffers are mapped by themselves
  const buffer = new ArrayBuffer(size, { maxByteLength: size });
  const bytes = new Uint8Array(buffer, 0, size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return { bytes, free: () => void buffer.transfer(0) };
}

/** The whole body as one buffer, never more than `maxBytes`. Throws `TooManyBytes` beyond it. */
export async function readAll(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  return Buffer.concat(await readChunks(body, maxBytes));
}
