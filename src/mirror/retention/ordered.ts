/**
 * The results of `work` in the order of what it was given, with at most `width` of it under way. The first failure, in
 * that order, ends it; what is under way then ends by itself, unheard.
 */
export async function* mapInOrder<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  width: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const underWay: Promise<R>[] = [];
  for await (const item of source) {
    const begun = work(item);
    // it is listened to when its turn comes, which may be never
    begun.catch(() => undefined);
    underWay.push(begun);
    const next = underWay.length < width ? undefined : underWay.shift();
    if (next) yield await next;
  }
  for (const next of underWay) yield await next;
}
