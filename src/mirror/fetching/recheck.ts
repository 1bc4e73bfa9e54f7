import { asFault, Fault } from '../../chart/fault.ts';
import type { VersionName } from '../../chart/reconcile.ts';
import { namesIn } from '../../chart/survey.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Blobs } from '../../store/blobs.ts';
import type { Batches } from '../committing/batches.ts';
import type { Known } from '../committing/known.ts';
import type { MirrorJobs } from '../jobs.ts';
import { describeVersion } from './describe.ts';
import type { Fetches } from './fetches.ts';
import type { Turns } from './turns.ts';

export interface RecheckParts {
  readonly fetches: Fetches;
  readonly turns: Turns;
  readonly batches: Batches;
  readonly blobs: Blobs;
  readonly jobs: MirrorJobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Whose turn it is is looked up this often. */
const everyMs = 5 * 60_000;
/** What upstream said of artifacts today, to whoever asked, need not be asked again. */
const toldMs = 12 * 60 * 60_000;

/**
 * Tags move, and signatures come later. Each tag that is known is looked at once a day, spread over it: a registry's
 * listing says only that it is there.
 */
export class Rechecks {
  readonly #parts: RecheckParts;
  /** Where a round was cut short, by upstream. */
  readonly #reached = new Map<string, string>();

  constructor(parts: RecheckParts) {
    this.#parts = parts;
  }

  /**
   * Looks at the tags whose turn came since the last time, has those described again that moved, and asks what stands
   * beside those that are held. One that fails has its next turn a day later. While work ahead is to pause nothing is looked at, and nothing forgotten.
   */
  async run(known: Known): Promise<void> {
    const { clock, jobs, batches } = this.#parts;
    const toMs = clock.now();
    const { checkedMs } = known.attempts;
    if (known.settings.type !== 'registry' || known.brake.pauseMs > 0) return;
    if (checkedMs !== undefined && Math.abs(toMs - checkedMs) < everyMs) return;
    const fromMs = Math.min(checkedMs ?? toMs, toMs);
    const due = await jobs.run('dueForCheck', { catalog: known.catalog.table, fromMs, toMs });
    const isDone = await this.#checkAll(known, [...namesIn(due)]);
    known.attempts = { ...known.attempts, checkedMs: isDone ? toMs : fromMs };
    await batches.flush();
  }

  /** Whether all were looked at. A round that is cut short goes on, the next time, with the name it came to. */
  async #checkAll(known: Known, due: readonly VersionName[]): Promise<boolean> {
    const first = due.findIndex((name) => name.join('/') === this.#reached.get(known.name));
    for (const name of [...due.slice(Math.max(0, first)), ...due.slice(0, Math.max(0, first))]) {
      if (known.brake.pauseMs > 0 || known.term.aborted || this.#parts.signal.aborted) {
        this.#reached.set(known.name, name.join('/'));
        return false;
      }
      const [chart, version] = name;
      await this.#look(known, chart, version).catch((error: unknown) => {
        const { code, message } = asFault(error, unexpected);
        this.#parts.log.info({ upstream: known.name, chart, version, code }, `not looked at again: ${message}`);
      });
    }
    return true;
  }

  async #look(known: Known, chart: string, version: string): Promise<void> {
    await this.#check(known, chart, version);
    const { artifacts } = this.#parts.fetches;
    const listed = known.catalog.find(chart, version);
    const kept = known.held(chart, version);
    // a signature may come long after the push
    if (!listed || !kept || artifacts.askedAgoMs(known, kept) < toldMs) return;
    await artifacts.artifacts(known, listed, kept, 'ahead');
  }

  async #check(known: Known, chart: string, version: string): Promise<void> {
    const { fetches, turns, batches, blobs, signal } = this.#parts;
    const claims = known.catalog.find(chart, version)?.claims ?? [];
    const claim = claims.find(({ tag, refused, missing }) => tag !== undefined && refused === undefined && !missing);
    if (!claim?.tag) return;
    const found = await turns.take(known, 'ahead', () => known.settings.upstream.find(chart, version, signal));
    // one that is gone is the next listing's to say
    if (!found?.pinned || placeOf(found.pinned) === placeOf(claim.source)) return;
    // a process that died may hold what it was
    await fetches.archives.findHolding(known, chart, version);
    const tagged = { ...claim, source: claim.tag };
    const moved = await turns.take(known, 'ahead', () => describeVersion({ known, claim: tagged, blobs, signal }));
    if (moved && moved.refused === undefined) batches.addDescribed(known, moved);
  }
}

/** What a source pins, without what else it may carry. */
function placeOf(source: string): string {
  return source.split(' ', 1)[0] ?? source;
}

function unexpected(error: unknown): Fault {
  return new Fault('upstream-failed', String(error), 'This is a defect; please report it.', { cause: error });
}
