import { setImmediate as breathe } from 'node:timers/promises';

import { LRUCache } from 'lru-cache';

import type { Clock } from '../../lib/clock.ts';
import type { TableReader } from '../../lib/shared-table.ts';
import type { ChartSummary } from '../contract/library.ts';
import { SearchIndex } from './search-index.ts';

/** In all indexes together: about 100 MB. The index that was searched last is there however large it is. */
const maxCharts = 50_000;
/** Others on the main thread get their turn after this. */
const pieceMs = 4;

/** What a shelf says of the chart in one of its lines. */
export function summaryAt(shelf: TableReader, line: number): ChartSummary {
  return JSON.parse(shelf.column(line, 1)) as ChartSummary;
}

/**
 * Finds charts by words, in each repository that somebody searches. Of a shelf that takes the place of another one only
 * the charts that changed are indexed anew, a few milliseconds at a time; what was there before answers meanwhile.
 */
export class ChartSearch {
  readonly #clock: Clock;
  readonly #maxCharts: number;
  readonly #indexes: LRUCache<string, ShelfIndex>;

  constructor(clock: Clock, options: { readonly maxCharts?: number } = {}) {
    this.#clock = clock;
    this.#maxCharts = options.maxCharts ?? maxCharts;
    this.#indexes = new LRUCache({ maxSize: this.#maxCharts });
  }

  /** Has a repository's index say what is on this shelf; a promise while nothing of it can be searched yet. */
  prepare(repository: string, shelf: TableReader): Promise<void> | undefined {
    const index = this.#indexes.get(repository) ?? new ShelfIndex(this.#clock);
    // what is set again keeps the size that it had
    this.#indexes.delete(repository);
    this.#indexes.set(repository, index, { size: Math.min(shelf.size + 1, this.#maxCharts) });
    return index.follow(shelf);
  }

  /** The lines of the charts of a shelf that have these words, the best first. Call `prepare` before. */
  find(repository: string, shelf: TableReader, text: string): readonly number[] {
    const names = this.#indexes.get(repository)?.find(text) ?? [];
    // what is no longer there must not be found, whatever the index says
    return names.flatMap((name) => shelf.linesOf(name)?.[0] ?? []);
  }
}

class ShelfIndex {
  readonly #clock: Clock;
  readonly #index = new SearchIndex();
  #wanted: TableReader | undefined;
  /** What the index says, once it says everything of a shelf. */
  #indexed: TableReader | undefined;
  #running: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(text: string): readonly string[] {
    return this.#index.find(text);
  }

  follow(shelf: TableReader): Promise<void> | undefined {
    this.#wanted = shelf;
    if (this.#indexed === shelf) return undefined;
    this.#running ??= this.#update().finally(() => (this.#running = undefined));
    if (!this.#indexed) return this.#running;
    // one that fails is tried again by the next who searches
    this.#running.catch(() => undefined);
    return undefined;
  }

  async #update(): Promise<void> {
    for (let shelf = this.#wanted; shelf && shelf !== this.#indexed; shelf = this.#wanted) {
      const before = this.#indexed;
      const pause = pauses(this.#clock);
      for (const name of before?.groups() ?? []) {
        if (!shelf.linesOf(name)) this.#index.remove(name);
        await pause();
      }
      for (let line = 0; line < shelf.size; line += 1) {
        if (!isSame(shelf, line, before)) this.#index.set(summaryAt(shelf, line));
        await pause();
      }
      this.#indexed = shelf;
    }
  }
}

function isSame(shelf: TableReader, line: number, before: TableReader | undefined): boolean {
  const earlier = before?.linesOf(shelf.column(line, 0))?.[0];
  return before !== undefined && earlier !== undefined && before.line(earlier).equals(shelf.line(line));
}

/** Called between two small pieces of work: lets others have their turn, from time to time. */
function pauses(clock: Clock): () => Promise<void> | undefined {
  let sinceMs = -Infinity;
  return () => {
    if (clock.elapsed() - sinceMs < pieceMs) return undefined;
    return breathe().then(() => {
      sinceMs = clock.elapsed();
    });
  };
}
