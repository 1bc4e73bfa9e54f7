/** Runs work once per key while it is under way; whoever asks meanwhile gets the same promise, failure included. */
export class SingleFlight<T, K = string> {
  readonly #flights = new Map<K, Promise<T>>();

  run(key: K, work: () => Promise<T>): Promise<T> {
    const underWay = this.#flights.get(key);
    if (underWay) return underWay;
    const flight = work().finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  /** What is under way for a key. */
  underWay(key: K): Promise<T> | undefined {
    return this.#flights.get(key);
  }

  /** Resolves when nothing is under way any more; never rejects. */
  async idle(): Promise<void> {
    while (this.#flights.size > 0) await Promise.allSettled(this.#flights.values());
  }
}
