/** At most `width` pieces of work at once; the others wait in order of arrival, urgent ones first. */
export class Limiter {
  readonly #width: number;
  readonly #urgent: (() => void)[] = [];
  readonly #patient: (() => void)[] = [];
  #running = 0;

  constructor(width: number) {
    this.#width = width;
  }

  async run<T>(work: () => Promise<T>, options: { urgent?: boolean } = {}): Promise<T> {
    if (this.#running >= this.#width) {
      const queue = options.urgent ? this.#urgent : this.#patient;
      await new Promise<void>((resolve) => queue.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  /** Hands the free place to the next in line, or gives it back. */
  #next(): void {
    const next = this.#urgent.shift() ?? this.#patient.shift();
    if (next) next();
    else this.#running -= 1;
  }
}
