import type { IncomingHttpHeaders } from 'node:http';

import { LRUCache } from 'lru-cache';

import type { Clock } from '../../lib/clock.ts';
import { Pace } from '../../lib/pace.ts';
import type { Allowance } from '../contract.ts';
import type { HttpAnswer } from './http.ts';

interface UpstreamLimitsOptions {
  /** Requests at once, each until its body ended. */
  readonly concurrency: number;
  /** Requests begun in a second. */
  readonly requestsPerSecond: number;
  readonly clock: Clock;
}

/** An index may lead to many hosts; what the one heard of least lately said is forgotten. */
const maxHosts = 32;

/** How much is asked of one upstream: by our own limits, which all of its clients share, and by what its hosts say. */
export class UpstreamLimits {
  readonly #pace: Pace;
  readonly #clock: Clock;
  readonly #told = new LRUCache<string, { readonly allowance: Allowance; readonly atMs: number }>({ max: maxHosts });

  constructor({ concurrency, requestsPerSecond, clock }: UpstreamLimitsOptions) {
    this.#pace = new Pace({ width: concurrency, perSecond: requestsPerSecond, clock });
    this.#clock = clock;
  }

  /** Resolves when a request may begin, with what must be called when it ended. Rejects with the signal's reason. */
  turn(signal: AbortSignal): Promise<() => void> {
    return this.#pace.take(signal);
  }

  /** Takes note of what an answer says about the rate limit of the host it came from. */
  hear({ url, headers }: Pick<HttpAnswer, 'url' | 'headers'>): void {
    const allowance = readAllowance(headers, this.#clock.now());
    if (allowance) this.#told.set(url.origin, { allowance, atMs: this.#clock.elapsed() });
  }

  /** What the host with the least left said last; undefined when none said anything within its window. */
  allowance(): Allowance | undefined {
    const nowMs = this.#clock.elapsed();
    const fresh = [...this.#told.values()].filter(({ allowance, atMs }) => nowMs - atMs < allowance.windowMs);
    return fresh.map(({ allowance }) => allowance).toSorted((a, b) => a.remaining - b.remaining)[0];
  }
}

/** Whoever names a longer window means something else. */
const maxWindowMs = 24 * 60 * 60_000;

/**
 * Reads `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 76;w=21600`, as Docker Hub writes them, or
 * `x-ratelimit-limit`, `-remaining` and `-reset`, as GitHub does. Undefined when they are not there or say nothing.
 */
export function readAllowance(headers: IncomingHttpHeaders, nowMs: number): Allowance | undefined {
  for (const name of ['ratelimit', 'x-ratelimit']) {
    const limit = readCount(headers[`${name}-limit`]);
    const remaining = readCount(headers[`${name}-remaining`]);
    const windowMs = limit?.windowMs ?? untilReset(headers[`${name}-reset`], nowMs);
    if (!limit || !remaining || limit.count === 0 || windowMs <= 0 || windowMs > maxWindowMs) continue;
    return { remaining: Math.min(remaining.count, limit.count), limit: limit.count, windowMs };
  }
  return undefined;
}

/** A number of requests, maybe with the window it is for: `w` in seconds. */
function readCount(header: string | readonly string[] | undefined): Count | undefined {
  const [, count, window] = /^(\d{1,9})(?:;\s*w=(\d{1,9}))?$/.exec(String(header).trim()) ?? [];
  if (count === undefined) return undefined;
  return { count: Number(count), windowMs: window === undefined ? undefined : Number(window) * 1000 };
}

interface Count {
  readonly count: number;
  readonly windowMs: number | undefined;
}

/** Seconds since the epoch. No window that counts where it is none. */
function untilReset(header: string | readonly string[] | undefined, nowMs: number): number {
  return /^\d{10}$/.test(String(header)) ? Number(header) * 1000 - nowMs : 0;
}
