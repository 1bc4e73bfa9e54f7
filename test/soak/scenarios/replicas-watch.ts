import { setTimeout as sleep } from 'node:timers/promises';

import type { ObjectStore } from '../../../src/store/contract.ts';
import type { Fleet, Replica } from './replicas-fleet.ts';
import { bytesOf } from './replicas-store.ts';

const everyMs = 100;

/**
 * Looks at a store and at the replicas on it from outside, ten times a second: when something was committed, and when
 * each of them began to serve another index.
 */
export class Watch {
  readonly #store: ObjectStore;
  readonly #fleet: Fleet;
  readonly #over = new AbortController();
  readonly #running: Promise<void>;
  /** By replica: its index, and since when. */
  readonly #indexes = new Map<Replica, { readonly etag: string; readonly sinceMs: number }>();
  #state = '';
  #stateMs = 0;
  #catalogs = '';
  #catalogsMs = 0;

  constructor(store: ObjectStore, fleet: Fleet) {
    this.#store = store;
    this.#fleet = fleet;
    this.#running = this.#watch();
    // whoever ends it learns of it
    this.#running.catch(() => undefined);
  }

  /** For how long nothing was committed. */
  get quietMs(): number {
    return performance.now() - this.#stateMs;
  }

  /** How long after the last commit that lists something new the last of the replicas changed its index. */
  get lagMs(): number {
    const sinceMs = this.#fleet.living.map((replica) => this.#indexes.get(replica)?.sinceMs ?? Infinity);
    return Math.max(0, ...sinceMs.map((ms) => ms - this.#catalogsMs));
  }

  /** The indexes of all that live, by their entity tags. */
  get etags(): ReadonlySet<string | undefined> {
    return new Set(this.#fleet.living.map((replica) => this.#indexes.get(replica)?.etag));
  }

  /** Rejects when looking failed meanwhile. */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  async #watch(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await Promise.all([this.#lookAtStore(), ...this.#fleet.living.map((replica) => this.#lookAt(replica))]);
      await sleep(everyMs);
    }
  }

  async #lookAtStore(): Promise<void> {
    const object = await this.#store.read('state.json');
    if (!object) return;
    const seenMs = performance.now();
    const text = (await bytesOf(object)).toString('utf8');
    if (object.etag !== this.#state) this.#stateMs = seenMs;
    this.#state = object.etag;
    const catalogs = catalogsIn(text);
    if (catalogs !== this.#catalogs) this.#catalogsMs = seenMs;
    this.#catalogs = catalogs;
  }

  async #lookAt(replica: Replica): Promise<void> {
    try {
      const answer = await fetch(`${replica.url}/index.yaml`, { method: 'HEAD' });
      const etag = answer.headers.get('etag') ?? `status ${answer.status}`;
      if (this.#indexes.get(replica)?.etag !== etag) this.#indexes.set(replica, { etag, sinceMs: performance.now() });
    } catch (error) {
      if (!replica.dying) throw error;
    }
  }
}

function catalogsIn(state: string): string {
  const { upstreams } = JSON.parse(state) as { readonly upstreams: Record<string, { readonly catalog?: string }> };
  return Object.values(upstreams)
    .map(({ catalog }) => catalog)
    .join(' ');
}
