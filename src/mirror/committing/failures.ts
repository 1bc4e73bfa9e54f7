import { plainFault, reviveFault, type Fault, type PlainFault } from '../../chart/fault.ts';
import { backoffMs } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';

/** A failed version as it is written down for other processes: times in milliseconds since the epoch. */
export interface NotedFailure {
  readonly chart: string;
  readonly version: string;
  readonly fault: PlainFault;
  readonly attempts: number;
  readonly nextMs: number;
}

interface Failure extends Omit<NotedFailure, 'fault'> {
  readonly fault: Fault;
}

const firstRetryMs = 60_000;
const maxRetryMs = 24 * 60 * 60_000;
/** So many are shown and written down. */
const maxNoted = 200;

/** Chart versions of one upstream that could not be fetched ahead, each left alone for longer and longer. */
export class Failures {
  readonly #clock: Clock;
  /** `nextMs` by `Clock.elapsed`. */
  readonly #failures = new Map<string, Failure>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of one more failed attempt, and answers with how many there were. */
  add(chart: string, version: string, fault: Fault): number {
    const key = `${chart}/${version}`;
    const attempts = (this.#failures.get(key)?.attempts ?? 0) + 1;
    const nextMs = this.#clock.elapsed() + waitMs(fault, attempts);
    this.#failures.set(key, { chart, version, fault, attempts, nextMs });
    return attempts;
  }

  remove(chart: string, version: string): void {
    this.#failures.delete(`${chart}/${version}`);
  }

  /** How long a version is still to be left alone; 0 when it need not be. */
  waitMs(chart: string, version: string): number {
    const failure = this.#failures.get(`${chart}/${version}`);
    return failure ? Math.max(0, failure.nextMs - this.#clock.elapsed()) : 0;
  }

  /** How the last attempt at a version failed; undefined when it did not. */
  faultOf(chart: string, version: string): Fault | undefined {
    return this.#failures.get(`${chart}/${version}`)?.fault;
  }

  /** An operator wants them tried now. */
  hurry(): void {
    const nextMs = this.#clock.elapsed();
    for (const [key, failure] of this.#failures) this.#failures.set(key, { ...failure, nextMs });
  }

  /** Those that are tried again first, 200 at most. */
  noted(): readonly NotedFailure[] {
    const offsetMs = this.#clock.now() - this.#clock.elapsed();
    return [...this.#failures.values()]
      .toSorted((a, b) => a.nextMs - b.nextMs)
      .slice(0, maxNoted)
      .map(({ fault, nextMs, ...failure }) => ({
        ...failure,
        fault: plainFault(fault),
        nextMs: Math.round(nextMs + offsetMs),
      }));
  }

  /** Takes over what another process wrote down. */
  adopt(noted: readonly NotedFailure[]): void {
    const offsetMs = this.#clock.now() - this.#clock.elapsed();
    this.#failures.clear();
    for (const { fault, nextMs, ...failure } of noted) {
      const key = `${failure.chart}/${failure.version}`;
      // what was written down may come from a clock that was wrong
      const soonMs = Math.min(nextMs - offsetMs, this.#clock.elapsed() + maxRetryMs);
      this.#failures.set(key, { ...failure, fault: reviveFault(fault), nextMs: soonMs });
    }
  }
}

/** What is gone is seldom put back; but an index may be published before its archives are. */
function waitMs(fault: Fault, attempts: number): number {
  if (fault.code === 'not-found' && attempts > 1) return maxRetryMs * (0.9 + 0.1 * Math.random());
  return firstRetryMs + backoffMs(attempts, firstRetryMs, maxRetryMs - firstRetryMs);
}
