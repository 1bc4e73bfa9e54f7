import type { Contest } from '../../chart/ownership.ts';
import type { Log } from '../../lib/log.ts';

/** So many names are shown. */
const maxShown = 5;

/** What upstreams list and may not provide, by the upstream's name. */
export type ContestsByUpstream = ReadonlyMap<string, readonly Contest[]>;

/** Says in the log which names have become contested. */
export class ContestLog {
  readonly #log: Log;
  /** By the name of the repository: as it was last. */
  readonly #told = new Map<string, ContestsByUpstream>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Says which of these were not contested before; nothing of a repository that is new here. */
  note(repository: string, contested: ContestsByUpstream): void {
    const before = this.#told.get(repository);
    this.#told.set(repository, contested);
    if (!before) return;
    for (const [upstream, contests] of contested) {
      const names = newNames(contests, before.get(upstream) ?? []);
      if (names.length === 0) continue;
      this.#log.warn(
        { repository, upstream, count: names.length, names: names.slice(0, maxShown) },
        'names have become contested: another upstream provides them here, and only owners moves a name',
      );
    }
  }

  /** Forgets the repositories that are none any more. */
  keep(repositories: ReadonlySet<string>): void {
    for (const name of this.#told.keys()) if (!repositories.has(name)) this.#told.delete(name);
  }
}

function newNames(contests: readonly Contest[], before: readonly Contest[]): readonly string[] {
  const known = new Set(before.map(wordsOf));
  return contests.map(wordsOf).filter((words) => !known.has(words));
}

function wordsOf({ chart, version = '' }: Contest): string {
  return `${chart} ${version}`.trim();
}
