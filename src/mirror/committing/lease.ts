import { Fault } from '../../chart/fault.ts';
import { timestamp, type Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { ProcessId } from '../../lib/process-id.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { leaseKey } from '../../store/layout.ts';
import { createRecord, readRecord, replaceRecord, type StoredRecord } from '../../store/records.ts';
import type { Notes } from './notes.ts';

/** `lease.json`: who does the upstream work now, and how that goes. */
interface LeaseRecord {
  readonly holder: ProcessId | null;
  /** For people: RFC 3339. Nobody compares it with a clock of their own. */
  readonly until: string;
  readonly upstreams: Notes;
}

export interface LeaseParts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: ProcessId;
  /** Whether a process of this machine is known to have ended. */
  readonly isGone: (holder: ProcessId) => boolean;
  /** Called when the work is ours; `signal` ends when it is not any more. */
  readonly onTaken: (signal: AbortSignal) => void;
  /** What to tell the others. */
  readonly notes: () => Notes;
  /** What the holder tells. */
  readonly onNotes: (notes: Notes) => void;
}

const renewMs = 10_000;
const watchMs = 12_000;
/** A holder that was silent for so long is taken for dead. */
const silenceMs = 30_000;
/** One that missed a renewal may have ended. */
const suspiciousMs = 15_000;
const maxAttempts = 3;

/**
 * One process of those on a store does the upstream work. It saves requests and is needed for nothing else: two that
 * both hold it, for a moment, do no harm. A holder shows that it lives by renewing the record; the others measure its
 * silence on their own clocks, so clocks need not agree.
 */
export class Lease {
  readonly #parts: LeaseParts;
  #term: AbortController | undefined;
  #etag: string | undefined;
  #nap = new AbortController();
  #heardMs: number;
  #isFirst = true;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#heardMs = parts.clock.elapsed();
  }

  /** Whether this process does the upstream work now. */
  get held(): boolean {
    return this.#term !== undefined;
  }

  /** Watches, takes and renews until `signal` ends it. Never rejects. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    while (!signal.aborted) {
      await this.#beat().catch((error: unknown) => {
        log.debug({ err: error }, 'the lease could not be asked for');
        // who cannot have it works without: nobody else can have it either
        if (!this.held && this.#isSilent()) this.#take();
      });
      this.#isFirst = false;
      this.#nap = new AbortController();
      const woken = AbortSignal.any([signal, this.#nap.signal]);
      await clock.sleep(this.held ? renewMs : watchMs, woken).catch(() => undefined);
    }
  }

  /** Tells the others at once what is new, instead of with the next renewal. */
  tell(): void {
    if (this.held) this.#nap.abort();
  }

  /** Hears once what the holder tells, and writes nothing. Rejects with 'store-failed'. */
  async listen(): Promise<void> {
    this.#hear(await this.#read());
  }

  /** Tells the others that the work is anybody's now. */
  async release(): Promise<void> {
    if (!this.held) return;
    this.#endTerm();
    if (this.#etag) await replaceRecord(this.#parts.store, leaseKey, this.#record(null), this.#etag);
  }

  async #beat(): Promise<void> {
    if (this.held && (await this.#write())) return;
    // who died while taking it leaves a conflict behind
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      const found = await this.#read();
      const holder = holderOf(found);
      // a renewal whose answer was lost is a renewal
      if (this.held && holder?.id !== this.#parts.self.id) this.#lose();
      this.#hear(found);
      if (this.held || !this.#isFree(holder)) return;
      if (await this.#write()) return this.#take();
    }
  }

  /** One that is damaged is nobody's. */
  async #read(): Promise<StoredRecord<LeaseRecord> | undefined> {
    const { store } = this.#parts;
    try {
      return await readRecord(store, leaseKey, parseLease);
    } catch (error) {
      const damaged = error instanceof Fault && error.cause instanceof SyntaxError;
      const info = damaged ? await store.head(leaseKey) : undefined;
      if (info) return { value: parseLease(null), etag: info.etag };
      throw error;
    }
  }

  #hear(found: StoredRecord<LeaseRecord> | undefined): void {
    if (found?.etag === this.#etag) return;
    this.#etag = found?.etag;
    this.#heardMs = this.#parts.clock.elapsed();
    if (found && !this.held) this.#parts.onNotes(found.value.upstreams);
  }

  #isFree(holder: ProcessId | undefined): boolean {
    if (!holder || holder.id === this.#parts.self.id || this.#isSilent()) return true;
    // containers may share name and number of a process: one that renews is there
    const mayBeGone = this.#isFirst || this.#silenceMs > suspiciousMs;
    return mayBeGone && this.#parts.isGone(holder);
  }

  get #silenceMs(): number {
    return this.#parts.clock.elapsed() - this.#heardMs;
  }

  #isSilent(): boolean {
    return this.#silenceMs >= silenceMs;
  }

  /** Whether the record is ours now. */
  async #write(): Promise<boolean> {
    const { store, self } = this.#parts;
    const record = this.#record(self);
    const written = await (this.#etag
      ? replaceRecord(store, leaseKey, record, this.#etag)
      : createRecord(store, leaseKey, record));
    if (written === 'conflict') return false;
    this.#etag = written.etag;
    return true;
  }

  #record(holder: ProcessId | null): LeaseRecord {
    const { clock, notes } = this.#parts;
    return { holder, until: timestamp(clock.now() + silenceMs), upstreams: notes() };
  }

  #take(): void {
    this.#term = new AbortController();
    this.#parts.log.info('this replica does the upstream work now');
    this.#parts.onTaken(this.#term.signal);
  }

  #endTerm(): void {
    this.#term?.abort(new Fault('unavailable', 'Another replica does the upstream work now.', 'Ask that one.'));
    this.#term = undefined;
  }

  #lose(): void {
    this.#endTerm();
    this.#parts.log.info('another replica does the upstream work now');
  }
}

function holderOf(found: StoredRecord<LeaseRecord> | undefined): ProcessId | undefined {
  return found?.value.holder ?? undefined;
}

function parseLease(value: unknown): LeaseRecord {
  const record = value as Partial<LeaseRecord> | null;
  return { holder: record?.holder ?? null, until: String(record?.until), upstreams: record?.upstreams ?? {} };
}
