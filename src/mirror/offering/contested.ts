import type { Contest } from '../../chart/ownership.ts';
import type { Known } from '../committing/known.ts';
import type { ContestedName } from '../contract/operator.ts';
import type { Served } from './served.ts';

/** So many are shown. */
const maxShown = 200;

/** What an upstream lists and may not provide in some repository. */
export interface Contested {
  /** Each name, or version, once, however many repositories it is contested in. */
  readonly count: number;
  /** The first few, each once in each repository. */
  readonly names: readonly ContestedName[];
}

interface Counted extends Contested {
  readonly of: readonly (readonly Contest[])[];
}

/** Counts what is contested: once for each offer, since there may be tens of thousands in each repository. */
export class ContestedNames {
  readonly #counted = new WeakMap<Known, Counted>();

  of(known: Known, all: readonly Served[]): Contested {
    const contests = all.map((served) => served.contestsOf(known));
    const before = this.#counted.get(known);
    if (before && contests.length === before.of.length && contests.every((one, at) => one === before.of[at])) {
      return before;
    }
    const counted = { of: contests, ...count(all, contests) };
    this.#counted.set(known, counted);
    return counted;
  }
}

function count(all: readonly Served[], contests: readonly (readonly Contest[])[]): Contested {
  const seen = new Map<string, Set<string | undefined>>();
  const names: ContestedName[] = [];
  let total = 0;
  for (const [at, { name: repository, settings }] of all.entries()) {
    for (const { chart, version, owner } of contests[at] ?? []) {
      const whose = settings.upstreams[owner] ?? '';
      if (names.length < maxShown)
        names.push({ repository, chart, ...(version !== undefined && { version }), owner: whose });
      const versions = seen.get(chart) ?? new Set();
      if (versions.has(version)) continue;
      seen.set(chart, versions.add(version));
      total += 1;
    }
  }
  return { count: total, names };
}
