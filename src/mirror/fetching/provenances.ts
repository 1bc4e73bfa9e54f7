import { isRewritten, type ChartVersion } from '../../chart/catalog.ts';
import type { Descriptor } from '../../chart/digest.ts';
import type { Attachments, KeptVersion } from '../../chart/holding.ts';
import { mediaTypes } from '../../formats/oci-manifest.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { attachmentKey } from '../../store/layout.ts';
import { createRecord, readRecord, replaceRecord, type StoredRecord } from '../../store/records.ts';
import type { Known } from '../committing/known.ts';
import { fetchProvenance, type Fetched } from './fetch.ts';
import type { FillParts } from './fill.ts';
import { retrying } from './retry.ts';
import type { Urgency } from './turns.ts';

/** Fetches what came beside held archives: each once however many ask. */
export class ProvenanceFills {
  readonly #parts: FillParts;
  readonly #provenances = new SingleFlight<Attachments>();

  constructor(parts: FillParts) {
    this.#parts = parts;
  }

  /**
   * Fetches the provenance that belongs to a held version. Rejects with a fault. Of a rewritten version upstream has only
   * that of other bytes: then nothing is said.
   */
  async provenance(known: Known, version: ChartVersion, kept: KeptVersion, urgency: Urgency): Promise<Attachments> {
    if (isRewritten(version.claims, kept.archive.digest)) return {};
    return this.#provenances.run(keyFor(known, kept), async () => {
      const earlier = await readRecord(this.#parts.store, keyFor(known, kept), asAttachments);
      if (!isKnown(earlier?.value)) {
        const fetched = await this.#parts.turns.take(known, urgency, () => this.#fetch(known, version));
        return this.#attach(known, kept, await this.#keep(keyFor(known, kept), earlier, fetched));
      }
      return this.#attach(known, kept, earlier?.value ?? {});
    });
  }

  /** Resolves when nothing is being fetched. */
  idle(): Promise<void> {
    return this.#provenances.idle();
  }

  /** The blob first, then the record; who loses the race for it adopts the winner's. */
  async #keep(
    key: string,
    earlier: StoredRecord<Attachments> | undefined,
    fetched: Fetched | undefined,
  ): Promise<Attachments> {
    const { store, blobs } = this.#parts;
    const put = (bytes: Buffer): Promise<Descriptor> => blobs.put(bytes, mediaTypes.provenanceLayer);
    const attachments = { ...earlier?.value, provenance: fetched ? await put(fetched.bytes) : ('none' as const) };
    const written = await (earlier
      ? replaceRecord(store, key, attachments, earlier.etag)
      : createRecord(store, key, attachments));
    // between the two a sweep may have taken it for garbage
    if (fetched && !(await blobs.check(fetched.digest))) await put(fetched.bytes);
    if (written !== 'conflict') return attachments;
    return (await readRecord(store, key, asAttachments))?.value ?? attachments;
  }

  #attach(known: Known, kept: KeptVersion, attachments: Attachments): Attachments {
    this.#parts.batches.addHolding(known, { ...kept, ...attachments }, false);
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

function asAttachments(value: unknown): Attachments {
  return value as Attachments;
}

/** That there is none may have changed since. */
function isKnown(attachments: Attachments | undefined): boolean {
  return attachments?.provenance !== undefined && attachments.provenance !== 'none';
}
