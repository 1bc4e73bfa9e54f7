import { isDeepStrictEqual } from 'node:util';

import type { Clock } from './clock.ts';
import { SingleFlight } from './single-flight.ts';

/** A value that was made, and until when it is good: milliseconds since the epoch, for ever when absent. */
export interface Made<T> {
  readonly value: T;
  readonly expiresMs?: number | undefined;
}

/** By both clocks: the wall's may be set, the other one stands still while the machine sleeps. */
interface Moment {
  readonly nowMs: number;
  readonly elapsedMs: number;
}

interface Kept<T> {
  readonly value: T;
  readonly made: Moment;
  readonly lifeMs: number;
}

const renewAfter = 0.8;
/** Of a value that ends so soon its renewal is waited for; of a shorter life in its last tenth. */
const urgentMs = 60_000;
/** Between two attempts, and the least age at which a value is given up. */
const pauseMs = 10_000;

/**
 * A value that ends, such as a login, renewed before it does: at 80 % of its life, once for all who ask, and beside them:
 * only in its last minute do they wait for the new one. While none can be had, the old one is given to its end. After a
 * failure the next attempt waits 10 s; until then those who have no good value get the same failure.
 */
export class Renewing<T> {
  readonly #make: () => Promise<Made<T>>;
  readonly #clock: Clock;
  readonly #flight = new SingleFlight<T>();
  #kept: Kept<T> | undefined;
  #failed: { readonly error: unknown; readonly at: Moment } | undefined;

  constructor(make: () => Promise<Made<T>>, clock: Clock) {
    this.#make = make;
    this.#clock = clock;
  }

  /** One that is good now. Rejects with what `make` rejected with. */
  async get(): Promise<T> {
    const kept = this.#kept;
    if (!kept) return this.#renewed();
    const { lifeMs } = kept;
    const usedMs = this.#since(kept.made);
    if (usedMs >= lifeMs) return this.#renewed();
    if (usedMs < lifeMs * renewAfter) return kept.value;
    const renewal = this.#renewed().catch(() => kept.value);
    return lifeMs - usedMs > Math.min(urgentMs, lifeMs / 10) ? kept.value : renewal;
  }

  /**
   * Gives up a value that somebody refused: the next one is made anew. One that has replaced it meanwhile stays, and so
   * does one made in the last 10 s: another would be refused as well.
   */
  drop(value: T): void {
    const kept = this.#kept;
    if (!kept || this.#since(kept.made) < pauseMs) return;
    if (isDeepStrictEqual(kept.value, value)) this.#kept = undefined;
  }

  async #renewed(): Promise<T> {
    const failed = this.#failed;
    if (failed && this.#since(failed.at) < pauseMs) throw failed.error;
    return this.#flight.run('value', () => this.#renew());
  }

  async #renew(): Promise<T> {
    try {
      const { value, expiresMs = Infinity } = await this.#make();
      const made = this.#moment();
      // what has ended by our clock when it comes is good by the clock of whoever made it
      this.#kept = { value, made, lifeMs: Math.max(expiresMs - made.nowMs, pauseMs) };
      this.#failed = undefined;
      return value;
    } catch (error) {
      this.#failed = { error, at: this.#moment() };
      throw error;
    }
  }

  #moment(): Moment {
    return { nowMs: this.#clock.now(), elapsedMs: this.#clock.elapsed() };
  }

  #since({ nowMs, elapsedMs }: Moment): number {
    return Math.max(this.#clock.now() - nowMs, this.#clock.elapsed() - elapsedMs);
  }
}
