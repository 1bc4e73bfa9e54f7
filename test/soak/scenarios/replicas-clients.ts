import { setTimeout as sleep } from 'node:timers/promises';

import { Broken, type Observer } from '../observer.ts';
import type { Fleet, Replica } from './replicas-fleet.ts';
import type { Published } from './replicas-repository.ts';

const lookEveryMs = 200;
const askEveryMs = 15;

/** Clients of every replica: one that looks at indexes, one that asks for what nobody asked this replica for yet. */
export class Clients {
  readonly #fleet: Fleet;
  readonly #observer: Observer;
  readonly #published: () => readonly Published[];
  readonly #lagMs: number;
  readonly #over = new AbortController();
  readonly #asked = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #broken = Promise.withResolvers<never>();
  #cold = 0;
  #later = 0;

  /** `lagMs`: how far one replica may be behind another. */
  constructor(fleet: Fleet, observer: Observer, published: () => readonly Published[], lagMs: number) {
    this.#fleet = fleet;
    this.#observer = observer;
    this.#published = published;
    this.#lagMs = lagMs;
    // whoever ends them learns of it, too
    this.#broken.promise.catch(() => undefined);
    for (const replica of fleet.living) this.join(replica);
  }

  /** Requests for versions that this replica was not asked for before, and how many of them were told to come again. */
  get asked(): { readonly cold: number; readonly later: number } {
    return { cold: this.#cold, later: this.#later };
  }

  /** Nobody asks for what is new any more. */
  askNoMore(): void {
    this.#asked.abort();
  }

  /** The clients of one more replica. */
  join(replica: Replica): void {
    for (const work of [this.#watchIndex(replica), this.#askForNews(replica)]) {
      work.catch((error: unknown) => this.#broken.reject(error));
      this.#running.push(work);
    }
  }

  /** Rejects with the first promise that was broken. */
  async end(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#running);
  }

  /** Never resolves; rejects as soon as a promise is broken. */
  broken(): Promise<never> {
    return this.#broken.promise;
  }

  async #watchIndex(replica: Replica): Promise<void> {
    await this.#until(replica, this.#over.signal, async () => {
      await this.#observer.look(replica.url, { again: 5, lagMs: this.#lagMs });
      await sleep(lookEveryMs);
    });
  }

  async #askForNews(replica: Replica): Promise<void> {
    const answered = new Set<Published>();
    const over = AbortSignal.any([this.#over.signal, this.#asked.signal]);
    await this.#until(replica, over, async () => {
      const published = this.#published();
      const one = published[Math.floor(Math.random() * published.length)];
      if (one && !answered.has(one) && (await this.#ask(replica, one))) answered.add(one);
      await sleep(askEveryMs);
    });
  }

  /** Whether the archive came. */
  async #ask(replica: Replica, one: Published): Promise<boolean> {
    this.#cold += 1;
    const { status, headers, body } = await this.#observer.read(replica.url, one.path, { lagMs: this.#lagMs });
    if (status === 200) {
      if (!body.equals(one.archive)) throw new Broken(`${replica.name} answers ${one.path} with other bytes`);
      return true;
    }
    const isLater = (status === 503 || status === 504) && headers.has('retry-after');
    if (!isLater) throw new Broken(`${replica.name} answers ${one.path} with ${status}: ${body.toString('utf8')}`);
    this.#later += 1;
    return false;
  }

  /** Over and over, until all is over or the replica was killed. */
  async #until(replica: Replica, over: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!over.aborted && this.#fleet.living.includes(replica)) {
      try {
        await work();
      } catch (error) {
        // what a server says is judged while it dies, that it leaves is not
        if (!replica.dying || error instanceof Broken) throw error;
      }
    }
  }
}
