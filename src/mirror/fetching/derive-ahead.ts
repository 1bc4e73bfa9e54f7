import { LRUCache } from 'lru-cache';

import { Fault } from '../../chart/fault.ts';
import { mapAtOnce } from '../../lib/at-once.ts';
import type { Clock } from '../../lib/clock.ts';
import { Limiter } from '../../lib/limiter.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { DamagedBlob } from '../../store/blobs.ts';
import type { Known } from '../committing/known.ts';

export interface DerivingAheadParts {
  readonly clock: Clock;
  /** Ends when the process stops. */
  readonly signal: AbortSignal;
}

/** What is derived ahead of one chart. */
export interface Rest {
  /** The versions that lack an image, in the order in which they get one. */
  readonly versions: () => Promise<readonly string[]>;
  readonly derive: (version: string) => Promise<unknown>;
}

const archivesAtOnce = 2;
const maxAhead = 5_000;
/** A chart that was looked through has hardly more a moment later. */
const restMs = 60_000;
const maxRemembered = 10_000;

/**
 * Derives what clients who walk through a chart's versions ask for next, so that all of it is committed together and not
 * each for itself. What fails is left to whoever asks for it.
 */
export class DerivingAhead {
  readonly #parts: DerivingAheadParts;
  readonly #flights = new SingleFlight<void>();
  /** For all charts together. */
  readonly #places = new Limiter(archivesAtOnce);
  /** When a chart was looked through last, by upstream and name. */
  readonly #lookedMs = new LRUCache<string, number>({ max: maxRemembered });

  constructor(parts: DerivingAheadParts) {
    this.#parts = parts;
  }

  /** Begins with the rest of a chart, unless that was done within a minute. Ends with the upstream's settings. */
  begin(known: Known, chart: string, rest: Rest): void {
    const [name, nowMs] = [nameOf(known, chart), this.#parts.clock.elapsed()];
    if (nowMs - (this.#lookedMs.get(name) ?? -Infinity) < restMs) return;
    this.#lookedMs.set(name, nowMs);
    void this.#flights.run(name, () => this.#derive(known, rest).catch(() => undefined));
  }

  /** What is under way of a chart; never rejects. */
  underWay(known: Known, chart: string): Promise<void> | undefined {
    return this.#flights.underWay(nameOf(known, chart));
  }

  /** Resolves when nothing is being derived ahead. */
  idle(): Promise<void> {
    return this.#flights.idle();
  }

  async #derive({ term }: Known, { versions, derive }: Rest): Promise<void> {
    const signal = AbortSignal.any([this.#parts.signal, term]);
    const rest = (await versions()).slice(0, maxAhead);
    await mapAtOnce(rest, archivesAtOnce, signal, (version, either) =>
      this.#places.run(async () => {
        if (!either.aborted) await derive(version).catch(unlessStore);
      }),
    );
  }
}

function nameOf({ id }: Known, chart: string): string {
  return `${id}/${chart}`;
}

/** A store that does not answer is not asked for all the others. */
function unlessStore(error: unknown): void {
  const isGone = error instanceof Fault && error.code === 'store-failed' && !(error.cause instanceof DamagedBlob);
  if (isGone) throw error;
}
