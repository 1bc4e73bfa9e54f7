import { Fault, type FaultCode } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import { SingleFlight } from '../../lib/single-flight.ts';

/** Signatures, attestations and the like, which hang on a digest: nobody takes them for versions. */
const attached = /^sha256-[0-9a-f]{64}(?:\.[a-z]+)?$/;

/** Whether a tag is one that something hangs on, by cosign's scheme or the distribution specification's fallback. */
export function isAttachedTag(tag: string): boolean {
  return attached.test(tag);
}

interface AttachedTagsOptions {
  /** Asks for all tags of a repository; undefined when there is no such repository. */
  readonly list: (repository: string, signal: AbortSignal) => Promise<readonly string[] | undefined>;
  readonly clock: Clock;
}

/** A tag may have been pushed since. */
const believedMs = 2 * 60_000;
/** Who may read a chart may not always list its tags. */
const unlistable: ReadonlySet<FaultCode> = new Set([
  'unauthorized',
  'forbidden',
  'not-a-registry',
  'listing-invalid',
  'too-large',
]);

/**
 * Which of these tags a repository has. One list of them says it for all versions of a chart, where each tag would be a
 * request; the listing's is taken as well.
 */
export class AttachedTags {
  readonly #options: AttachedTagsOptions;
  /** No tags: they cannot be listed. */
  readonly #lists = new Map<string, { readonly tags: ReadonlySet<string> | undefined; readonly atMs: number }>();
  readonly #flights = new SingleFlight<void>();

  constructor(options: AttachedTagsOptions) {
    this.#options = options;
  }

  /** Takes note of all tags of a repository, as they were listed now; without them, that they cannot be listed. */
  note(repository: string, tags: readonly string[] | undefined): void {
    const ours = tags && new Set(tags.filter(isAttachedTag));
    this.#lists.set(repository, { tags: ours, atMs: this.#options.clock.elapsed() });
  }

  /** Whether a tag may be there: it was, at most two minutes ago, or nobody can tell. */
  async of(repository: string, signal: AbortSignal): Promise<(tag: string) => boolean> {
    const ageMs = this.#options.clock.elapsed() - (this.#lists.get(repository)?.atMs ?? -Infinity);
    if (ageMs >= believedMs) await this.#flights.run(repository, () => this.#ask(repository, signal));
    const tags = this.#lists.get(repository)?.tags;
    return (tag) => tags?.has(tag) ?? true;
  }

  async #ask(repository: string, signal: AbortSignal): Promise<void> {
    try {
      this.note(repository, await this.#options.list(repository, signal));
    } catch (error) {
      if (!(error instanceof Fault) || !unlistable.has(error.code)) throw error;
      this.note(repository, undefined);
    }
  }
}
