import type { Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import { timestamp, type Clock } from '../lib/clock.ts';
import { Limiter } from '../lib/limiter.ts';
import type { ObjectStore } from '../store/contract.ts';
import { stateKey } from '../store/layout.ts';
import { createRecord, readRecord, replaceRecord } from '../store/records.ts';
import type { Known } from './known.ts';
import { parseState, recordOf, type State, type UpstreamRecord } from './state.ts';
import type { Tables } from './tables.ts';

const maxConflicts = 20;

/** A change to the state; undefined when there is nothing to change. Runs again when another process was faster. */
export type Change = (state: State) => Promise<State | undefined>;

/** `state.json` and what this process made of it: read at start, replaced by compare-and-swap, never half. */
export class Committed {
  readonly #store: ObjectStore;
  readonly #tables: Tables;
  readonly #clock: Clock;
  readonly #known: readonly Known[];
  readonly #queue = new Limiter(1);
  #state: State = { asOf: '', upstreams: {} };
  #etag: string | undefined;

  constructor(parts: { store: ObjectStore; tables: Tables; clock: Clock; known: readonly Known[] }) {
    this.#store = parts.store;
    this.#tables = parts.tables;
    this.#clock = parts.clock;
    this.#known = parts.known;
  }

  /** Reads the state and everything it names. Rejects with 'store-failed'. */
  async open(): Promise<void> {
    await this.#queue.run(() => this.#reload());
  }

  /** Dates upstreams that the state does not know yet: those that are new together count as equally old. */
  async register(): Promise<void> {
    const now = timestamp(this.#clock.now());
    await this.transact(async (state) => {
      const fresh = this.#known.filter(({ name }) => !recordOf(state, name));
      if (fresh.length === 0) return undefined;
      const records = fresh.map(({ name }) => [name, { since: now }] as const);
      return { ...state, upstreams: { ...state.upstreams, ...Object.fromEntries(records) } };
    });
  }

  /** Writes what `change` makes of the present state, and adopts it. One change at a time. */
  async transact(change: Change): Promise<void> {
    await this.#queue.run(() => this.#commit(change));
  }

  async #commit(change: Change): Promise<void> {
    for (let attempt = 0; attempt < maxConflicts; attempt += 1) {
      const changed = await change(this.#state);
      if (!changed) return;
      const next = { ...changed, asOf: timestamp(this.#clock.now()) };
      const written = this.#etag
        ? await replaceRecord(this.#store, stateKey, next, this.#etag)
        : await createRecord(this.#store, stateKey, next);
      if (written !== 'conflict') {
        await this.#adopt(next, false);
        this.#etag = written.etag;
        return;
      }
      await this.#reload();
    }
    throw new Fault(
      'store-failed',
      `state.json changed ${maxConflicts} times under our hands.`,
      'Too many servers share this store, or its conditional writes do not work.',
    );
  }

  async #reload(): Promise<void> {
    const record = await readRecord(this.#store, stateKey, parseState);
    if (record) await this.#adopt(record.value, true);
    // last: with the etag of a state that was not adopted the next change would undo that state
    this.#etag = record?.etag;
  }

  async #adopt(state: State, foreign: boolean): Promise<void> {
    const loaded = await Promise.all(
      this.#known.map(async (known) => {
        const record = recordOf(state, known.name);
        return record && { known, record, tables: await this.#load(known, record) };
      }),
    );
    this.#state = state;
    for (const one of loaded) one?.known.adopt(one.record, one.tables, foreign);
    this.#tables.keepOnly(
      new Set(
        this.#known.flatMap(({ record }) => [record.catalog, record.snapshot]).filter((one) => one !== undefined),
      ),
    );
  }

  /** The tables that differ from what is known already. */
  async #load(known: Known, { catalog, snapshot }: UpstreamRecord) {
    const isNew = (digest: Digest | undefined, before: Digest | undefined): digest is Digest =>
      digest !== undefined && digest !== before;
    return {
      catalog: isNew(catalog, known.record.catalog) ? await this.#tables.load('catalog', catalog) : undefined,
      snapshot: isNew(snapshot, known.record.snapshot) ? await this.#tables.load('snapshot', snapshot) : undefined,
    };
  }
}
