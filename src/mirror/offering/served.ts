import { isDeepStrictEqual } from 'node:util';

import { Fault } from '../../chart/fault.ts';
import type { Contest } from '../../chart/ownership.ts';
import { Selection } from '../../chart/select.ts';
import type { IndexCounts, RenderedRepository } from '../../formats/index-rendering.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { TableReader } from '../../lib/shared-table.ts';
import { noteUnseenGarbage } from '../../lib/unseen-garbage.ts';
import type { Known } from '../committing/known.ts';
import type { Rendering } from '../contract/doors.ts';
import type { MirrorJobs } from '../jobs.ts';
import type { RepositorySettings } from '../settings.ts';
import type { ContestLog } from './contest-log.ts';

/** A finished index, and what names everything it was made of. */
export interface Built extends Rendering {
  readonly key: string;
}

/** What one repository serves now. Replaced whole. */
export interface Offer {
  readonly selection: Selection;
  readonly members: readonly Known[];
  /** Undefined while nothing is listed because nothing is described yet: that would be an empty index by accident. */
  readonly rendering: Built | undefined;
  /** A line for each chart that is listed: its name, and its `ChartSummary` as JSON. */
  readonly shelf: TableReader;
  readonly counts: IndexCounts;
  /** By member. */
  readonly contested: readonly (readonly Contest[])[];
}

export interface ServedParts {
  readonly jobs: MirrorJobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly contestLog: ContestLog;
  /** Every index that is served now: one that is to be equal is not made again. */
  readonly renderings: () => readonly Built[];
}

const nothing: readonly never[] = [];

/** A timer may not be set for longer. */
const maxAlarmMs = 24 * 60 * 60_000;

/** A repository: its members in order, its catalog and its finished index, rebuilt when something it lists changed. */
export class Served {
  readonly settings: RepositorySettings;
  readonly #members: readonly Known[];
  readonly #parts: ServedParts;
  readonly #retired = new AbortController();
  /** Of each member: the news that the index tells. */
  #told: readonly number[] = [];
  #offer: Offer | undefined;
  #running: Promise<void> | undefined;
  #alarm: AbortController | undefined;

  /** `members` in the order of the settings' upstreams. */
  constructor(settings: RepositorySettings, members: readonly Known[], parts: ServedParts) {
    this.settings = settings;
    this.#members = members;
    this.#parts = parts;
  }

  get name(): string {
    return this.settings.name;
  }

  /** Whether it is made of just these. */
  isOf(settings: RepositorySettings, members: readonly Known[]): boolean {
    const isSame = members.length === this.#members.length && members.every((one, at) => one === this.#members[at]);
    return isSame && isDeepStrictEqual(settings, this.settings);
  }

  /** The index that is served, where there is one. */
  get built(): Built | undefined {
    return this.#offer?.rendering;
  }

  /**
   * Throws 'unavailable' while none of the upstreams was ever listed, and 'store-failed' while it cannot be told what one
   * of them offers: an index without it would be a wrong answer.
   */
  get offer(): Offer {
    if (this.#offer) return this.#offer;
    const damage = this.#members.find((member) => member.damage)?.damage;
    if (damage) throw damage;
    throw new Fault(
      'unavailable',
      'No upstream was ever listed yet, so there is no index to give.',
      'Wait for the first sync; GET /api/v1/status says what is in the way.',
      { retryAfterMs: 5_000 },
    );
  }

  /** Whether it can be told what is offered. */
  get isOpen(): boolean {
    return this.#offer !== undefined;
  }

  /** Why it cannot be told, and waiting is of no use: what the store has of a member cannot be read. */
  get damage(): Fault | undefined {
    return this.#offer ? undefined : this.#members.find(({ damage, listed }) => damage && !listed)?.damage;
  }

  /** Whether there is an index, or none that could be made yet. */
  get isSettled(): boolean {
    if (this.#offer?.rendering || this.#members.some(({ damage }) => damage)) return true;
    return this.#members.every(({ listed }) => !listed);
  }

  /** Whether something was committed that the index does not say yet. */
  get isStale(): boolean {
    return this.#members.some((member, at) => member.news !== this.#told[at]);
  }

  /** The finished index. Throws as `offer` does, and 'unavailable' while nothing that is listed is described yet. */
  get rendering(): Rendering {
    const { rendering } = this.offer;
    if (rendering) return rendering;
    throw new Fault(
      'unavailable',
      'None of the tags that the registries list is described yet, so there is no index to give.',
      'It comes with the first of them, in seconds; GET /api/v1/status says what is in the way.',
      { retryAfterMs: 5_000 },
    );
  }

  /** What a member lists and may not provide here: the same list while the offer stands. */
  contestsOf(member: Known): readonly Contest[] {
    return this.#offer?.contested[this.#members.indexOf(member)] ?? nothing;
  }

  /** Has the index say what was committed before this call: builds it anew, or waits for one that is being built. */
  async refresh(): Promise<void> {
    while (this.isStale && !this.#retired.signal.aborted) {
      this.#running ??= this.#build().finally(() => (this.#running = undefined));
      await this.#running;
    }
    await this.#running;
  }

  /** Builds it although no member has news: what its rules say depends on the time. */
  async #rebuild(): Promise<void> {
    this.#told = [];
    await this.refresh();
  }

  /** It is not served any more. */
  retire(): void {
    this.#retired.abort(new Error('no longer served'));
  }

  async #build(): Promise<void> {
    const members = this.#members;
    const told = members.map(({ news }) => news);
    // an index that was served without it may go on without it, but none may begin so
    const isEarly = !members.some(({ listed }) => listed);
    if (!isEarly && !this.damage) await this.#render();
    this.#told = told;
  }

  async #render(): Promise<void> {
    const { jobs, clock, log, contestLog, renderings } = this.#parts;
    const members = this.#members;
    const { rules } = this.settings;
    const nowMs = clock.now();
    const offerings = members.map(({ name, offering }) => ({ name, offering }));
    const input = { repository: this.name, members: members.map(({ member }) => member), rules, nowMs };
    const before = renderings();
    const rendered = await jobs.run('render', { ...input, have: before.map(({ key }) => key) });
    const rendering = builtOf(rendered, before);
    const changed = this.#offer?.rendering?.etag !== rendering.etag;
    const isEarly = rendered.isEmpty && members.some(({ survey }) => survey && survey.undescribed.byteLength > 0);
    this.#offer = {
      selection: new Selection(offerings, rules, nowMs, new Map(rendered.owners)),
      members,
      rendering: isEarly ? undefined : rendering,
      shelf: new TableReader(rendered.shelf),
      counts: rendered.counts,
      contested: rendered.contested,
    };
    this.#wakeAt(rendered.changesMs);
    const bytes = rendering.identity.reduce((sum, { length }) => sum + length, 0);
    noteUnseenGarbage(rendered.madeBytes);
    contestLog.note(this.name, new Map(members.map(({ name }, at) => [name, rendered.contested[at] ?? nothing])));
    if (changed) log.info({ repository: this.name, etag: rendering.etag, bytes }, 'index rendered');
  }

  /** The index changes by itself when a version has been known for long enough. */
  #wakeAt(atMs: number): void {
    this.#alarm?.abort();
    if (atMs === Infinity) return;
    const { clock, log } = this.#parts;
    const alarm = (this.#alarm = new AbortController());
    const waitMs = Math.min(Math.max(0, atMs - clock.now()), maxAlarmMs);
    clock.sleep(waitMs, AbortSignal.any([alarm.signal, this.#retired.signal])).then(
      () =>
        this.#rebuild().catch((error: unknown) =>
          log.error({ repository: this.name, err: error }, 'the index could not be built anew; it is tried again'),
        ),
      () => undefined,
    );
  }
}

function builtOf({ key, index }: RenderedRepository, before: readonly Built[]): Built {
  const same = before.find((built) => built.key === key);
  if (same) return same;
  if (!index) throw new Error('an index was neither made nor there before');
  const { identity, gzip, etag } = index;
  return { key, identity: identity.map(bufferOf), gzip: bufferOf(gzip), etag };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
