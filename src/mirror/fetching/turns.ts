import { Fault } from '../../chart/fault.ts';
import { Limiter } from '../../lib/limiter.ts';
import type { Known } from '../committing/known.ts';
import type { UpstreamSettings } from '../settings.ts';

/** Somebody is waiting for it, or it is done ahead. */
export type Urgency = 'request' | 'ahead';

/**
 * Work at an upstream takes its turn here: so many at once, requests before what is done ahead, and nobody while the
 * upstream wants to be left alone.
 */
export class Turns {
  readonly #limiters = new WeakMap<Known, Limiter>();

  /** Rejects with what the work rejects with, with 'rate-limited' while nobody may ask, with 'unavailable' when retired. */
  take<T>(known: Known, urgency: Urgency, work: () => Promise<T>): Promise<T> {
    const limiter = this.#limiters.get(known) ?? limiterOf(known.settings);
    this.#limiters.set(known, limiter);
    return limiter.run(() => considerately(known, work), { urgent: urgency === 'request' });
  }
}

/** Downloads ahead must not make a request wait for their end: one place is left free, where there are several. */
function limiterOf({ concurrency }: UpstreamSettings): Limiter {
  return new Limiter(concurrency, concurrency > 1 ? 1 : 0);
}

async function considerately<T>(known: Known, work: () => Promise<T>): Promise<T> {
  if (known.settings.retired) throw retired(known);
  const refusal = known.brake.refusal();
  if (refusal) throw refusal;
  try {
    const result = await work();
    known.brake.noteSuccess(known.settings.upstream.allowance());
    return result;
  } catch (error) {
    known.brake.note(error);
    throw error;
  }
}

function retired({ name }: Known): Fault {
  return new Fault(
    'unavailable',
    `${name}: is retired, and so it is not asked for anything.`,
    'What is held of it goes on being served. Set retired: false to fetch more.',
  );
}
