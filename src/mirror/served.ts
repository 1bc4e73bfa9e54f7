import { Fault } from '../chart/fault.ts';
import { Selection } from '../chart/select.ts';
import type { Log } from '../lib/log.ts';
import { noteUnseenGarbage } from '../lib/unseen-garbage.ts';
import type { Rendering } from './contract.ts';
import type { MirrorJobs } from './jobs.ts';
import type { Known } from './known.ts';

/** What one repository serves now. Replaced whole. */
interface Offer {
  readonly selection: Selection;
  readonly members: readonly Known[];
  /** Undefined while nothing is listed because nothing is described yet: that would be an empty index by accident. */
  readonly rendering: Rendering | undefined;
  /** By member: names it lists and may not provide. */
  readonly contested: readonly number[];
}

/** A repository: its members in order, its catalog and its finished index, rebuilt when something it lists changed. */
export class Served {
  readonly name: string;
  readonly #members: readonly Known[];
  readonly #jobs: MirrorJobs;
  readonly #log: Log;
  #offer: Offer | undefined;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(name: string, members: readonly Known[], jobs: MirrorJobs, log: Log) {
    this.name = name;
    this.#members = members;
    this.#jobs = jobs;
    this.#log = log;
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

  /** Whether there is an index, or none that could be made yet. */
  get isSettled(): boolean {
    if (this.#offer?.rendering || this.#members.some(({ damage }) => damage)) return true;
    return this.#members.every(({ listed }) => !listed);
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

  /** How many names a member lists and may not provide. */
  contested(member: Known): number {
    return this.#offer?.contested[this.#members.indexOf(member)] ?? 0;
  }

  /** Builds the index anew and serves it. A call while one is being built waits for a later one. */
  rebuild(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Resolves when no index is being built. Rejects when that failed. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        for (const member of this.#members) member.unserved = false;
        await this.#build();
      }
    } catch (error) {
      for (const member of this.#members) member.unserved = true;
      throw error;
    } finally {
      // at once: whoever asks after the last look begins anew
      this.#running = undefined;
    }
  }

  async #build(): Promise<void> {
    const members = this.#members;
    if (!members.some((member) => member.listed)) return;
    // an index that was served without it may go on without it, but none may begin so
    if (!this.#offer && members.some((member) => member.damage && !member.listed)) return;
    const served = members.map(({ offering }) => offering);
    const rendered = await this.#jobs.run('render', {
      repository: this.name,
      members: members.map(({ member }) => member),
    });
    const selection = new Selection(served, new Map(rendered.owners));
    const rendering = { identity: rendered.identity.map(bufferOf), gzip: bufferOf(rendered.gzip), etag: rendered.etag };
    const bytes = rendering.identity.reduce((sum, { length }) => sum + length, 0);
    const changed = this.#offer?.rendering?.etag !== rendering.etag;
    const isEarly = rendered.isEmpty && members.some(({ survey }) => survey && survey.undescribed.byteLength > 0);
    const { contested } = rendered;
    this.#offer = { selection, members, contested, rendering: isEarly ? undefined : rendering };
    // the last one, and the catalogs it was made of
    noteUnseenGarbage(2 * bytes);
    if (changed) this.#log.info({ repository: this.name, etag: rendering.etag, bytes }, 'index rendered');
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
