import type { Clock } from './clock.ts';

interface PaceOptions {
  /** Turns at once. */
  readonly width: number;
  /** Turns begun in a second. */
  readonly perSecond: number;
  readonly clock: Clock;
}

/** After a pause so much of a second's turns may begin at once. */
const burstShare = 0.2;

/**
 * At most `width` turns at once, and `perSecond` begun in a second: evenly spaced, but for a fifth of a second's worth
 * that may begin together after a pause. Who came first goes first.
 */
export class Pace {
  readonly #width: number;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  /** How far ahead of even spacing a turn may begin. */
  readonly #toleranceMs: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;
  /** When the next turn begins where all are evenly spaced. */
  #dueMs = 0;
  #asleep = false;

  constructor({ width, perSecond, clock }: PaceOptions) {
    this.#width = width;
    this.#clock = clock;
    this.#intervalMs = 1000 / perSecond;
    this.#toleranceMs = (Math.max(1, Math.floor(perSecond * burstShare)) - 1) * this.#intervalMs;
  }

  /** Resolves when it is the caller's turn, with what ends it, once. Rejects with the signal's reason when that comes first. */
  take(signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        resolve(this.#oneTurn());
      };
      const leave = (): void => {
        this.#waiting.delete(begin);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(begin);
      this.#beginSome();
    });
  }

  #oneTurn(): () => void {
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#running -= 1;
      this.#beginSome();
    };
  }

  #beginSome(): void {
    for (const begin of this.#waiting) {
      if (this.#running >= this.#width) return;
      const nowMs = this.#clock.elapsed();
      const waitMs = this.#dueMs - this.#toleranceMs - nowMs;
      if (waitMs > 0) return this.#beginLater(waitMs);
      this.#dueMs = Math.max(this.#dueMs, nowMs) + this.#intervalMs;
      this.#running += 1;
      this.#waiting.delete(begin);
      begin();
    }
  }

  #beginLater(waitMs: number): void {
    if (this.#asleep) return;
    this.#asleep = true;
    void this.#clock.sleep(Math.ceil(waitMs)).then(() => {
      this.#asleep = false;
      this.#beginSome();
    });
  }
}
