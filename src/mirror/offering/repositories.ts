import { unknownRepository } from '../../chart/unknown-repository.ts';
import type { Known } from '../committing/known.ts';
import type { RepositorySettings } from '../settings.ts';
import { ContestLog } from './contest-log.ts';
import { Served, type Built, type ServedParts } from './served.ts';

/** The repositories that are served now. Replaced as one. */
export class Repositories {
  readonly #parts: Omit<ServedParts, 'renderings'>;
  #all: readonly Served[] = [];
  /** Not served yet. */
  #prepared: readonly Served[] = [];

  constructor(parts: Omit<ServedParts, 'renderings' | 'contestLog'>) {
    this.#parts = { ...parts, contestLog: new ContestLog(parts.log) };
  }

  /** In the order of the configuration. */
  get all(): readonly Served[] {
    return this.#all;
  }

  /** Throws 'not-found' for a repository we do not have. */
  find(name: string): Served {
    const found = this.#all.find((served) => served.name === name);
    if (found) return found;
    throw unknownRepository(
      name,
      this.#all.map((served) => served.name),
    );
  }

  /** Repositories as they are to be; those that stay what they are are the ones that are served. */
  prepare(wanted: readonly RepositorySettings[], known: readonly Known[]): readonly Served[] {
    const renderings = (): readonly Built[] => [...this.#all, ...this.#prepared].flatMap(({ built }) => built ?? []);
    this.#prepared = wanted.map((settings) => {
      const members = settings.upstreams.flatMap((name) => known.filter((one) => one.name === name));
      const present = this.#all.find((served) => served.isOf(settings, members));
      return present ?? new Served(settings, members, { ...this.#parts, renderings });
    });
    return this.#prepared;
  }

  /** Serves these from now on; those that are gone build nothing more. */
  replace(all: readonly Served[]): void {
    const gone = this.#all.filter((served) => !all.includes(served));
    this.#all = all;
    this.#prepared = [];
    this.#parts.contestLog.keep(new Set(all.map(({ name }) => name)));
    for (const served of gone) served.retire();
  }

  /** Those that are served go on as they are, and build nothing more. */
  retire(): void {
    for (const served of this.#all) served.retire();
  }

  /** Takes back what was prepared and will not be served. */
  discard(prepared: readonly Served[]): void {
    this.#prepared = [];
    for (const served of prepared) if (!this.#all.includes(served)) served.retire();
  }

  /** Whether something was committed that an index does not say yet. */
  get isStale(): boolean {
    return this.#all.some((served) => served.isStale);
  }

  /** Has every index say what was committed. */
  refresh(): Promise<void> {
    return refreshAll(this.#all);
  }
}

/** One after the other, so that equal ones are made once. Rejects with the first that could not be built, when all are done. */
export async function refreshAll(all: readonly Served[]): Promise<void> {
  const failures: unknown[] = [];
  for (const served of all) await served.refresh().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
