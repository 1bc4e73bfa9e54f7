import { describe, expect, it } from 'vitest';

import { joinChunks, movable, readAll, readChunks, TooManyBytes } from '../../src/lib/bytes.ts';

/** Chunks of these sizes, counted as they are taken. */
function body(...sizes: readonly number[]) {
  let taken = 0;
  let closed = false;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (const size of sizes) {
        taken += 1;
        yield new Uint8Array(size).fill(taken);
      }
    } finally {
      closed = true;
    }
  }
  return { chunks: chunks(), taken: () => taken, closed: () => closed };
}

const whole = Buffer.concat([Buffer.alloc(3, 1), Buffer.alloc(70_000, 2), Buffer.alloc(1, 3)]);

describe('a body', () => {
  it('is read whole, as it came or as one', async () => {
    const chunks = await readChunks(body(3, 70_000, 1).chunks, 70_004);
    expect(Buffer.concat(chunks).equals(whole)).toBe(true);
    expect(Buffer.from(joinChunks(chunks).bytes).equals(whole)).toBe(true);
    expect((await readAll(body(3, 70_000, 1).chunks, 70_004)).equals(whole)).toBe(true);
  });

  it('may be empty', async () => {
    expect(joinChunks(await readChunks(body().chunks, 10)).bytes.byteLength).toBe(0);
    expect((await readAll(body(0, 0).chunks, 0)).length).toBe(0);
  });

  it('is refused as soon as there is more of it than allowed, and left', async () => {
    const { chunks, taken, closed } = body(5, 5, 1, 5, 5);
    const error: unknown = await readChunks(chunks, 10).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TooManyBytes);
    expect(error).toMatchObject({ maxBytes: 10 });
    expect([taken(), closed()]).toEqual([3, true]);
  });
});

describe('chunks on their way to another thread', () => {
  it('move each memory once, and leave the shared pool where it is', () => {
    const own = new Uint8Array(100_000);
    const pooled = Buffer.from('short');
    expect(movable([own.subarray(0, 10), pooled, own.subarray(10), Buffer.from(new SharedArrayBuffer(8))])).toEqual([
      own.buffer,
    ]);
  });

  it('give their joined memory back when told to', () => {
    const { bytes, free } = joinChunks([new Uint8Array(70_000)]);
    free();
    expect(bytes.byteLength).toBe(0);
  });
});
