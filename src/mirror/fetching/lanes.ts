import { Fault } from '../../chart/fault.ts';
import { namesIn } from '../../chart/survey.ts';
import type { Log } from '../../lib/log.ts';
import type { Known } from '../committing/known.ts';

/** What is done for each name of a list. */
export interface Work {
  /** What kind of list it is: what is left of it is counted by that. */
  readonly kind: 'describe' | 'replace' | 'fill';
  readonly work: (chart: string, version: string) => Promise<void>;
  /** Whether the rest of the list is not worth going on with. */
  readonly isOver: () => boolean;
}

/** What ends the work on a list: with the next name it would go no better. */
export class Hopeless extends Error {}

/** What went well enough to be counted as done, but is to be tried again later. */
export class Incomplete extends Error {}

/** Works through lists of chart versions, as many at once as each upstream allows. */
export class Lanes {
  readonly #log: Log;
  readonly #signal: AbortSignal;
  /** How often each fault was met since the last summary, by upstream and code. */
  readonly #met = new Map<string, number>();
  /** Names that were not tried yet, by kind of list. */
  readonly #left = new WeakMap<Known, Map<Work['kind'], number>>();
  #failed = 0;

  constructor(parts: { readonly log: Log; readonly signal: AbortSignal }) {
    this.#log = parts.log;
    this.#signal = parts.signal;
  }

  /** Attempts that failed since the start. */
  get failed(): number {
    return this.#failed;
  }

  /** Names that were not tried yet. */
  left(known: Known): number {
    return [...this.#leftOf(known).values()].reduce((sum, left) => sum + left, 0);
  }

  /**
   * Works through a list that `survey` made, leaving out what failed lately. Answers with how long what was left out, or
   * failed, is to be left alone; undefined when there is nothing of that. Rejects with a `Hopeless`.
   */
  async run(known: Known, list: SharedArrayBuffer, { kind, work, isOver }: Work): Promise<number | undefined> {
    const names = namesIn(list);
    let soonestMs = Infinity;
    let stopped = false;
    const left = this.#leftOf(known);
    left.set(kind, countLines(list));
    const lane = async () => {
      for (let next = names.next(); !next.done; next = names.next()) {
        if (stopped || this.#signal.aborted || isOver()) return;
        if (known.brake.pauseMs > 0) return;
        const [chart, version] = next.value;
        const isTried = known.failures.waitMs(chart, version) > 0 || (await this.#attempt(known, chart, version, work));
        const waitMs = known.failures.waitMs(chart, version);
        if (waitMs > 0) soonestMs = Math.min(soonestMs, waitMs);
        if (isTried) left.set(kind, (left.get(kind) ?? 1) - 1);
      }
    };
    const lanes = Array.from({ length: known.settings.concurrency }, () => lane().finally(() => (stopped = true)));
    const failed = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected');
    // what is not gone on with is somebody else's, or is counted again
    if (this.#signal.aborted || isOver()) left.delete(kind);
    if (failed?.status === 'rejected') throw failed.reason as Error;
    if (known.brake.pauseMs > 0) soonestMs = Math.min(soonestMs, known.brake.pauseMs);
    return soonestMs === Infinity ? undefined : soonestMs;
  }

  /** Says how often was met what is said in words only once. */
  summarize(known: Known): void {
    for (const [key, times] of this.#met) {
      const [upstream, code] = key.split(' ');
      if (upstream !== known.name) continue;
      this.#met.delete(key);
      const fields = { upstream, code, versions: times };
      if (times > 1) this.#log.warn(fields, 'versions could not be fetched; they are tried again later');
    }
  }

  #leftOf(known: Known): Map<Work['kind'], number> {
    const left = this.#left.get(known) ?? new Map<Work['kind'], number>();
    this.#left.set(known, left);
    return left;
  }

  /** Whether it was tried: not when everybody is to wait. */
  async #attempt(known: Known, chart: string, version: string, work: Work['work']): Promise<boolean> {
    try {
      await work(chart, version);
      known.failures.remove(chart, version);
    } catch (error) {
      if (this.#signal.aborted) return false;
      if (error instanceof Hopeless) {
        this.#failed += 1;
        throw error;
      }
      const reason = error instanceof Incomplete ? error.cause : error;
      // nobody was asked, or everybody is to wait: the version cannot be blamed
      if (reason instanceof Fault && reason.code === 'rate-limited') return false;
      if (!(error instanceof Incomplete)) this.#failed += 1;
      const fault = faultOf(known, reason);
      const attempts = known.failures.add(chart, version, fault);
      this.#report(known, { chart, version, attempts, code: fault.code }, error, fault.message);
    }
    return true;
  }

  /** The first of its kind in words, the others counted: a host that is down must not flood the log. */
  #report(
    known: Known,
    fields: { readonly chart: string; readonly version: string; readonly attempts: number; readonly code: string },
    error: unknown,
    message: string,
  ): void {
    const key = `${known.name} ${fields.code}`;
    const times = (this.#met.get(key) ?? 0) + 1;
    this.#met.set(key, times);
    const level = times === 1 ? 'warn' : 'debug';
    const unexpected = error instanceof Fault || error instanceof Incomplete ? undefined : error;
    this.#log[level](
      { upstream: known.name, ...fields, ...(unexpected !== undefined && { err: unexpected }) },
      message,
    );
  }
}

function countLines(list: SharedArrayBuffer): number {
  let lines = 0;
  for (const byte of new Uint8Array(list)) if (byte === 0x0a) lines += 1;
  return lines;
}

function faultOf({ name }: Known, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Fault('upstream-failed', `${name}: ${message}`, 'The log has the details.', { cause: error });
}
