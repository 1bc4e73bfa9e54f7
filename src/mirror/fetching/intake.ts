import { Budget } from '../../lib/budget.ts';

/** Bytes on their way in, of all upstreams together. What does not fit waits. */
export class Intake {
  readonly #all: Budget;
  readonly #shareBytes: number;
  readonly #shares = new Map<string, Budget>();

  constructor(maxBytes: number) {
    this.#all = new Budget(maxBytes);
    this.#shareBytes = maxBytes / 2;
  }

  /** Runs work that takes in up to `bytes`. One upstream has half of it at most: others must not wait for a slow one. */
  take<T>(upstream: string, bytes: number, work: () => Promise<T>): Promise<T> {
    const share = this.#shares.get(upstream) ?? new Budget(this.#shareBytes);
    this.#shares.set(upstream, share);
    const amount = Math.min(bytes, this.#shareBytes);
    return share.spend(amount, () => this.#all.spend(amount, work));
  }
}
