import type { ChartVersion } from '../../chart/catalog.ts';
import { isDescribed } from '../../chart/claim.ts';
import { Fault } from '../../chart/fault.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import { mayBeSignedYet, namesIn, type Survey } from '../../chart/survey.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import type { Blobs } from '../../store/blobs.ts';
import type { Batches } from '../committing/batches.ts';
import type { Known } from '../committing/known.ts';
import type { FillProgress } from '../contract/commands.ts';
import { describeVersion } from './describe.ts';
import type { Fetches } from './fetches.ts';
import { Hopeless, Incomplete, Lanes, type Work } from './lanes.ts';
import type { Turns } from './turns.ts';

export interface AheadParts {
  readonly fetches: Fetches;
  readonly turns: Turns;
  readonly batches: Batches;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Whether archives are fetched ahead by this process. */
  readonly mayFill: () => boolean;
}

/** Timers wake a little early. */
const minRestMs = 1_000;

/**
 * Work nobody waits for: describing what a registry lists, filling what the policy wants, and taking rewritten bytes
 * where the policy accepts them. What fails is left alone for a while and does not disturb the rest.
 */
export class Ahead {
  readonly #parts: AheadParts;
  readonly #lanes: Lanes;
  readonly #describing = new SingleFlight<number | undefined, Known>();
  readonly #running = new Map<Known, Promise<void>>();
  /** What is left to be tried again, by upstream: of which survey, when, and what cancels that. */
  readonly #rests = new Map<Known, Rest>();
  #filled = 0;

  constructor(parts: AheadParts) {
    this.#parts = parts;
    this.#lanes = new Lanes(parts);
  }

  /** What was done since the start; `queued` is what is still to be tried of the upstreams that are being filled. */
  progress(all: readonly Known[]): FillProgress {
    const queued = all.reduce((sum, known) => sum + this.queued(known), 0);
    return { filled: this.#filled, failed: this.#lanes.failed, queued };
  }

  /** Versions of an upstream that wait to be fetched. */
  queued(known: Known): number {
    return this.#lanes.left(known);
  }

  /**
   * Describes what is not described yet. Resolves when all of it was tried and what succeeded is committed: with how long
   * what failed is to be left alone, undefined when nothing did.
   */
  describe(known: Known): Promise<number | undefined> {
    return this.#describing.run(known, async () => {
      const { survey } = known;
      if (!survey || survey.undescribed.byteLength === 0 || known.settings.retired) return undefined;
      await this.#probe(known, survey.undescribed);
      const waitMs = await this.#lanes.run(known, survey.undescribed, {
        kind: 'describe',
        work: (chart, version) => this.#describeOne(known, chart, version),
        isOver: () => known.term.aborted,
      });
      await this.#parts.batches.flush();
      return waitMs;
    });
  }

  /** Begins to fill what the policy wants, unless that is under way. */
  fill(known: Known): void {
    if (this.#running.has(known) || !known.survey || !this.#mayFill(known)) return;
    // what is held may have to be judged by other keys, which takes no upstream
    if (known.settings.retired && !known.settings.verify) return;
    const rest = this.#rests.get(known);
    // thirty thousand names that are all to be left alone need no second look
    if (rest?.survey === known.survey && rest.untilMs > this.#parts.clock.elapsed()) return;
    rest?.alarm.abort();
    this.#rests.delete(known);
    const run = this.#fillAll(known)
      .catch((error: unknown) => {
        if (error instanceof Hopeless) this.#parts.log.warn({ upstream: known.name }, error.message);
        else this.#parts.log.error({ upstream: known.name, err: error }, 'filling ahead stopped');
        return undefined;
      })
      .then((waitMs) => {
        this.#running.delete(known);
        if (waitMs !== undefined) this.#rest(known, Math.max(waitMs, minRestMs));
      });
    this.#running.set(known, run);
  }

  #mayFill({ term }: Known): boolean {
    return !this.#parts.signal.aborted && !term.aborted && this.#parts.mayFill();
  }

  /** An operator wants tried now what was left for later. */
  hurry(known: Known): void {
    known.brake.release();
    known.failures.hurry();
    this.#rests.get(known)?.alarm.abort();
    this.#rests.delete(known);
  }

  /** Resolves when nothing is being described or filled ahead. */
  async idle(): Promise<void> {
    await this.#describing.idle();
    while (this.#running.size > 0) {
      await Promise.all(this.#running.values());
      await this.#describing.idle();
    }
  }

  /**
   * Until nothing is wanted that was not wanted before: news goes before what is left of an older list. Answers with how
   * long what failed is to be left alone; undefined when nothing did.
   */
  async #fillAll(known: Known): Promise<number | undefined> {
    const { batches } = this.#parts;
    const describedMs = await this.describe(known);
    for (let { survey } = known; survey && this.#mayFill(known);) {
      const current = survey;
      const isOver = () => known.survey !== current || !this.#mayFill(known);
      const { rewritten, retired } = known.settings;
      const replace: Work = {
        kind: 'replace',
        work: (chart, version) => this.#replaceOne(known, chart, version),
        isOver,
      };
      const replaces = rewritten === 'accept' && !retired;
      const replacedMs = replaces ? await this.#lanes.run(known, current.rewrites, replace) : undefined;
      const fill: Work = { kind: 'fill', work: (chart, version) => this.#fillOne(known, chart, version), isOver };
      const filledMs = await this.#lanes.run(known, current.wanted, fill);
      this.#lanes.summarize(known);
      await batches.flush();
      survey = known.survey;
      if (survey === current) return sooner(describedMs, sooner(replacedMs, filledMs));
    }
    return undefined;
  }

  #rest(known: Known, waitMs: number): void {
    const { clock } = this.#parts;
    const alarm = new AbortController();
    this.#rests.set(known, { survey: known.survey, untilMs: clock.elapsed() + waitMs, alarm });
    const signal = AbortSignal.any([alarm.signal, known.term, this.#parts.signal]);
    const isOver = clock.sleep(waitMs, signal).then(
      () => true,
      () => false,
    );
    void isOver.then((isTime) => {
      if (isTime || known.term.aborted) this.#rests.delete(known);
      if (isTime) this.fill(known);
    });
  }

  /** Where only the reserve was left it is looked first, with a `HEAD`, which most registries do not count. */
  async #probe(known: Known, list: SharedArrayBuffer): Promise<void> {
    const { turns, signal } = this.#parts;
    const [first] = namesIn(list);
    if (!first || !known.brake.isShort || known.brake.pauseMs > 0 || known.settings.type !== 'registry') return;
    const find = () => known.settings.upstream.find(...first, signal);
    await turns.take(known, 'ahead', find).catch(() => undefined);
  }

  async #describeOne(known: Known, chart: string, version: string): Promise<void> {
    const { turns, batches, blobs, signal } = this.#parts;
    for (const claim of known.catalog.find(chart, version)?.claims ?? []) {
      if (isDescribed(claim) || claim.refused !== undefined) continue;
      const described = await turns.take(known, 'ahead', () => describeVersion({ known, claim, blobs, signal }));
      if (!described) throw untagged(known, chart, version);
      batches.addDescribed(known, described);
    }
  }

  async #fillOne(known: Known, chart: string, name: string): Promise<void> {
    const version = known.catalog.find(chart, name);
    if (!version) return;
    const { fetches } = this.#parts;
    const before = known.held(chart, name);
    const kept = before ?? (await fetches.archives.archive(known, version, 'ahead'));
    // the store did not take it, and so it will be with the next
    if (!known.held(chart, name)) throw notTaken(known.name);
    if (!before) this.#filled += 1;
    await this.#complete(known, version, kept).catch((error: unknown) => {
      throw withoutAttachments(error);
    });
  }

  /** What comes beside the archive, and what is found out of it. */
  async #complete(known: Known, version: ChartVersion, held: KeptVersion): Promise<void> {
    const { provenances, artifacts, verdicts } = this.#parts.fetches;
    const { retired } = known.settings;
    // nobody is asked any more
    if (retired && held.provenance === undefined) return;
    const present = (): KeptVersion => known.held(held.chart, held.version) ?? held;
    if (held.provenance === undefined) await provenances.provenance(known, version, held, 'ahead');
    const kept = await verdicts.judged(known, version, present(), 'ahead');
    if (retired) return;
    if (held.artifacts === undefined) await artifacts.artifacts(known, version, present(), 'ahead');
    if (mayBeSignedYet(known.offering, version, kept, this.#parts.clock.now())) throw notSignedYet(known, kept);
  }

  async #replaceOne(known: Known, chart: string, name: string): Promise<void> {
    const version = known.catalog.find(chart, name);
    const held = known.held(chart, name);
    if (!version || !held) return;
    await this.#parts.fetches.archives.replace(known, version, held, 'ahead');
    this.#filled += 1;
  }
}

interface Rest {
  readonly survey: Survey | undefined;
  readonly untilMs: number;
  readonly alarm: AbortController;
}

function sooner(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** Some servers answer 403 or a page where a provenance file is not: the archive is held, that is no failed version. */
function withoutAttachments(cause: unknown): Incomplete {
  return new Incomplete('what comes beside the archive could not be had', { cause });
}

/** Its publisher may upload it minutes after the archive. */
function notSignedYet({ name }: Known, { chart, version }: KeptVersion): Fault {
  const message = `${name}: ${chart} ${version} has no provenance file yet.`;
  return new Fault(
    'provenance-invalid',
    message,
    'It is asked for again for a day, then when somebody wants the version.',
  );
}

/** A full or broken store: what else is fetched ahead would be fetched for nothing. */
function notTaken(upstream: string): Hopeless {
  return new Hopeless(`${upstream}: the store takes nothing; nothing more is fetched ahead until the next sync`);
}

function untagged(known: Known, chart: string, version: string): Fault {
  const message = `${known.name}: lists a tag for ${chart} ${version}, and has no manifest for it.`;
  return new Fault('manifest-unknown', message, 'Its publisher may be pushing it just now, or removed it halfway.');
}
