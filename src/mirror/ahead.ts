import { Fault } from '../chart/fault.ts';
import { namesIn, type Survey } from '../chart/survey.ts';
import { backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { Blobs } from '../store/blobs.ts';
import type { Batches } from './batches.ts';
import { describeVersion } from './describe.ts';
import type { Fills } from './fill.ts';
import { keyOf, type Known } from './known.ts';

export interface AheadParts {
  readonly fills: Fills;
  readonly batches: Batches;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

interface Failure {
  readonly attempts: number;
  readonly nextMs: number;
}

const firstRetryMs = 60_000;
const maxRetryMs = 24 * 60 * 60_000;
const maxTroubles = 8;

/** How the work done ahead of requests went. */
export interface AheadTotals {
  readonly filled: number;
  readonly failed: number;
}

/**
 * Work nobody waits for: describing what a registry lists, and filling what the policy wants, the newest of every chart
 * first. What fails is left alone for a while and does not disturb the rest.
 */
export class Ahead {
  readonly #parts: AheadParts;
  readonly #failures = new Map<string, Failure>();
  readonly #describing = new SingleFlight<void>();
  readonly #running = new Map<string, Promise<void>>();
  /** How often each fault was met since the last summary, by upstream and code. */
  readonly #met = new Map<string, number>();
  /** Refusals and time-outs in a row, by upstream, and until when it is left alone. */
  readonly #troubles = new Map<string, { readonly times: number; readonly untilMs: number }>();
  /** What was wanted the last time, by upstream, and when the first of what failed then is due. */
  readonly #rests = new Map<string, { readonly wanted: SharedArrayBuffer; untilMs: number }>();
  #filled = 0;
  #failed = 0;

  constructor(parts: AheadParts) {
    this.#parts = parts;
  }

  get totals(): AheadTotals {
    return { filled: this.#filled, failed: this.#failed };
  }

  /** Describes what is not described yet. Resolves when all of it was tried and what succeeded is committed. */
  describe(known: Known): Promise<void> {
    return this.#describing.run(known.name, () => this.#describeAll(known));
  }

  async #describeAll(known: Known): Promise<void> {
    const names = known.survey && namesIn(known.survey.undescribed);
    if (!names || known.survey?.undescribed.byteLength === 0) return;
    await this.#inLanes(known, names, (chart, version) => this.#describeOne(known, chart, version));
    await this.#parts.batches.flush();
  }

  /** Begins to fill what the policy wants, unless that is under way. */
  fill(known: Known): void {
    if (this.#running.has(known.name) || !known.survey || this.#isBraked(known)) return;
    const rest = this.#rests.get(known.name);
    // thirty thousand names that are all to be left alone need no second look
    if (rest?.wanted === known.survey.wanted && rest.untilMs > this.#parts.clock.elapsed()) return;
    const run = this.#fillAll(known)
      .catch((error: unknown) => {
        this.#rests.delete(known.name);
        this.#parts.log.error({ upstream: known.name, err: error }, 'filling ahead stopped');
      })
      .finally(() => this.#running.delete(known.name));
    this.#running.set(known.name, run);
  }

  /** Until nothing is wanted that was not wanted before: what is listed meanwhile need not wait for the next sync. */
  async #fillAll(known: Known): Promise<void> {
    for (let last: Survey | undefined; known.survey && known.survey !== last && !this.#parts.signal.aborted;) {
      last = known.survey;
      this.#rests.set(known.name, { wanted: last.wanted, untilMs: Infinity });
      await this.#inLanes(known, namesIn(last.wanted), (chart, version) => this.#fillOne(known, chart, version));
      if (this.#isBraked(known)) this.#rests.delete(known.name);
      this.#summarize(known);
      await this.#parts.batches.flush();
    }
  }

  /** Resolves when nothing is being described or filled ahead. */
  async idle(): Promise<void> {
    await this.#describing.idle();
    while (this.#running.size > 0) {
      await Promise.all(this.#running.values());
      await this.#describing.idle();
    }
  }

  /** As many lanes as the upstream allows, each taking the next name. */
  async #inLanes(
    known: Known,
    names: Iterator<readonly [string, string]>,
    work: (chart: string, version: string) => Promise<void>,
  ): Promise<void> {
    let end = false;
    const lane = async () => {
      const goesOn = () => !end && !this.#parts.signal.aborted && !this.#isBraked(known);
      for (let next = names.next(); !next.done && goesOn(); next = names.next()) {
        const [chart, version] = next.value;
        if (this.#isDue(known, chart, version)) await this.#attempt(known, chart, version, work);
      }
    };
    const lanes = Array.from({ length: known.settings.concurrency }, () => lane().finally(() => (end = true)));
    const failed = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason as Error;
  }

  /**
   * Whether an upstream wants to be left alone: it said so, or it refused or hung several times in a row. What a round
   * began ends then; the next begins when the time is up.
   */
  #brake(known: Known, error: unknown): boolean {
    if (!(error instanceof Fault)) return false;
    const before = this.#troubles.get(known.name)?.times ?? 0;
    const isTrouble = error.code === 'rate-limited' || error.code === 'unauthorized' || error.timedOut;
    const times = isTrouble ? before + 1 : 0;
    const untilMs = this.#parts.clock.elapsed() + (error.retryAfterMs ?? firstRetryMs);
    const stops = error.code === 'rate-limited' || times >= maxTroubles;
    this.#troubles.set(known.name, { times, untilMs: stops ? untilMs : 0 });
    return stops;
  }

  #isBraked(known: Known): boolean {
    return (this.#troubles.get(known.name)?.untilMs ?? 0) > this.#parts.clock.elapsed();
  }

  #isDue(known: Known, chart: string, version: string): boolean {
    if (!known.offers(chart)) return false;
    const failure = this.#failures.get(`${known.name}/${keyOf(chart, version)}`);
    if (!failure || failure.nextMs <= this.#parts.clock.elapsed()) return true;
    this.#restUntil(known, failure.nextMs);
    return false;
  }

  async #attempt(
    known: Known,
    chart: string,
    version: string,
    work: (chart: string, version: string) => Promise<void>,
  ): Promise<void> {
    const key = `${known.name}/${keyOf(chart, version)}`;
    try {
      await work(chart, version);
      this.#failures.delete(key);
      this.#troubles.delete(known.name);
    } catch (error) {
      if (this.#parts.signal.aborted) return;
      if (!(error instanceof ArchiveOnly)) this.#failed += 1;
      if (error instanceof NotTaken) throw error;
      const attempts = (this.#failures.get(key)?.attempts ?? 0) + 1;
      const waitMs = firstRetryMs + backoffMs(attempts, firstRetryMs, maxRetryMs);
      const nextMs = this.#parts.clock.elapsed() + waitMs;
      this.#failures.set(key, { attempts, nextMs });
      this.#restUntil(known, nextMs);
      this.#report(known, { chart, version, attempts }, error instanceof ArchiveOnly ? error.cause : error);
      if (this.#brake(known, error)) this.#parts.log.warn({ upstream: known.name }, 'filling ahead pauses');
    }
  }

  #restUntil(known: Known, nextMs: number): void {
    const rest = this.#rests.get(known.name);
    if (rest) rest.untilMs = Math.min(rest.untilMs, nextMs);
  }

  /** The first of its kind in words, the others counted: a host that is down must not flood the log. */
  #report(known: Known, fields: { chart: string; version: string; attempts: number }, error: unknown): void {
    const code = error instanceof Fault ? error.code : 'unexpected';
    const key = `${known.name} ${code}`;
    const times = (this.#met.get(key) ?? 0) + 1;
    this.#met.set(key, times);
    const words = error instanceof Fault ? { code } : { err: error };
    const level = times === 1 ? 'warn' : 'debug';
    this.#parts.log[level]({ upstream: known.name, ...fields, ...words }, messageOf(error));
  }

  #summarize(known: Known): void {
    for (const [key, times] of this.#met) {
      const [upstream, code] = key.split(' ');
      if (upstream !== known.name) continue;
      this.#met.delete(key);
      if (times > 1)
        this.#parts.log.warn(
          { upstream, code, versions: times },
          'versions could not be fetched; they are tried again later',
        );
    }
  }

  async #describeOne(known: Known, chart: string, version: string): Promise<void> {
    const { fills, batches, blobs, signal } = this.#parts;
    for (const claim of known.catalog.find(chart, version)?.claims ?? []) {
      if (claim.metadata !== undefined || claim.refused !== undefined) continue;
      const described = await fills.limited(known, 'ahead', () => describeVersion({ known, claim, blobs, signal }));
      if (!described) throw untagged(known, chart, version);
      batches.addDescribed(known, described);
    }
  }

  async #fillOne(known: Known, chart: string, name: string): Promise<void> {
    const version = known.catalog.find(chart, name);
    if (!version) return;
    const before = known.held(chart, name);
    const kept = before ?? (await this.#parts.fills.archive(known, version, 'ahead'));
    // the store did not take it, and so it will be with the next
    if (!known.held(chart, name)) throw new NotTaken(known.name);
    if (!before) this.#filled += 1;
    if (kept.provenance !== undefined) return;
    await this.#parts.fills.provenance(known, version, kept, 'ahead').catch((error: unknown) => {
      throw new ArchiveOnly(error);
    });
  }
}

/** The archive is held. Some servers answer 403 or a page where a provenance file is not: that is no failed version. */
class ArchiveOnly extends Error {
  constructor(cause: unknown) {
    super('the provenance could not be had', { cause });
  }
}

function untagged(known: Known, chart: string, version: string): Fault {
  const message = `${known.name}: lists a tag for ${chart} ${version}, and has no manifest for it.`;
  return new Fault('manifest-unknown', message, 'Its publisher may be pushing it just now, or removed it halfway.');
}

/** A full or broken store: what else is fetched ahead would be fetched for nothing. */
class NotTaken extends Error {
  constructor(upstream: string) {
    super(`${upstream}: the store takes nothing; nothing more is fetched ahead until the next sync`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
