/** Exponential backoff with full jitter: a random wait up to `firstMs * 2^(failures-1)`, never above `maxMs`. */
export function backoffMs(
  failures: number,
  firstMs: number,
  maxMs: number,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(ceiling * random());
}
