/**
 * At most `width` pieces of work at once; the others wait in order of arrival, urgent ones first. Of the places
 * `reserved` are for urgent ones alone.
 */
export class Limiter {
  readonly #width: number;
  readonly #reserved: number;
  readonly #urgent: (() => void)[] = [];
  readonly #patient: (() => void)[] = [];
  #running = 0;

  constructor(width: number, reserved = 0) {
    this.#width = width;
    this.#reserved = reserved;
  }

  async run<T>(work: () => Promise<T>, { urgent = false }: { urgent?: boolean } = {}): Promise<T> {
    if (this.#running >= this.#widthFor(urgent)) {
      await new Promise<void>((resolve) => (urgent ? this.#urgent : this.#patient).push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #widthFor(urgent: boolean): number {
    return urgent ? this.#width : this.#width - this.#reserved;
  }

  /** Hands the free place to the next in line, or gives it back. */
  #next(): void {
    const isFree = this.#running - 1 < this.#widthFor(false);
    const next = this.#urgent.shift() ?? (isFree ? this.#patient.shift() : undefined);
    if (next) next();
    else this.#running -= 1;
  }
}
