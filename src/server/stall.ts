import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How often the loop is looked at: a stall is known to this precision, and unseen when it begins this soon after a `take`. */
const resolutionMs = 5;

/** Measures for how long the event loop stands still, from `start` to `stop`. */
export class StallMeter {
  readonly #delays = monitorEventLoopDelay({ resolution: resolutionMs });

  start(): void {
    this.#delays.enable();
  }

  stop(): void {
    this.#delays.disable();
  }

  /** The longest stall since this was asked last, in seconds; 0 when there was none. */
  take(): number {
    // a look that comes on time counts as late by the time between two of them
    const longestMs = this.#delays.max / 1e6 - resolutionMs;
    this.#delays.reset();
    return Math.max(0, longestMs) / 1000;
  }
}
