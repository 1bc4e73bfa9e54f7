import { Fault, plainFault, reviveFault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import { keyOf, type Known } from '../committing/known.ts';
import { noChart } from '../fetching/fill.ts';
import type { Turns } from '../fetching/turns.ts';
import { waitAtMost } from '../patience.ts';
import type { Syncs } from './sync.ts';

const patienceMs = 2_000;
const listingEveryMs = 2_000;
const tagEveryMs = 10_000;
const maxRemembered = 10_000;
/** For each place at an upstream so many tags may be asked for at once: whoever makes up names must not keep others waiting. */
const maxAskingShare = 8;

/**
 * Asks upstreams for an exact name and version that no catalog has, so that a chart pushed by a pipeline can be
 * deployed by its next step. An upstream is asked by a new listing, a registry by that tag.
 */
export class Misses {
  readonly #syncs: Syncs;
  readonly #turns: Turns;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** What was asked of registries lately, and what they say. */
  readonly #tags = new Map<string, Asked>();
  /** How many tags are being asked for, by upstream. */
  readonly #asking = new Map<string, number>();
  /** What tags pointed to that were found by name. */
  readonly #pins = new Map<string, string>();

  constructor(parts: {
    readonly syncs: Syncs;
    readonly turns: Turns;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  }) {
    this.#syncs = parts.syncs;
    this.#turns = parts.turns;
    this.#clock = parts.clock;
    this.#signal = parts.signal;
  }

  /**
   * Resolves when every upstream that may provide the version has answered; whether it is there now, its catalog says.
   * Rejects with the fault of one that did not answer.
   */
  async ask(candidates: readonly Known[], chart: string, version: string): Promise<void> {
    const answers = Promise.allSettled(candidates.map((known) => this.#askOne(known, chart, version)));
    const late = () => tooSlow(chart, version, patienceMs);
    const fault = await waitAtMost(answers, patienceMs, this.#clock, late).then(
      (settled) => settled.find(({ status }) => status === 'rejected'),
      (reason: unknown) => ({ status: 'rejected', reason }) as const,
    );
    if (candidates.some(({ offering }) => offering.find(chart, version))) return;
    if (fault?.status === 'rejected') throw worthAsking(fault.reason);
  }

  async #askOne(known: Known, chart: string, version: string): Promise<void> {
    if (known.settings.intervalMs === 0 || known.settings.retired) return;
    const { fault, nextAttemptMs = 0 } = known.attempts;
    const waitMs = nextAttemptMs - this.#clock.now();
    if (fault && waitMs > 0) throw reviveFault({ ...plainFault(fault), retryAfterMs: waitMs });
    if (known.settings.type === 'registry') return this.#askForTag(known, chart, version);
    await this.#askForListing(known, chart, version);
  }

  /** What a tag's registry answered counts for a while, a fault as a fault. */
  async #askForTag(known: Known, chart: string, version: string): Promise<void> {
    // by these settings: what is remembered must not keep alive what was known under earlier ones
    const key = `${known.id}/${keyOf(chart, version)}`;
    const last = this.#tags.get(key);
    if (last && this.#clock.elapsed() - last.askedMs < tagEveryMs) return last.answer;
    const asking = this.#asking.get(known.name) ?? 0;
    if (asking >= known.settings.concurrency * maxAskingShare) throw tooSlow(chart, version, tagEveryMs);
    this.#asking.set(known.name, asking + 1);
    const answer = this.#findTag(known, chart, version).finally(() =>
      this.#asking.set(known.name, (this.#asking.get(known.name) ?? 1) - 1),
    );
    // whoever waits sees the fault, whoever does not must not leave it unhandled
    answer.catch(() => undefined);
    this.#remember(this.#tags, key, { askedMs: this.#clock.elapsed(), answer });
    return answer;
  }

  async #findTag(known: Known, chart: string, version: string): Promise<void> {
    const find = () => known.settings.upstream.find(chart, version, this.#signal);
    const found = await this.#turns.take(known, 'request', find);
    const refused = known.catalog.find(chart, version)?.claims.find((claim) => claim.refused !== undefined);
    const key = `${known.name}/${keyOf(chart, version)}`;
    if (!found) return;
    // what was found to be no chart is one only if it is another thing by now
    if (refused && found.pinned !== undefined && found.pinned === this.#pins.get(key)) throw noChart(known, refused);
    if (found.pinned !== undefined) this.#remember(this.#pins, key, found.pinned);
    // what another address has says nothing of the one that is configured by now
    known.term.throwIfAborted();
    await this.#syncs.admit(known, found);
  }

  /** By a listing begun after the request; one that began just before may have been too early to see it. */
  async #askForListing(known: Known, chart: string, version: string): Promise<void> {
    const requestedMs = this.#clock.elapsed();
    const underWay = this.#syncs.underWay(known);
    if (underWay && this.#syncs.begunMs(known) < requestedMs) {
      await underWay;
      if (known.offering.find(chart, version)) return;
    }
    const begunMs = this.#syncs.begunMs(known);
    const isRecent = this.#clock.elapsed() - begunMs < listingEveryMs;
    if (isRecent && begunMs < requestedMs) throw tooSlow(chart, version, listingEveryMs);
    if (!isRecent || this.#syncs.underWay(known)) await this.#syncs.sync(known, { forRequest: true });
    else if (known.attempts.fault) throw known.attempts.fault;
  }

  #remember<T>(memory: Map<string, T>, key: string, value: T): void {
    const [oldest] = memory.keys();
    if (oldest !== undefined && memory.size >= maxRemembered) memory.delete(oldest);
    memory.delete(key);
    memory.set(key, value);
  }
}

/** What a registry was asked. */
interface Asked {
  readonly askedMs: number;
  readonly answer: Promise<void>;
}

const usualRetryMs = 5_000;

/** A fault that says when to ask again: that there was no answer is not the last word. */
function worthAsking(reason: unknown): unknown {
  if (!(reason instanceof Fault)) return reason;
  return reviveFault({ ...plainFault(reason), retryAfterMs: reason.retryAfterMs ?? usualRetryMs });
}

function tooSlow(chart: string, version: string, retryAfterMs: number): Fault {
  return new Fault(
    'upstream-unreachable',
    `${chart} ${version} is not known here, and its upstreams have not all said yet whether they have it.`,
    'Asking goes on; try again in a few seconds.',
    { timedOut: true, retryAfterMs },
  );
}
