/** What is no text in a list is no longer as text: `[object Object]`, or a number of 64 bits. */
const charsOfOther = 20;

/**
 * What a node may cost as a key, in characters; nothing unless it is a list. js-yaml takes lists for keys and writes one
 * down anew each time it is used, as long as its aliases make it. A listener spends this at every 'close', whatever was
 * spent for the same list before: it grows until it is closed, and may be a key within itself.
 */
export function charsAsKey(node: unknown): number {
  if (!Array.isArray(node)) return 0;
  const items: readonly unknown[] = node;
  return items.reduce<number>((sum, one) => sum + (typeof one === 'string' ? one.length + 2 : charsOfOther), 0);
}
