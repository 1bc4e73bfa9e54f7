import type { Clock } from '../../lib/clock.ts';

/** A bound on a piece of work, told by a clock that tests turn by hand, joined with the caller's own signal. */
export class Deadline {
  /** Aborts when the time is up or the caller gave up. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly #caller: AbortSignal | undefined;
  readonly #expiry = new AbortController();
  readonly #ended = new AbortController();

  constructor(clock: Clock, timeoutMs: number, caller?: AbortSignal) {
    this.timeoutMs = timeoutMs;
    this.#caller = caller;
    this.signal = caller ? AbortSignal.any([caller, this.#expiry.signal]) : this.#expiry.signal;
    clock.sleep(timeoutMs, this.#ended.signal).then(
      () => this.#expiry.abort(new Error(`more than ${timeoutMs} ms`)),
      () => undefined,
    );
  }

  /** Whether the time was up first. */
  get expired(): boolean {
    return this.#expiry.signal.aborted && !this.abandoned;
  }

  /** Whether the caller gave up. */
  get abandoned(): boolean {
    return this.#caller?.aborted ?? false;
  }

  /** Why the caller gave up. */
  get reason(): unknown {
    return this.#caller?.reason;
  }

  /** Calls back when the work is done, its time is up or the caller gave up: maybe more than once. */
  whenOver(callback: () => void): void {
    const over = (): void => {
      // what is listened to lives as long as the caller's signal
      this.signal.removeEventListener('abort', over);
      callback();
    };
    for (const signal of [this.#ended.signal, this.signal]) signal.addEventListener('abort', over);
  }

  /** The work is done: time no longer matters. */
  end(): void {
    this.#ended.abort();
  }

  /** The work's result, or the signal's reason when that comes first; the work itself goes on. */
  race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise<T>((resolve, reject) => {
      const stop = (): void => reject(signal.reason as Error);
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }
}
