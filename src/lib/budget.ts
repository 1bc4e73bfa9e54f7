/** A number of bytes that work may use at once; what does not fit waits in order of arrival. */
export class Budget {
  readonly #total: number;
  readonly #waiting: { readonly amount: number; readonly begin: () => void }[] = [];
  #free: number;

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /** Runs work that uses up to `amount`. What is larger than the whole budget runs alone. */
  async spend<T>(amount: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(amount, this.#total);
    if (this.#waiting.length > 0 || taken > this.#free) {
      await new Promise<void>((begin) => this.#waiting.push({ amount: taken, begin }));
    } else {
      this.#free -= taken;
    }
    try {
      return await work();
    } finally {
      this.#free += taken;
      this.#beginNext();
    }
  }

  #beginNext(): void {
    for (let next = this.#waiting[0]; next && next.amount <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= next.amount;
      next.begin();
    }
  }
}
