import type { ChartVersion, KnownClaim } from '../chart/catalog.ts';
import type { Descriptor } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import type { Attachments, Holding, KeptVersion } from '../chart/holding.ts';
import { mediaTypes } from '../formats/oci-manifest.ts';
import { timestamp, type Clock } from '../lib/clock.ts';
import { Limiter } from '../lib/limiter.ts';
import type { Log } from '../lib/log.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { Blobs } from '../store/blobs.ts';
import type { ObjectStore } from '../store/contract.ts';
import { attachmentKey, firstHoldingKey } from '../store/layout.ts';
import { createRecord, readRecord, replaceRecord } from '../store/records.ts';
import type { Batches } from './batches.ts';
import { describeVersion } from './describe.ts';
import { fetchArchive, fetchProvenance, type ArchiveCheck, type Fetched } from './fetch.ts';
import { keyOf, type Known } from './known.ts';
import { retrying } from './retry.ts';

export interface FillParts {
  readonly store: ObjectStore;
  readonly blobs: Blobs;
  readonly batches: Batches;
  readonly check: ArchiveCheck;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends when the process stops. */
  readonly signal: AbortSignal;
}

/** Somebody is waiting for it, or it is fetched ahead. */
export type Urgency = 'request' | 'ahead';

/**
 * Fetches chart versions: each once however many ask, bounded per upstream, requests before what is fetched ahead.
 * Order of writes: blobs, then the holding; `state.json` follows with the next batch. What dies in between is garbage,
 * never a lie.
 */
export class Fills {
  readonly #parts: FillParts;
  readonly #archives = new SingleFlight<KeptVersion>();
  readonly #provenances = new SingleFlight<Attachments>();
  readonly #restored = new SingleFlight<void>();
  /** Answered, but not taken by the store. */
  readonly #unkept = new Map<string, Holding>();
  readonly #limiters = new Map<string, Limiter>();

  constructor(parts: FillParts) {
    this.#parts = parts;
  }

  /** Work at an upstream takes its turn here. */
  limited<T>(known: Known, urgency: Urgency, work: () => Promise<T>): Promise<T> {
    const limiter = this.#limiters.get(known.name) ?? new Limiter(known.settings.concurrency);
    this.#limiters.set(known.name, limiter);
    return limiter.run(work, { urgent: urgency === 'request' });
  }

  /** Holds a version. Rejects with a fault; with 'not-found' when upstream has it no more. */
  archive(known: Known, version: ChartVersion, urgency: Urgency): Promise<KeptVersion> {
    return this.#archives.run(`${known.name}/${keyOf(version.chart, version.version)}`, async () => {
      const earlier = (await this.#findHolding(known, version)) ?? (await this.#keepAgain(known, version));
      if (earlier) return earlier;
      return this.limited(known, urgency, () => this.#fill(known, version));
    });
  }

  /** Fetches the bytes of a holding again whose blob is lost or damaged. Nothing but the same bytes will do. */
  async restore(known: Known, { chart, version, archive }: Holding): Promise<void> {
    await this.#restored.run(archive.digest, async () => {
      const { blobs, check, signal, log } = this.#parts;
      const claims = known.catalog.find(chart, version)?.claims ?? [];
      const promised = claims.map((claim) => ({ ...claim, digest: archive.digest }));
      const work = () => fetchArchive(known.settings, promised, check, signal);
      const fetched = await this.limited(known, 'request', work);
      if (!fetched) throw gone(known, { chart, version, claims });
      await blobs.put(fetched.bytes, archive.mediaType);
      log.warn({ upstream: known.name, chart, version, digest: archive.digest }, 'a lost blob was fetched again');
    });
  }

  /** Fetches the provenance that belongs to a held version. Rejects with a fault. */
  provenance(known: Known, version: ChartVersion, kept: KeptVersion, urgency: Urgency): Promise<Attachments> {
    return this.#provenances.run(`${known.name}/${keyOf(version.chart, version.version)}`, async () => {
      const key = attachmentKey(known.name, kept.archive.digest);
      const earlier = await readRecord(this.#parts.store, key, (value) => value as Attachments);
      if (earlier?.value.provenance !== undefined && earlier.value.provenance !== 'none') {
        return this.#attach(known, kept, earlier.value);
      }
      const fetched = await this.limited(known, urgency, () => this.#fetchProvenance(known, version));
      const provenance = fetched ? await this.#put(fetched, mediaTypes.provenanceLayer) : 'none';
      const attachments: Attachments = { ...earlier?.value, provenance };
      const written = await (earlier
        ? replaceRecord(this.#parts.store, key, attachments, earlier.etag)
        : createRecord(this.#parts.store, key, attachments));
      if (written !== 'conflict') return this.#attach(known, kept, attachments);
      const winner = await readRecord(this.#parts.store, key, (value) => value as Attachments);
      return this.#attach(known, kept, winner?.value ?? attachments);
    });
  }

  /** Resolves when nothing is being fetched. */
  async idle(): Promise<void> {
    await this.#restored.idle();
    await this.#archives.idle();
    await this.#provenances.idle();
  }

  #attach(known: Known, kept: KeptVersion, attachments: Attachments): Attachments {
    this.#parts.batches.addHolding(known, { ...kept, ...attachments }, false);
    return attachments;
  }

  /** A holding that is newer than the snapshot, of this process before it died or of another one. */
  async #findHolding(known: Known, { chart, version }: ChartVersion): Promise<KeptVersion | undefined> {
    const remembered = known.held(chart, version);
    if (remembered) return remembered;
    const key = firstHoldingKey(known.name, chart, version);
    // a store that does not say what is held is no leave to fetch: upstream may have other bytes by now
    const record = await readRecord(this.#parts.store, key, (value) => value as Holding);
    if (record) this.#parts.batches.addHolding(known, record.value, true);
    return record?.value;
  }

  async #fill(known: Known, listed: ChartVersion): Promise<KeptVersion> {
    const { clock, signal, check, log } = this.#parts;
    const claims = await this.#describe(known, listed);
    const fetched = await retrying(() => fetchArchive(known.settings, claims, check, signal), {
      attempts: known.settings.retries,
      clock,
      signal,
    });
    if (!fetched) throw gone(known, listed);
    const claim = claims.find(({ digest }) => digest === fetched.digest) ?? claims[0];
    const { chart, version } = listed;
    const holding: Holding = {
      chart,
      version,
      archive: { mediaType: mediaTypes.chartLayer, digest: fetched.digest, size: fetched.bytes.length },
      ...claim?.documents,
      heldAt: timestamp(clock.now()),
    };
    log.debug({ upstream: known.name, chart, version, digest: fetched.digest }, 'archive fetched');
    return this.#keep(known, holding, fetched, claims);
  }

  /** Blobs first, then the holding; who loses the race for it adopts the winner's. */
  async #keep(known: Known, holding: Holding, fetched: Fetched, claims: readonly KnownClaim[]): Promise<KeptVersion> {
    const { store, blobs, batches, log } = this.#parts;
    try {
      await blobs.put(fetched.bytes, mediaTypes.chartLayer);
      const key = firstHoldingKey(known.name, holding.chart, holding.version);
      const kept = (await createRecord(store, key, holding)) === 'conflict' ? await this.#adoptWinner(key) : holding;
      batches.addHolding(known, kept, !isWhatTheIndexSays(claims, kept));
      this.#unkept.delete(`${known.name}/${keyOf(kept.chart, kept.version)}`);
      return kept;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'store-failed') throw error;
      // verified bytes are answered although they could not be kept
      const { chart, version } = holding;
      log.warn({ upstream: known.name, chart, version }, `archive not kept: ${error.message}`);
      blobs.remember(fetched.digest, fetched.bytes);
      this.#unkept.set(`${known.name}/${keyOf(holding.chart, holding.version)}`, holding);
      return holding;
    }
  }

  /** What the store did not take is tried again on use, as long as its bytes are still in memory. */
  async #keepAgain(known: Known, { chart, version, claims }: ChartVersion): Promise<KeptVersion | undefined> {
    const key = `${known.name}/${keyOf(chart, version)}`;
    const holding = this.#unkept.get(key);
    const bytes = holding && this.#parts.blobs.hot(holding.archive.digest);
    if (bytes) return this.#keep(known, holding, { bytes, digest: holding.archive.digest }, claims);
    this.#unkept.delete(key);
    return undefined;
  }

  async #adoptWinner(key: string): Promise<Holding> {
    const winner = await readRecord(this.#parts.store, key, (value) => value as Holding);
    if (winner) return winner.value;
    throw new Fault('store-failed', `The record ${key} is there and is not.`, 'Check the consistency of the store.');
  }

  /** A registry's claims say nothing of digests until they are described. */
  async #describe(known: Known, { claims, chart, version }: ChartVersion): Promise<readonly KnownClaim[]> {
    const { blobs, batches, signal } = this.#parts;
    const described = await Promise.all(
      claims.map(async (claim) => {
        if (claim.metadata !== undefined) return claim;
        const better = await describeVersion({ known, claim, blobs, signal });
        if (better) batches.addDescribed(known, better);
        return better;
      }),
    );
    const usable = described.filter((claim) => claim !== undefined && claim.refused === undefined);
    if (usable.length === 0) throw gone(known, { claims, chart, version });
    return usable as readonly KnownClaim[];
  }

  #fetchProvenance(known: Known, { claims }: ChartVersion): Promise<Fetched | undefined> {
    const { clock, signal } = this.#parts;
    return retrying(() => fetchProvenance(known.settings, claims, signal), {
      attempts: known.settings.retries,
      clock,
      signal,
    });
  }

  #put({ bytes }: Fetched, mediaType: string): Promise<Descriptor> {
    return this.#parts.blobs.put(bytes, mediaType);
  }
}

/** Whether the index already shows the digest that was measured. */
function isWhatTheIndexSays(claims: readonly KnownClaim[], kept: Holding): boolean {
  return claims.length === 1 && claims[0]?.digest === kept.archive.digest;
}

function gone(known: Known, { chart, version }: ChartVersion): Fault {
  return new Fault(
    'not-found',
    `${known.name}: ${chart} ${version} is listed, but upstream does not have its archive.`,
    'The publisher removed or moved it. It is served again as soon as upstream has it.',
  );
}
