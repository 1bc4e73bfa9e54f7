import type { Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { timestamp, type Clock } from '../../lib/clock.ts';
import { Limiter } from '../../lib/limiter.ts';
import type { Log } from '../../lib/log.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { stateKey } from '../../store/layout.ts';
import { createRecord, readRecord, replaceRecord } from '../../store/records.ts';
import type { Known } from './known.ts';
import { parseState, recordOf, type State, type UpstreamRecord } from './state.ts';
import { DamagedTable, type Tables } from './tables.ts';

const maxConflicts = 20;

/** A change to the state; undefined when there is nothing to change. Runs again when another process was faster. */
export type Change = (state: State) => Promise<State | undefined>;

/** `state.json` and what this process made of it: read at start, replaced by compare-and-swap, never half. */
export class Committed {
  readonly #store: ObjectStore;
  readonly #tables: Tables;
  readonly #clock: Clock;
  readonly #log: Log;
  #known: readonly Known[];
  readonly #queue = new Limiter(1);
  #state: State = { asOf: '', upstreams: {} };
  #etag: string | undefined;

  constructor(parts: { store: ObjectStore; tables: Tables; clock: Clock; log: Log; known: readonly Known[] }) {
    this.#log = parts.log;
    this.#store = parts.store;
    this.#tables = parts.tables;
    this.#clock = parts.clock;
    this.#known = parts.known;
  }

  /**
   * Reads the state and everything it names. Rejects with 'store-failed' when the state cannot be read; a table that is
   * lost or damaged only marks its upstream.
   */
  async open(): Promise<void> {
    await this.#queue.run(() => this.#reload());
  }

  /**
   * From now on these are kept up to date, and no others; what the state names of those that are new is read first.
   * Rejects with 'store-failed', and changes nothing, when it cannot be.
   */
  async attend(all: readonly Known[]): Promise<void> {
    await this.#queue.run(async () => {
      const fresh = all.filter((known) => !this.#known.includes(known));
      // what was removed from the store a moment ago must not come back with what is remembered here
      if (fresh.length > 0 && this.#etag !== undefined) await this.#catchUp();
      const adopt = await this.#read(fresh, this.#state);
      adopt(false);
      this.#known = all;
      this.#tables.keepOnly(all.map(({ record }) => record));
    });
  }

  /** Adopts what other processes committed. Costs one small request when they did not. */
  async follow(): Promise<void> {
    await this.#queue.run(() => this.#catchUp());
  }

  /** Those of a name that are kept up to date: two while one takes over from the other. */
  attended(name: string): readonly Known[] {
    return this.#known.filter((known) => known.name === name);
  }

  /** What was committed last, as far as this process knows. */
  get state(): State {
    return this.#state;
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
        const before = this.#state;
        await this.#adopt(next, false);
        this.#etag = written.etag;
        // it is committed whatever becomes of this
        await this.#ensure(before, next).catch((error: unknown) =>
          this.#log.warn({ err: error }, 'the tables of the new state could not be looked for'),
        );
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

  /** Before the state named them a sweep may have taken the tables that are new in it for garbage. */
  async #ensure(earlier: State, next: State): Promise<void> {
    for (const [name, { catalog, snapshot }] of Object.entries(next.upstreams)) {
      const before = recordOf(earlier, name);
      if (catalog && catalog !== before?.catalog) await this.#tables.ensure('catalog', catalog);
      if (snapshot && snapshot !== before?.snapshot) await this.#tables.ensure('snapshot', snapshot);
    }
  }

  async #catchUp(): Promise<void> {
    const found = await this.#store.head(stateKey);
    const isDamaged = this.#known.some(({ damage }) => damage);
    if (isDamaged || found?.etag !== this.#etag) await this.#reload();
  }

  async #reload(): Promise<void> {
    const record = await readRecord(this.#store, stateKey, parseState);
    if (record) await this.#adopt(record.value, true);
    // last: with the etag of a state that was not adopted the next change would undo that state
    this.#etag = record?.etag;
  }

  async #adopt(state: State, foreign: boolean): Promise<void> {
    const adopt = await this.#read(this.#known, state);
    this.#state = state;
    adopt(foreign);
    this.#tables.keepOnly(this.#known.map(({ record }) => record));
  }

  /** Reads what a state names of some upstreams; what that answers with makes them adopt it. */
  async #read(upstreams: readonly Known[], state: State): Promise<(foreign: boolean) => void> {
    const loaded = await Promise.all(
      upstreams.map(async (known) => {
        const record = recordOf(state, known.name);
        return { known, record, tables: record && (await this.#load(known, record).catch(asDamage)) };
      }),
    );
    return (foreign) => {
      for (const { known, record, tables } of loaded) {
        if (tables instanceof Fault) this.#mark(known, tables);
        else if (record && tables) known.adopt(record, tables, foreign);
        else this.#forget(known);
      }
    };
  }

  /** Somebody removed it from the store on purpose. */
  #forget(known: Known): void {
    if (!known.isRegistered) return;
    this.#log.warn({ upstream: known.name }, `${known.name}: was removed from the store; it begins anew`);
    known.forget();
  }

  #mark(known: Known, damage: Fault): void {
    if (!known.damage) this.#log.error({ upstream: known.name, advice: damage.advice }, damage.message);
    known.damage = damage;
  }

  /** The tables that differ from what is known already. */
  async #load(known: Known, { catalog, snapshot }: UpstreamRecord) {
    const isNew = (digest: Digest | undefined, before: Digest | undefined): digest is Digest =>
      digest !== undefined && (digest !== before || known.damage !== undefined);
    return {
      catalog: isNew(catalog, known.record.catalog) ? await this.#tables.load('catalog', catalog) : undefined,
      snapshot: isNew(snapshot, known.record.snapshot) ? await this.#tables.load('snapshot', snapshot) : undefined,
    };
  }
}

/** A store that does not answer is no damage: what it holds may be all right. */
function asDamage(error: unknown): Fault {
  if (error instanceof Fault && error.cause instanceof DamagedTable) return error;
  throw error;
}
