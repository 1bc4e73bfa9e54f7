import { setTimeout as delay } from 'node:timers/promises';

/** The only source of time. Tests pass one that they turn by hand. */
export interface Clock {
  /** Wall clock, for what people read: milliseconds since the epoch. */
  now(): number;
  /** Never jumps, for measuring and for deadlines: milliseconds since some start. */
  elapsed(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. Never keeps the process alive by itself. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, { ref: false, ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/** A time as people and records write it: RFC 3339, UTC, whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Keeps the process alive until what it answers with is called: sleeping does not. */
export function keepAlive(): () => void {
  const timer = setInterval(() => undefined, 60_000);
  return () => clearInterval(timer);
}
