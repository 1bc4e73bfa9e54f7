import { Fault } from '../../chart/fault.ts';
import type { Engine } from '../engine.ts';
import { waitAtMost } from '../patience.ts';

const everyMs = 100;

/** Looks at what other replicas committed, for those who ask for what this one does not know: ten times a second at most. */
export class Looks {
  readonly #engine: Pick<Engine, 'committed' | 'repositories' | 'clock'>;
  readonly #maxWaitMs: () => number;
  #begunMs = -Infinity;
  /** One that has not begun yet: it serves whoever asks until then. */
  #next: Promise<void> | undefined;

  constructor(engine: Pick<Engine, 'committed' | 'repositories' | 'clock'>, maxWaitMs: () => number) {
    this.#engine = engine;
    this.#maxWaitMs = maxWaitMs;
  }

  /**
   * Resolves when a repository serves what was committed before this call. Rejects with 'store-failed', also when that
   * takes too long.
   */
  next(repository: string): Promise<void> {
    return waitAtMost(this.#look(repository), this.#maxWaitMs(), this.#engine.clock, storeTooSlow);
  }

  async #look(repository: string): Promise<void> {
    this.#next ??= this.#turn().then(() => {
      this.#next = undefined;
      this.#begunMs = this.#engine.clock.elapsed();
      return this.#engine.committed.follow();
    });
    await this.#next;
    await this.#engine.repositories.find(repository).refresh();
  }

  async #turn(): Promise<void> {
    const { clock } = this.#engine;
    const waitMs = this.#begunMs + everyMs - clock.elapsed();
    if (waitMs > 0) await clock.sleep(waitMs);
  }
}

/** What whoever waits is told when the store does not answer in time. */
export function storeTooSlow(): Fault {
  return new Fault('store-failed', 'The store takes too long.', 'Look at the store.');
}
