import { LRUCache } from 'lru-cache';

import type { Descriptor, Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { readArtifact } from '../../formats/oci-artifact.ts';
import { Limiter } from '../../lib/limiter.ts';
import { keyOf } from '../committing/known.ts';
import type { ImageName, Referrer } from '../contract/images.ts';
import type { Engine } from '../engine.ts';
import { waitAtMost } from '../patience.ts';
import type { Held } from '../reading/reader.ts';

/** An artifact's manifest, and the version that it stands beside. */
export interface Companion extends Held {
  readonly descriptor: Descriptor;
}

export interface CompanionsParts {
  readonly engine: Pick<Engine, 'fetches' | 'clock'>;
  /**
   * The offered version of a chart whose manifest has this digest, or beside which an artifact's has it; undefined when
   * there is none. Rejects with the fault for one that must not leave.
   */
  readonly versionWith: (name: ImageName, digest: Digest) => Promise<Held | undefined>;
  /** The whole of a manifest beside a version, fetched again when it is lost. Rejects with a fault. */
  readonly read: (name: ImageName, companion: Companion) => Promise<Uint8Array>;
  /** How long a request waits for what was never asked for. */
  readonly coldWaitMs: () => number;
}

const cosignTag = /^sha256-([0-9a-f]{64})\.(?:sig|att|sbom)$/;
/** How long upstream's word on what stands beside a version is taken. */
const believedMs = 10 * 60_000;
/** Who can be told what is known waits no longer for news, and not for an upstream that just gave none. */
const newsWaitMs = 3_000;
const silentMs = 60_000;
const maxSilent = 10_000;
/** A manifest may have megabytes, and a chart a hundred artifacts. */
const readsAtOnce = 8;

/** The digest of the manifest that a tag of cosign's scheme hangs on; undefined for any other tag. */
export function subjectOf(tag: string): Digest | undefined {
  const [, hex] = cosignTag.exec(tag) ?? [];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/**
 * What stands beside charts in their registries, for those who ask for it. Upstream is asked first when it was not within
 * ten minutes. When it does not answer, what is known counts; when nothing ever was, its fault: an empty list would say
 * that nobody signed this.
 */
export class Companions {
  readonly #parts: CompanionsParts;
  /** When upstream gave no answer on a version. */
  readonly #silent = new LRUCache<string, number>({ max: maxSilent });

  constructor(parts: CompanionsParts) {
    this.#parts = parts;
  }

  /** What a tag of cosign's scheme leads to now; undefined when nothing hangs there. */
  async tagged(name: ImageName, tag: string): Promise<Companion | undefined> {
    const subject = subjectOf(tag);
    const found = subject && (await this.#refreshed(name, subject));
    // a tag that moved leads to what was found last
    const artifact = found?.kept.artifacts?.findLast((one) => one.tag === tag);
    return found && artifact && { ...found, descriptor: artifact.manifest };
  }

  /** What refers to a manifest by its `subject`, in the order in which it was found (distribution specification, listing referrers). */
  async referrers(name: ImageName, digest: Digest): Promise<readonly Referrer[]> {
    const found = await this.#refreshed(name, digest);
    if (!found) return [];
    const referring = (found.kept.artifacts ?? []).filter(({ subject }) => subject === digest);
    const manifests = new Map(referring.map(({ manifest }) => [manifest.digest, manifest]));
    const reads = new Limiter(readsAtOnce);
    const described = [...manifests.values()].map((descriptor) =>
      reads.run(() => this.#describe(name, { ...found, descriptor })),
    );
    return Promise.all(described);
  }

  async #describe(name: ImageName, companion: Companion): Promise<Referrer> {
    const read = readArtifact(await this.#parts.read(name, companion));
    const { artifactType, annotations } = 'why' in read ? {} : read;
    return { ...companion.descriptor, ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
  }

  async #refreshed(name: ImageName, digest: Digest): Promise<Held | undefined> {
    const found = await this.#parts.versionWith(name, digest);
    if (!found || !this.#isDue(found)) return found;
    const { known, version, kept } = found;
    const asked = this.#parts.engine.fetches.artifacts.artifacts(known, version, kept, 'request');
    const { artifacts } = await this.#waiting(asked, found).catch((error: unknown) => {
      if (kept.artifacts === undefined) throw error;
      this.#silent.set(nameOf(found), this.#parts.engine.clock.elapsed());
      return kept;
    });
    // the rules may have changed while it was asked
    const now = await this.#parts.versionWith(name, digest);
    return now && { ...now, kept: { ...now.kept, artifacts: artifacts ?? now.kept.artifacts } };
  }

  /** Whoever is to be left alone is asked for nothing, or only for what belongs to a chart that was fetched. */
  #isDue(found: Held): boolean {
    const { known, kept } = found;
    const { retired, intervalMs, upstream } = known.settings;
    if (retired || !upstream.artifacts || !kept.manifest) return false;
    if (kept.artifacts === undefined) return true;
    const { clock, fetches } = this.#parts.engine;
    const isSilent = clock.elapsed() - (this.#silent.get(nameOf(found)) ?? -Infinity) < silentMs;
    return intervalMs > 0 && !isSilent && fetches.artifacts.askedAgoMs(known, kept) >= believedMs;
  }

  #waiting<T>(work: Promise<T>, { known, kept }: Held): Promise<T> {
    const coldWaitMs = this.#parts.coldWaitMs();
    const waitMs = kept.artifacts === undefined ? coldWaitMs : Math.min(newsWaitMs, coldWaitMs);
    return waitAtMost(work, waitMs, this.#parts.engine.clock, () => {
      const seconds = Math.round(waitMs / 1000);
      return new Fault(
        'upstream-unreachable',
        `${known.name}: what stands beside ${kept.chart} ${kept.version} did not arrive within ${seconds} s.`,
        'The fetch goes on; try again in a few seconds.',
        { timedOut: true, retryAfterMs: 5_000 },
      );
    });
  }
}

function nameOf({ known, kept }: Held): string {
  return `${known.id}/${keyOf(kept.chart, kept.version)}`;
}
