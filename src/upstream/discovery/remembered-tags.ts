import type { Clock } from '../../lib/clock.ts';
import { eachOf } from './api.ts';
import type { DiscoveredRepository, DiscoveredTag } from './discovery.ts';

/** A repository with what changes when it does. */
export interface StampedRepository {
  readonly repository: string;
  /** When it was last changed, as the product says; anything else than a time is no stamp. */
  readonly changedAt: unknown;
  /** What else tells a change, such as how much it holds. */
  readonly more?: unknown;
}

/** Asks for the tags of one repository; undefined when it is not there (any more). */
export type AskTags = (repository: string, signal: AbortSignal) => Promise<readonly DiscoveredTag[] | undefined>;

interface Remembered {
  readonly stamp: string | undefined;
  readonly atMs: number;
  readonly tags: readonly DiscoveredTag[];
}

/** What a stamp does not show, such as a tag that was deleted or moved back, is seen after this long. */
const trustStampMs = 6 * 60 * 60_000;
/** A change may be stamped before its tag is listed. */
const settleMs = 10 * 60_000;

/** Lists of tags that are not asked for again while a repository's stamp stays. */
export class RememberedTags {
  readonly #clock: Clock;
  readonly #lists = new Map<string, Remembered>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The repositories with their tags: `ask` is asked where the stamp is another or younger than ten minutes, and after
   * six hours. What was read before one of them failed need not be asked again. Repositories that are left out are
   * forgotten, and those that are not there left out.
   */
  async read(
    repositories: readonly StampedRepository[],
    signal: AbortSignal,
    ask: AskTags,
  ): Promise<readonly DiscoveredRepository[]> {
    const read = await eachOf(repositories, signal, async (one, either) => {
      const { repository } = one;
      const [atMs, stamp] = [this.#clock.elapsed(), stampOf(one, this.#clock.now())];
      const known = this.#known(repository, stamp);
      const tags = known ? known.tags : await ask(repository, either);
      if (tags && !known) this.#lists.set(repository, { stamp, atMs, tags });
      return tags ? [{ repository, tags }] : [];
    });
    const found = read.flat();
    const names = new Set(found.map(({ repository }) => repository));
    for (const repository of this.#lists.keys()) if (!names.has(repository)) this.#lists.delete(repository);
    return found;
  }

  #known(repository: string, stamp: string | undefined): Remembered | undefined {
    const known = this.#lists.get(repository);
    if (!known || stamp === undefined || known.stamp !== stamp) return undefined;
    return this.#clock.elapsed() - known.atMs < trustStampMs ? known : undefined;
  }
}

function stampOf({ changedAt, more }: StampedRepository, nowMs: number): string | undefined {
  const isSettled = nowMs - Date.parse(String(changedAt)) > settleMs;
  return isSettled ? JSON.stringify([changedAt, more]) : undefined;
}
