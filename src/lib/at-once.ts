import { setImmediate as breathe } from 'node:timers/promises';

/** How much of one listing is asked for at once where nobody says, so that others get their turn in between. */
export const defaultWidth = 4;

/** The results of all of the work, in the order of the items; at most `width` at once. The first failure ends the others. */
export async function mapAtOnce<T, R>(
  items: readonly T[],
  width: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<readonly R[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const results: R[] = [];
  const queue = items.entries();
  const workers = Array.from({ length: Math.min(width, items.length) }, async () => {
    for (const [at, item] of queue) results[at] = await work(item, either);
  });
  try {
    await Promise.all(workers);
    return results;
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(workers);
    throw error;
  }
}

/** So many rows of a listing are a few milliseconds of work. */
const pieceSize = 200;

/** Does small work on each of many items, one after the other; others on the main thread get their turn in between. */
export async function inPieces<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  let done = 0;
  for (const item of items) {
    if (done % pieceSize === 0) await breathe();
    work(item);
    done += 1;
  }
}
