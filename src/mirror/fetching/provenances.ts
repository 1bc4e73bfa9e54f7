import type { Attachments } from '../../chart/attachments.ts';
import { isRewritten, type ChartVersion } from '../../chart/catalog.ts';
import type { Descriptor } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import { mediaTypes } from '../../formats/oci-manifest.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { attachmentKey } from '../../store/layout.ts';
import type { Known } from '../committing/known.ts';
import { changeAttachments, readAttachments } from './attachments.ts';
import { fetchProvenance, type Fetched } from './fetch.ts';
import type { FillParts } from './fill.ts';
import { retrying } from './retry.ts';
import type { Urgency } from './turns.ts';

/** How long upstream's word that there is no provenance is taken without asking again, whoever requests it. */
const noProvenanceMs = 10 * 60_000;
const maxRemembered = 10_000;

/** Fetches what came beside held archives: each once however many ask. */
export class ProvenanceFills {
  readonly #parts: FillParts;
  readonly #provenances = new SingleFlight<Attachments>();
  /** When upstream was asked last for somebody who waited, by attachment. */
  readonly #askedMs = new Map<string, number>();

  constructor(parts: FillParts) {
    this.#parts = parts;
  }

  /**
   * Fetches the provenance that belongs to a held version. That there is none may have changed since: on request it is asked
   * again when ten minutes have passed, and a failure then takes nothing of it back. Rejects with a fault. Of a rewritten
   * version upstream has only that of other bytes: then nothing is said.
   */
  async provenance(known: Known, version: ChartVersion, kept: KeptVersion, urgency: Urgency): Promise<Attachments> {
    if (isRewritten(version.claims, kept.archive.digest)) return {};
    const key = keyFor(known, kept);
    if (urgency === 'ahead') return this.#find(known, version, kept, urgency);
    if (this.#askedLately(key) && kept.provenance === 'none') return { provenance: 'none' };
    this.#noteAsking(key);
    const found = this.#find(known, version, kept, urgency);
    return kept.provenance === 'none' ? found.catch(unlessStore) : found;
  }

  /**
   * What upstream has by now in place of the provenance that is kept, which is not valid: asked once, ten minutes apart.
   * Undefined where that is the same, and where a manifest names it: that one stays. Rejects with a fault.
   */
  async another(known: Known, version: ChartVersion, kept: KeptVersion): Promise<Fetched | undefined> {
    const { provenance, manifest, archive } = kept;
    const key = keyFor(known, kept);
    if (manifest || typeof provenance !== 'object' || isRewritten(version.claims, archive.digest)) return undefined;
    if (this.#askedLately(key)) return undefined;
    this.#noteAsking(key);
    const { turns, intake, signal } = this.#parts;
    const fetching = { settings: known.settings, claims: version.claims, intake, signal };
    const fetched = await turns.take(known, 'request', () => fetchProvenance(fetching));
    return fetched?.digest === provenance.digest ? undefined : fetched;
  }

  /** Keeps a provenance that is valid in place of one that was not: the blob first, then the record. */
  async replace(known: Known, kept: KeptVersion, { bytes, digest }: Fetched): Promise<Descriptor> {
    const { store, blobs } = this.#parts;
    const provenance = await blobs.put(bytes, mediaTypes.provenanceLayer);
    await changeAttachments(store, keyFor(known, kept), (present) => ({ ...present, provenance }));
    // between the two a sweep may have taken it for garbage
    if (!(await blobs.check(digest))) await blobs.put(bytes, mediaTypes.provenanceLayer);
    return provenance;
  }

  /** Resolves when nothing is being fetched. */
  idle(): Promise<void> {
    return this.#provenances.idle();
  }

  #find(known: Known, version: ChartVersion, kept: KeptVersion, urgency: Urgency): Promise<Attachments> {
    const { store, turns } = this.#parts;
    const key = keyFor(known, kept);
    return this.#provenances.run(key, async () => {
      const earlier = await readAttachments(store, key);
      if (typeof earlier.provenance === 'object') return this.#attach(known, kept, earlier);
      const fetched = await turns.take(known, urgency, () => this.#fetch(known, version));
      return this.#attach(known, kept, await this.#keep(key, fetched));
    });
  }

  #askedLately(key: string): boolean {
    return this.#parts.clock.elapsed() - (this.#askedMs.get(key) ?? -Infinity) < noProvenanceMs;
  }

  #noteAsking(key: string): void {
    if (this.#askedMs.size >= maxRemembered) this.#askedMs.clear();
    this.#askedMs.set(key, this.#parts.clock.elapsed());
  }

  /** The blob first, then the record; who loses the race for it adopts the winner's. */
  async #keep(key: string, fetched: Fetched | undefined): Promise<Attachments> {
    const { store, blobs } = this.#parts;
    const provenance = fetched ? await blobs.put(fetched.bytes, mediaTypes.provenanceLayer) : ('none' as const);
    const recorded = await changeAttachments(store, key, (present) =>
      typeof present.provenance === 'object' || present.provenance === provenance
        ? present
        : { ...present, provenance },
    );
    // between the two a sweep may have taken it for garbage
    if (fetched && !(await blobs.check(fetched.digest))) await blobs.put(fetched.bytes, mediaTypes.provenanceLayer);
    return recorded;
  }

  /** An archive that the store did not take is not held because its provenance is. */
  #attach(known: Known, kept: KeptVersion, attachments: Attachments): Attachments {
    const isHeld = known.latest.held(kept.chart, kept.version) !== undefined;
    if (isHeld) this.#parts.batches.addHolding(known, { ...kept, ...attachments }, false);
    return attachments;
  }

  #fetch(known: Known, { claims }: ChartVersion): Promise<Fetched | undefined> {
    const { clock, signal, intake } = this.#parts;
    return retrying(() => fetchProvenance({ settings: known.settings, claims, intake, signal }), {
      attempts: known.settings.retries,
      clock,
      signal,
    });
  }
}

function keyFor({ name }: Known, { archive }: KeptVersion): string {
  return attachmentKey(name, archive.digest);
}

/** What upstream said once stands, unless the store is what failed. */
function unlessStore(error: unknown): Attachments {
  if (error instanceof Fault && error.code === 'store-failed') throw error;
  return { provenance: 'none' };
}
