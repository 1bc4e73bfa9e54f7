import { describe, expect, it } from 'vitest';

import { TooManyBytes } from '../../src/lib/bytes.ts';
import { Gathering, sendOn, type Batch } from '../../src/lib/gathering.ts';

const mebibyte = 1024 * 1024;

/** Chunks of these sizes, each full of its own number. */
async function* body(...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const [at, size] of sizes.entries()) yield new Uint8Array(size).fill(at + 1);
}

const whole = (...sizes: readonly number[]): Buffer =>
  Buffer.concat(sizes.map((size, at) => Buffer.alloc(size, at + 1)));

describe('a body on its way to a thread', () => {
  it('arrives whole, in batches that are never large', async () => {
    const sizes = [3, 700_000, 700_000, 5, 2_000_000, 1];
    const gathering = new Gathering(10 * mebibyte);
    const batches: number[] = [];
    const size = await sendOn('a', body(...sizes), 10 * mebibyte, async (batch) => {
      batches.push(batch.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
      gathering.add(batch);
    });
    expect(gathering.body('a', size)).toEqual(new Uint8Array(whole(...sizes)));
    expect(batches).toEqual([1_400_003, 2_000_005, 1]);
  });

  it('may be empty', async () => {
    const gathering = new Gathering(10);
    expect(await sendOn('a', body(), 10, async (batch) => gathering.add(batch))).toBe(0);
    expect(gathering.body('a', 0)).toHaveLength(0);
  });

  it('is refused as soon as there is more of it than allowed', async () => {
    const sent: Batch[] = [];
    const send = async (batch: Batch) => void sent.push(batch);
    await expect(sendOn('a', body(6, 6), 10, send)).rejects.toThrow(TooManyBytes);
    expect(sent).toEqual([]);
  });

  it('is read no faster than it is taken', async () => {
    let read = 0;
    const taken: (() => void)[] = [];
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        read += 1;
        yield new Uint8Array(mebibyte);
      }
    }
    const sending = sendOn('a', endless(), 20 * mebibyte, () => new Promise<void>((resolve) => taken.push(resolve)));
    const settle = async () => {
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    };
    await settle();
    expect(read).toBe(3);
    taken[0]?.();
    await settle();
    expect(read).toBe(4);
    const refused = sending.catch((error: unknown) => error);
    for (let at = 0; at < 21; at += 1) {
      taken[at]?.();
      await settle();
    }
    expect(await refused).toBeInstanceOf(TooManyBytes);
  });

  it('is given up when it breaks off or nobody takes it', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(2 * mebibyte);
      throw new Error('cut');
    }
    await expect(sendOn('a', broken(), 10 * mebibyte, async () => undefined)).rejects.toThrow('cut');
    const refuse = () => Promise.reject(new Error('the thread ended'));
    await expect(sendOn('a', body(2 * mebibyte, 1), 10 * mebibyte, refuse)).rejects.toThrow('the thread ended');
    await expect(sendOn('a', broken(), 10 * mebibyte, refuse)).rejects.toThrow('cut');
  });
});

describe('what gathers bodies', () => {
  it('keeps them apart, and says when one is not whole', () => {
    const gathering = new Gathering(100);
    gathering.add({ id: 'a', at: 0, chunks: [Uint8Array.of(1, 2)] });
    gathering.add({ id: 'b', at: 0, chunks: [Uint8Array.of(9)] });
    gathering.add({ id: 'a', at: 2, chunks: [Uint8Array.of(3)] });
    gathering.add({ id: 'b', at: 7, chunks: [Uint8Array.of(8)] });
    expect(gathering.body('a', 3)).toEqual(Uint8Array.of(1, 2, 3));
    expect([gathering.body('a', 4), gathering.body('b', 8), gathering.body('c', 0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('gives back memory: of chunks at once, of a body when it is dropped', () => {
    const gathering = new Gathering(100);
    const [first, second] = [new Uint8Array(8), new Uint8Array(8)];
    gathering.add({ id: 'a', at: 0, chunks: [first.subarray(0, 4), first.subarray(4)] });
    gathering.add({ id: 'a', at: 4, chunks: [second] });
    expect([first.byteLength, second.byteLength]).toEqual([0, 0]);
    const body = gathering.body('a', 8);
    gathering.drop('a');
    expect([body?.byteLength, gathering.body('a', 8)]).toEqual([0, undefined]);
    gathering.drop('a');
  });
});
