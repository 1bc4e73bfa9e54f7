import { Fault } from '../../chart/fault.ts';
import { backoffMs } from '../../lib/backoff.ts';
import { timestamp, type Clock } from '../../lib/clock.ts';
import type { Allowance } from '../../upstream/contract.ts';

const firstPauseMs = 60_000;
const maxPauseMs = 60 * 60_000;
/** So many refusals or time-outs in a row, and the rest of the work ahead of requests would fare no better. */
const maxTroubles = 8;
/** The share of a rate limit that is left to requests. */
const reservedShare = 0.1;
/** How often within a window it is looked whether there is more again. */
const triesPerWindow = 4;

/**
 * Whether an upstream wants to be left alone: it said so, or refused or hung several times in a row, or its rate limit
 * is nearly used up. The first holds for everybody, the others for the work that nobody waits for.
 */
export class Brake {
  readonly #upstream: string;
  readonly #clock: Clock;
  /** Until when nobody may ask. */
  #limitedUntilMs = 0;
  /** Until when nothing is done ahead. */
  #pausedUntilMs = 0;
  #limits = 0;
  #troubles = 0;
  #isShort = false;

  constructor(upstream: string, clock: Clock) {
    this.#upstream = upstream;
    this.#clock = clock;
  }

  /** How long the work ahead of requests must pause; 0 when it need not. */
  get pauseMs(): number {
    return Math.max(0, Math.max(this.#pausedUntilMs, this.#limitedUntilMs) - this.#clock.elapsed());
  }

  /** Whether only the reserve was left when it was last heard of. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** The fault for whoever would ask now, while the upstream said that nobody may. */
  refusal(): Fault | undefined {
    const waitMs = this.#limitedUntilMs - this.#clock.elapsed();
    if (waitMs <= 0) return undefined;
    const until = timestamp(this.#clock.now() + waitMs);
    const message = `${this.#upstream}: asked us to slow down, so nothing is asked of it before ${until}.`;
    const advice = 'What is held goes on being served. Credentials with a higher limit help, where there are such.';
    return new Fault('rate-limited', message, advice, { retryAfterMs: waitMs });
  }

  /** Takes note of how a request went that did not go well. */
  note(error: unknown): void {
    if (!(error instanceof Fault)) return;
    if (error.code === 'rate-limited') return this.#limit(error.retryAfterMs);
    const isTrouble = error.code === 'unauthorized' || error.timedOut;
    this.#troubles = isTrouble ? this.#troubles + 1 : 0;
    if (this.#troubles < maxTroubles) return;
    this.#pause(error.retryAfterMs ?? firstPauseMs);
  }

  /** Takes note of a request that went well, and of what is left of the rate limit. */
  noteSuccess(allowance: Allowance | undefined): void {
    this.#troubles = 0;
    this.#limits = 0;
    this.#isShort = allowance !== undefined && allowance.remaining <= Math.ceil(allowance.limit * reservedShare);
    if (allowance && this.#isShort) this.#pause(allowance.windowMs / triesPerWindow);
  }

  /** Until when nobody may ask: milliseconds since the epoch, for other processes. Undefined when everybody may. */
  get limitedUntil(): number | undefined {
    const waitMs = this.#limitedUntilMs - this.#clock.elapsed();
    return waitMs > 0 ? Math.round(this.#clock.now() + waitMs) : undefined;
  }

  /** Takes over what another process was told. */
  limitUntil(epochMs: number): void {
    const untilMs = this.#clock.elapsed() + epochMs - this.#clock.now();
    this.#limitedUntilMs = Math.max(this.#limitedUntilMs, untilMs);
  }

  /** An operator wants it tried now. */
  release(): void {
    this.#limitedUntilMs = 0;
    this.#pausedUntilMs = 0;
    this.#limits = 0;
    this.#troubles = 0;
    this.#isShort = false;
  }

  /** An upstream that does not say for how long is asked by those who wait, and by nobody else for a while. */
  #limit(retryAfterMs: number | undefined): void {
    this.#limits += 1;
    if (retryAfterMs === undefined)
      return this.#pause(firstPauseMs + backoffMs(this.#limits, firstPauseMs, maxPauseMs));
    this.#limitedUntilMs = Math.max(this.#limitedUntilMs, this.#clock.elapsed() + retryAfterMs);
  }

  #pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.elapsed() + ms);
  }
}
