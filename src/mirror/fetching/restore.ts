import type { KnownClaim } from '../../chart/claim.ts';
import type { Descriptor } from '../../chart/digest.ts';
import type { Holding, KeptVersion } from '../../chart/holding.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import type { Known } from '../committing/known.ts';
import { fetchArtifactPart, fetchDocument } from './fetch-artifact.ts';
import { fetchArchive, fetchProvenance, type Fetched } from './fetch.ts';
import { gone, type FillParts } from './fill.ts';

/** Fetches blobs again that are lost or damaged: each once however many ask. Nothing but the same bytes will do. */
export class Restorations {
  readonly #parts: FillParts;
  readonly #flights = new SingleFlight<void>();
  #begun = 0;

  constructor(parts: FillParts) {
    this.#parts = parts;
  }

  /** How many blobs were found lost or damaged since the start. */
  get begun(): number {
    return this.#begun;
  }

  /** Puts the archive of a holding back. Rejects with a fault. */
  archive({ latest: known }: Known, holding: Holding): Promise<void> {
    const { check, intake, signal } = this.#parts;
    const { archive } = holding;
    return this.#restore(known, holding, archive, (claims) => {
      // only these bytes may come, whatever is promised now
      const promised = claims.map((claim) => ({ ...claim, digest: archive.digest }));
      return fetchArchive({ settings: known.settings, claims: promised, check, intake, signal });
    });
  }

  /** Puts the provenance of a holding back. Rejects with a fault. */
  async provenance({ latest: known }: Known, kept: KeptVersion): Promise<void> {
    const { provenance } = kept;
    if (provenance === undefined || provenance === 'none') return;
    const { intake, signal } = this.#parts;
    await this.#restore(known, kept, provenance, async (claims) => {
      const fetched = await fetchProvenance({ settings: known.settings, claims, intake, signal });
      return fetched?.digest === provenance.digest ? fetched : undefined;
    });
  }

  /** Puts the manifest or the config back that a registry gave for a holding. Rejects with a fault. */
  document({ latest: known }: Known, kept: KeptVersion, document: Descriptor): Promise<void> {
    const { signal } = this.#parts;
    return this.#restore(known, kept, document, (claims) =>
      fetchDocument({ settings: known.settings, claims, signal }, document),
    );
  }

  /** Puts a part of an artifact beside a holding back: its manifest or a blob. Rejects with a fault. */
  artifact({ latest: known }: Known, kept: KeptVersion, part: Descriptor): Promise<void> {
    const { intake, signal } = this.#parts;
    return this.#restore(known, kept, part, async (claims) => {
      const bytes = await fetchArtifactPart({ settings: known.settings, claims, intake, signal }, part);
      return bytes && { bytes, digest: part.digest };
    });
  }

  /** Resolves when nothing is being fetched. */
  idle(): Promise<void> {
    return this.#flights.idle();
  }

  #restore(
    known: Known,
    { chart, version }: Holding,
    { digest, mediaType }: Holding['archive'],
    fetch: (claims: readonly KnownClaim[]) => Promise<Fetched | undefined>,
  ): Promise<void> {
    const { blobs, log, turns } = this.#parts;
    return this.#flights.run(digest, async () => {
      this.#begun += 1;
      const claims = known.catalog.find(chart, version)?.claims ?? [];
      const fetched = await turns.take(known, 'request', () => fetch(claims));
      if (!fetched) throw gone(known, { chart, version });
      // verified bytes are answered although they could not be kept
      await blobs.put(fetched.bytes, mediaType).catch(() => blobs.remember(digest, fetched.bytes));
      known.fills.add('restored');
      log.warn({ upstream: known.name, chart, version, digest }, 'a lost or damaged blob was fetched again');
    });
  }
}
