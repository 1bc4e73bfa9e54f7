import { Fault } from '../chart/fault.ts';
import { Selection } from '../chart/select.ts';
import type { Log } from '../lib/log.ts';
import type { Rendering } from './contract.ts';
import type { MirrorJobs } from './jobs.ts';
import type { Known } from './known.ts';

/** What one repository serves now. Replaced whole. */
interface Offer {
  readonly selection: Selection;
  readonly members: readonly Known[];
  readonly rendering: Rendering;
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

  /** Throws 'unavailable' while none of the upstreams was ever listed. */
  get offer(): Offer {
    if (this.#offer) return this.#offer;
    throw new Fault(
      'unavailable',
      'No upstream was ever listed yet, so there is no index to give.',
      'Wait for the first sync; GET /api/v1/status says what is in the way.',
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
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Resolves when no index is being built. Rejects when that failed. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      for (const member of this.#members) member.unserved = false;
      try {
        await this.#build();
      } catch (error) {
        for (const member of this.#members) member.unserved = true;
        throw error;
      }
    }
  }

  async #build(): Promise<void> {
    const members = this.#members;
    if (!members.some((member) => member.listed)) return;
    const served = members.map(({ catalog, offers }) => ({ catalog, offers }));
    const rendered = await this.#jobs.run('render', {
      members: members.map(({ catalog, snapshot, settings }) => ({
        catalog: catalog.table,
        snapshot: snapshot.table,
        charts: settings.charts,
      })),
    });
    const selection = new Selection(served, new Map(rendered.owners));
    const rendering = { identity: bufferOf(rendered.identity), gzip: bufferOf(rendered.gzip), etag: rendered.etag };
    const changed = this.#offer?.rendering.etag !== rendering.etag;
    this.#offer = { selection, members, rendering, contested: rendered.contested };
    if (changed)
      this.#log.info(
        { repository: this.name, etag: rendering.etag, bytes: rendering.identity.length },
        'index rendered',
      );
  }
}

function bufferOf(bytes: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
