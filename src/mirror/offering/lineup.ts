import { Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import type { Committed } from '../committing/committed.ts';
import { Known } from '../committing/known.ts';
import type { MirrorJobs } from '../jobs.ts';
import type { RepositorySettings, UpstreamSettings } from '../settings.ts';
import { Repositories, refreshAll } from './repositories.ts';
import type { Served } from './served.ts';

/** What is to be offered, and from where. */
export interface Composition {
  readonly upstreams: readonly UpstreamSettings[];
  readonly repositories: readonly RepositorySettings[];
}

export interface LineupParts {
  readonly jobs: MirrorJobs;
  readonly clock: Clock;
  readonly log: Log;
}

/** How one takes the place of another. */
interface Replacing {
  readonly committed: Committed;
  readonly isOpen: boolean;
  readonly signal: AbortSignal;
  readonly taken: () => void;
}

/** The upstreams and repositories that there are now. Replaced as one. */
export class Lineup {
  readonly repositories: Repositories;
  readonly #parts: LineupParts;
  readonly #surveys = new SingleFlight<void, Known>();
  #known: readonly Known[];

  constructor({ upstreams, repositories }: Composition, parts: LineupParts) {
    this.#parts = parts;
    this.#known = upstreams.map((settings) => new Known(settings, parts.clock));
    this.repositories = new Repositories(parts);
    this.repositories.replace(this.repositories.prepare(repositories, this.#known));
  }

  /** Every upstream, in the order of the configuration. */
  get known(): readonly Known[] {
    return this.#known;
  }

  /** Looks over what was committed, and serves it. What fails is tried again the next time. */
  async look(): Promise<void> {
    await this.#survey(this.#known);
    await this.repositories.refresh();
  }

  /**
   * Has another composition take the place of this one: what is the same stays what it is, and everything else is ready
   * before anything changes for clients. Rejects, and changes nothing, when it cannot be made ready, or with the signal's
   * reason. `isOpen`: the store was read, so that there is something to make ready. `taken` is called at the moment from which
   * the other one holds.
   */
  async replace(wanted: Composition, { committed, isOpen, signal, taken }: Replacing): Promise<void> {
    const before = this.#known;
    const after = wanted.upstreams.map((settings) => this.#prepare(settings));
    const fresh = after.filter((known) => !before.includes(known));
    const served = this.repositories.prepare(wanted.repositories, after);
    try {
      // what is under way goes on with what was known before, until everything is ready
      await committed.attend([...before, ...fresh]);
      if (isOpen) await this.#makeReady(fresh, served, signal);
      signal.throwIfAborted();
    } catch (error) {
      this.repositories.discard(served);
      await committed.attend(before);
      throw error;
    }
    this.#known = after;
    this.repositories.replace(served);
    for (const known of before) {
      if (!after.includes(known)) known.dismiss(after.find(({ name }) => name === known.name));
    }
    taken();
    await committed.attend(after);
  }

  #prepare(settings: UpstreamSettings): Known {
    const before = this.#known.find(({ name }) => name === settings.name);
    return before?.settings === settings ? before : new Known(settings, this.#parts.clock, before);
  }

  /** Commits go on meanwhile: whoever was served something must not find it gone. */
  async #makeReady(fresh: readonly Known[], served: readonly Served[], signal: AbortSignal): Promise<void> {
    while (fresh.some(({ unsurveyed }) => unsurveyed) || served.some(({ isStale }) => isStale)) {
      signal.throwIfAborted();
      await this.#survey(fresh);
      await refreshAll(served);
    }
    for (const one of served) if (one.damage && this.#isOpen(one.name)) throw wouldBeLost(one.name, one.damage);
  }

  #isOpen(repository: string): boolean {
    return this.repositories.all.some(({ name, isOpen }) => name === repository && isOpen);
  }

  async #survey(all: readonly Known[]): Promise<void> {
    await Promise.all(all.map((known) => this.#surveyNews(known)));
  }

  /** Also what somebody else looks over just now is waited for. */
  async #surveyNews(known: Known): Promise<void> {
    while (known.unsurveyed || this.#surveys.underWay(known)) {
      await this.#surveys.run(known, () => this.#surveyOne(known));
    }
  }

  async #surveyOne(known: Known): Promise<void> {
    known.unsurveyed = false;
    const { jobs, clock } = this.#parts;
    const terms = { policy: known.settings.mirror, nowMs: clock.now() };
    try {
      known.survey = await jobs.run('survey', { ...known.member, ...terms });
    } catch (error) {
      known.unsurveyed = true;
      throw error;
    }
  }
}

/** What is served stays, rather than to make way for nothing. */
function wouldBeLost(repository: string, damage: Fault): Fault {
  const message = `The repository ${repository} would have no index any more: ${damage.message}`;
  return new Fault('store-failed', message, damage.advice, { cause: damage });
}
