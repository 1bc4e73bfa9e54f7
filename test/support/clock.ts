import type { Clock } from '../../src/lib/clock.ts';

/** A clock that only moves when told to. */
export class ManualClock implements Clock {
  #nowMs: number;
  #jumpedMs = 0;
  readonly #ticksMs: number;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  /** `ticksMs`: nobody sleeps for less, so that months pass in few steps. */
  constructor(startMs = Date.parse('2026-01-01T00:00:00Z'), ticksMs = 0) {
    this.#nowMs = startMs;
    this.#ticksMs = ticksMs;
  }

  now(): number {
    return this.#nowMs + this.#jumpedMs;
  }

  /** Sets the wall clock on, or back, as an operator does: no time passes. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  elapsed(): number {
    return this.#nowMs;
  }

  /** How many are asleep. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const leave = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason as Error);
      };
      const wake = (): void => {
        // who never leaves must not be remembered for as long as the signal lives
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const sleeper = { atMs: this.#nowMs + Math.max(ms, this.#ticksMs), wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', leave);
    });
  }

  /** Moves time on, waking everybody whose time has come, in order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#sleepers.filter((one) => one.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!next) break;
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#nowMs = untilMs;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
