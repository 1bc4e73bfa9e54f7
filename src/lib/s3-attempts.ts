import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { asS3Failure, S3Failure } from './s3-failure.ts';

const maxAttempts = 4;
const firstWaitMs = 100;
const maxWaitMs = 2000;

export interface AttemptOptions {
  readonly clock: Clock;
  /** For all attempts and the waits between them. */
  readonly deadlineMs: number;
  /** Called with every failure, also those that another attempt follows. */
  readonly onFailure?: (failure: S3Failure) => void;
}

/**
 * Runs work until it succeeds, fails for good, has failed four times, or the time is up: then the signal it was given
 * aborts. What may pass is tried again after a random wait. Rejects with an `S3Failure`, the last one.
 */
export async function attempting<T>(work: (signal: AbortSignal) => Promise<T>, options: AttemptOptions): Promise<T> {
  const { clock, deadlineMs } = options;
  const over = new AbortController();
  const done = new AbortController();
  clock.sleep(deadlineMs, done.signal).then(
    () => over.abort(),
    () => undefined,
  );
  try {
    for (let failures = 1; ; failures += 1) {
      const outcome = await attempt(work, over.signal, deadlineMs);
      if (!(outcome instanceof S3Failure)) return outcome;
      options.onFailure?.(outcome);
      if (!outcome.passing || failures >= maxAttempts) throw outcome;
      await pause(clock, failures, over.signal, outcome);
    }
  } finally {
    done.abort();
  }
}

async function attempt<T>(
  work: (signal: AbortSignal) => Promise<T>,
  over: AbortSignal,
  deadlineMs: number,
): Promise<T | S3Failure> {
  try {
    return await work(over);
  } catch (error) {
    if (!over.aborted) return asS3Failure(error);
    return new S3Failure('Timeout', `no answer within ${Math.round(deadlineMs)} ms`, { cause: error });
  }
}

async function pause(clock: Clock, failures: number, over: AbortSignal, last: S3Failure): Promise<void> {
  await clock.sleep(backoffMs(failures, firstWaitMs, maxWaitMs), over).catch(() => {
    throw last;
  });
}
