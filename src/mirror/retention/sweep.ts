import { digestOf } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { readAll } from '../../lib/bytes.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ObjectInfo, ObjectStore, PreparedStore } from '../../store/contract.ts';
import { blobKey, blobOfKey, derivedPlace, isTableKey, leaseKey, stateKey } from '../../store/layout.ts';
import { Names, type LoadTable } from './names.ts';

export interface SweepParts {
  readonly store: ObjectStore;
  readonly tidy: PreparedStore['tidy'];
  readonly load: LoadTable;
  readonly clock: Clock;
  /** Ends the sweep after what it is removing just now. */
  readonly signal: AbortSignal;
  /** What was written more recently is left alone, named or not: a day. Clocks may differ by much less than this. */
  readonly graceMs?: number;
  /** What earlier sweeps saw. With it, a table is removed only when the sweep before saw it unnamed already. */
  readonly memory?: SweepMemory | undefined;
  /** How many bytes are removed between two looks at the records, and kept in memory until the second: 32 MiB. */
  readonly batchBytes?: number;
}

/** What one sweep tells the next: tables that it saw old and unnamed. */
export interface SweepMemory {
  unnamed: ReadonlySet<string>;
}

/** What a sweep took away: numbers of objects, and how many bytes they had. */
export interface Swept {
  readonly blobs: number;
  readonly tables: number;
  /** What was made of archives that nothing holds any more. */
  readonly derived: number;
  /** Of interrupted writes. */
  readonly leftovers: number;
  /** Of all but the leftovers. */
  readonly bytes: number;
  /** Objects that nothing names and that were left alone: a later sweep removes them. */
  readonly left: number;
}

interface Removed {
  readonly key: string;
  readonly bytes: Buffer;
}

const dayMs = 24 * 60 * 60 * 1000;
const mib = 1024 * 1024;
const maxBatchObjects = 1_000;

/**
 * Removes what nothing in the store has named for a while: blobs and what was made of them, catalogs, snapshots, and what
 * interrupted writes left.
 * Keys it does not know are left alone. Rejects with 'store-failed', and has removed nothing, when any record or table
 * cannot be read. At most one should run at a time, but two harm nothing.
 *
 * It never takes what another process is about to name. Whoever names a blob writes it first, which renews its time,
 * then the record, and then looks whether the blob is there, to write it again if not. The sweep looks at the time of
 * a blob right before it removes it, keeps the bytes, looks at the records once more, and puts back what is named by
 * then. A record without its blob is left only if all three steps of the other fall between our look at the time and
 * the removal, two requests that follow each other, and this process dies before it has put the blob back.
 */
export async function sweep(parts: SweepParts): Promise<Swept> {
  const names = new Names(parts.store, parts.load);
  try {
    await names.refresh();
  } catch (error) {
    throw nothingSwept(error);
  }
  const sweeper = new Sweeper(parts, names, await storeTime(parts));
  for (const prefix of ['catalogs/', 'snapshots/', 'derived/', 'blobs/']) await sweeper.clear(prefix);
  if (parts.memory) parts.memory.unnamed = sweeper.unnamed;
  const leftovers = parts.signal.aborted ? 0 : await parts.tidy(parts.graceMs ?? dayMs);
  return { ...sweeper.swept, leftovers };
}

/** A lease that is held was renewed within this time. */
const renewedMs = 10_000;

/**
 * A clock of ours that is ahead must not make young things old: by the store's, the lease was renewed a moment ago, or the
 * state was just written by who prunes.
 */
async function storeTime({ store, clock }: SweepParts): Promise<number> {
  const lease = await store.head(leaseKey);
  if (!lease) return clock.now();
  const state = await store.head(stateKey);
  return Math.min(clock.now(), Math.max(lease.modifiedMs, state?.modifiedMs ?? 0) + renewedMs);
}

class Sweeper {
  readonly unnamed = new Set<string>();
  readonly #parts: SweepParts;
  readonly #names: Names;
  readonly #cutoffMs: number;
  #blobs = 0;
  #tables = 0;
  #derived = 0;
  #bytes = 0;
  #left = 0;

  constructor(parts: SweepParts, names: Names, nowMs: number) {
    this.#parts = parts;
    this.#names = names;
    this.#cutoffMs = nowMs - (parts.graceMs ?? dayMs);
  }

  get swept(): Omit<Swept, 'leftovers'> {
    return { blobs: this.#blobs, tables: this.#tables, derived: this.#derived, bytes: this.#bytes, left: this.#left };
  }

  /** Removes what is old and unnamed under a prefix, one batch after the other. */
  async clear(prefix: string): Promise<void> {
    const { store, signal, batchBytes = 32 * mib } = this.#parts;
    let batch: ObjectInfo[] = [];
    let bytes = 0;
    for await (const info of store.list(prefix)) {
      if (signal.aborted) return;
      if (!this.#isGarbage(info)) continue;
      if (batch.length > 0 && (bytes + info.size > batchBytes || batch.length >= maxBatchObjects)) {
        await this.#remove(batch);
        batch = [];
        bytes = 0;
      }
      batch.push(info);
      bytes += info.size;
    }
    if (batch.length > 0) await this.#remove(batch);
  }

  #isGarbage({ key, modifiedMs }: ObjectInfo): boolean {
    const isTable = isTableKey(key);
    if (!isTable && blobOfKey(key) === undefined && derivedPlace(key) === undefined) return false;
    if (this.#isNamed(key)) return false;
    const isOld = modifiedMs < this.#cutoffMs;
    if (isTable && isOld) this.unnamed.add(key);
    const isDue = isOld && (!isTable || this.#wasUnnamed(key));
    if (!isDue) this.#left += 1;
    return isDue;
  }

  #wasUnnamed(key: string): boolean {
    const { memory } = this.#parts;
    return !memory || memory.unnamed.has(key);
  }

  /** What was made of an archive is worth as much as the archive. */
  #isNamed(key: string): boolean {
    const derived = derivedPlace(key);
    return this.#names.has(derived ? blobKey(derived.archive) : key);
  }

  async #remove(batch: readonly ObjectInfo[]): Promise<void> {
    const removed: Removed[] = [];
    try {
      for (const { key } of batch) {
        if (this.#parts.signal.aborted) break;
        await this.#take(key, removed);
      }
    } finally {
      await this.#putBack(removed);
    }
  }

  async #take(key: string, removed: Removed[]): Promise<void> {
    const { store } = this.#parts;
    const object = await store.read(key);
    if (!object) return;
    const bytes = Buffer.isBuffer(object.body) ? object.body : await readAll(object.body, object.total);
    const now = await store.head(key);
    if (!now || now.modifiedMs >= this.#cutoffMs) return;
    // before the removal: one that fails may have happened
    removed.push({ key, bytes });
    await store.remove(key);
  }

  /** Looks at the records again and puts back what they name by now; all of it, when they cannot be read. */
  async #putBack(removed: readonly Removed[]): Promise<void> {
    if (removed.length === 0) return;
    const looked = await this.#names.refresh().then(
      () => true,
      () => false,
    );
    if (!looked) {
      await this.#restore(removed);
      // one of these may be the table that could not be read
      await this.#names.refresh();
      return;
    }
    for (const { key, bytes } of removed) if (!this.#isNamed(key)) this.#count(key, bytes.length);
    await this.#restore(removed.filter(({ key }) => this.#isNamed(key)));
  }

  async #restore(objects: readonly Removed[]): Promise<void> {
    const sound = objects.filter(({ key, bytes }) => isSound(key, bytes));
    // whoever wrote one again meanwhile is not overruled
    await Promise.all(sound.map(({ key, bytes }) => this.#parts.store.write(key, bytes, 'absent')));
  }

  #count(key: string, bytes: number): void {
    if (isTableKey(key)) this.#tables += 1;
    else if (derivedPlace(key)) this.#derived += 1;
    else this.#blobs += 1;
    this.#bytes += bytes;
  }
}

/** A damaged blob is better missing: it is fetched again either way. */
function isSound(key: string, bytes: Buffer): boolean {
  return blobOfKey(key) === undefined || blobKey(digestOf(bytes)) === key;
}

function nothingSwept(error: unknown): unknown {
  if (!(error instanceof Fault)) return error;
  return new Fault('store-failed', `Nothing was swept from the store: ${error.message}`, error.advice, {
    cause: error,
  });
}
