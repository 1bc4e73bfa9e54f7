/** What to do along a body. */
export interface BodyWatch {
  /** Before each chunk is handed on. */
  readonly chunk?: (bytes: Uint8Array) => void;
  /** After the last chunk; may throw to say that there should have been more. */
  readonly complete?: () => void;
  /** What to throw instead of an error. */
  readonly failure?: (error: unknown) => unknown;
  /** Once, however the body ended: read, failed, or returned from early. */
  readonly closed?: () => void;
}

/**
 * The same chunks, watched. Unlike a generator it also hears of a reader who returns before the first chunk, so that
 * a body nobody wants gives its connection back at once.
 */
export function watchedBody(body: AsyncIterable<Uint8Array>, watch: BodyWatch): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => new WatchedIterator(body[Symbol.asyncIterator](), watch) };
}

class WatchedIterator implements AsyncIterator<Uint8Array, undefined> {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #watch: BodyWatch;
  #closed = false;

  constructor(chunks: AsyncIterator<Uint8Array>, watch: BodyWatch) {
    this.#chunks = chunks;
    this.#watch = watch;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      const result = await this.#chunks.next();
      if (!result.done) {
        this.#watch.chunk?.(result.value);
        return result;
      }
      if (!this.#closed) this.#watch.complete?.();
      this.#close();
      return { done: true, value: undefined };
    } catch (error) {
      this.#close();
      throw this.#watch.failure?.(error) ?? error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      await this.#chunks.return?.();
      return { done: true, value: undefined };
    } finally {
      this.#close();
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.closed?.();
  }
}
