import type { ChartVersion } from '../../chart/catalog.ts';
import { isDescribed, type KnownClaim } from '../../chart/claim.ts';
import { Fault, type FaultCode } from '../../chart/fault.ts';
import type { Holding, KeptVersion } from '../../chart/holding.ts';
import { mediaTypes } from '../../formats/oci-manifest.ts';
import { timestamp, type Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import type { Blobs } from '../../store/blobs.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { firstHoldingKey, replacementKey } from '../../store/layout.ts';
import { createRecord, readRecord, recordBytes } from '../../store/records.ts';
import type { Batches } from '../committing/batches.ts';
import { keyOf, type Known } from '../committing/known.ts';
import { parseHolding } from '../retention/records.ts';
import { describeVersion } from './describe.ts';
import { fetchArchive, type ArchiveCheck, type Fetched } from './fetch.ts';
import type { Intake } from './intake.ts';
import { retrying } from './retry.ts';
import type { Turns, Urgency } from './turns.ts';

export interface FillParts {
  readonly store: ObjectStore;
  readonly blobs: Blobs;
  readonly batches: Batches;
  readonly check: ArchiveCheck;
  readonly turns: Turns;
  /** Bytes on their way in, of all upstreams together. */
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends when the process stops. */
  readonly signal: AbortSignal;
}

/**
 * Fetches archives: each once however many ask. Order of writes: blobs, then the holding; `state.json` follows with the
 * next batch. What dies in between is garbage, never a lie.
 */
export class Fills {
  readonly #parts: FillParts;
  readonly #archives = new SingleFlight<KeptVersion>();
  readonly #replacements = new SingleFlight<KeptVersion>();
  /** Answered, but not taken by the store. */
  readonly #unkept = new Map<string, Holding>();

  constructor(parts: FillParts) {
    this.#parts = parts;
  }

  /** Holds a version. Rejects with a fault; with 'not-found' when upstream has it no more. */
  archive(known: Known, version: ChartVersion, urgency: Urgency): Promise<KeptVersion> {
    return this.#archives.run(flightOf(known, version), async () => {
      const earlier =
        (await this.#keepAgain(known, version)) ?? (await this.findHolding(known, version.chart, version.version));
      if (earlier) return earlier;
      return this.#counted(known, () => this.#parts.turns.take(known, urgency, () => this.#fill(known, version)));
    });
  }

  /** Holds what upstream promises now in place of what is held. The first bytes stay in the store. */
  replace(known: Known, version: ChartVersion, held: Holding, urgency: Urgency): Promise<KeptVersion> {
    return this.#replacements.run(flightOf(known, version), async () => {
      const present = version.claims.filter((claim) => !claim.missing && claim.digest !== held.archive.digest);
      const listed = { ...version, claims: present };
      return this.#counted(known, () =>
        this.#parts.turns.take(known, urgency, () => this.#refill(known, listed, held)),
      );
    });
  }

  /** Resolves when nothing is being fetched. */
  async idle(): Promise<void> {
    await this.#archives.idle();
    await this.#replacements.idle();
  }

  /** A holding that is newer than the snapshot, of this process before it died or of another one. */
  async findHolding(known: Known, chart: string, version: string): Promise<KeptVersion | undefined> {
    const remembered = known.held(chart, version);
    if (remembered) return remembered;
    const key = firstHoldingKey(known.name, chart, version);
    // a store that does not say what is held is no leave to fetch: upstream may have other bytes by now
    const record = await readRecord(this.#parts.store, key, parseHolding);
    if (record) this.#parts.batches.addHolding(known, record.value, true);
    return record?.value;
  }

  async #counted(known: Known, work: () => Promise<KeptVersion>): Promise<KeptVersion> {
    try {
      const kept = await work();
      known.fills.add('fetched');
      known.failures.remove(kept.chart, kept.version);
      return kept;
    } catch (error) {
      known.fills.add(error instanceof Fault ? error.code : 'unexpected');
      throw error;
    }
  }

  async #fill(known: Known, listed: ChartVersion): Promise<KeptVersion> {
    const claims = await this.#describe(known, listed.claims);
    try {
      return await this.#hold(known, listed, claims);
    } catch (error) {
      const mayHaveMoved = error instanceof Fault && (error.code === 'not-found' || error.code === 'digest-mismatch');
      if (!mayHaveMoved || claims.every(({ tag }) => tag === undefined)) throw error;
      // a tag that was moved leaves what it pointed to behind, to be deleted some day
      return this.#hold(known, listed, await this.#describe(known, claims.map(asListed)));
    }
  }

  async #hold(known: Known, listed: ChartVersion, claims: readonly KnownClaim[]): Promise<KeptVersion> {
    const fetched = await this.#fetch(known, claims);
    if (!fetched) throw gone(known, listed);
    return this.#keep(known, this.#holdingOf(listed, fetched, claims), fetched, claims);
  }

  async #refill(known: Known, listed: ChartVersion, held: Holding): Promise<KeptVersion> {
    const { store, batches, clock, log } = this.#parts;
    const fetched = await this.#fetch(known, listed.claims);
    if (!fetched) throw gone(known, listed);
    // later than what it replaces, whatever the clock says
    const afterMs = held.acceptedAt === undefined ? 0 : Date.parse(held.acceptedAt) + 1;
    const acceptedAt = new Date(Math.max(clock.now(), afterMs)).toISOString();
    const holding = { ...this.#holdingOf(listed, fetched, listed.claims), acceptedAt };
    const { chart, version, archive } = holding;
    const key = replacementKey(known.name, chart, version, archive.digest);
    await this.#putWith(fetched, () => store.write(key, recordBytes(holding)));
    batches.addHolding(known, holding, true);
    log.info({ upstream: known.name, chart, version, digest: archive.digest }, 'new bytes accepted');
    return holding;
  }

  async #fetch(known: Known, claims: readonly KnownClaim[]): Promise<Fetched | undefined> {
    if (claims.length === 0) return undefined;
    const { clock, signal, check, intake } = this.#parts;
    const fetching = { settings: known.settings, claims, check, intake, signal };
    return retrying(() => fetchArchive(fetching), { attempts: known.settings.retries, clock, signal });
  }

  #holdingOf({ chart, version }: ChartVersion, fetched: Fetched, claims: readonly KnownClaim[]): Holding {
    const claim = claims.find(({ digest }) => digest === fetched.digest) ?? claims[0];
    return {
      chart,
      version,
      archive: { mediaType: mediaTypes.chartLayer, digest: fetched.digest, size: fetched.bytes.length },
      ...claim?.documents,
      heldAt: timestamp(this.#parts.clock.now()),
    };
  }

  /** Blobs first, then the holding; who loses the race for it adopts the winner's. */
  async #keep(known: Known, holding: Holding, fetched: Fetched, claims: readonly KnownClaim[]): Promise<KeptVersion> {
    const { store, blobs, batches, log } = this.#parts;
    const name = nameOf(known, holding);
    try {
      const key = firstHoldingKey(known.name, holding.chart, holding.version);
      const written = await this.#putWith(fetched, () => createRecord(store, key, holding));
      const kept = written === 'conflict' ? await this.#adoptWinner(key) : holding;
      batches.addHolding(known, kept, !isWhatTheIndexSays(claims, kept));
      this.#unkept.delete(name);
      return kept;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'store-failed') throw error;
      // verified bytes are answered although they could not be kept
      const { chart, version } = holding;
      const level = this.#unkept.has(name) ? 'debug' : 'warn';
      log[level]({ upstream: known.name, chart, version }, `archive not kept: ${error.message}`);
      blobs.remember(fetched.digest, fetched.bytes);
      this.#unkept.set(name, holding);
      return holding;
    }
  }

  /** Between blob and record a sweep may have taken the blob for garbage: then it is put again. */
  async #putWith<T>({ bytes, digest }: Fetched, writeRecord: () => Promise<T>): Promise<T> {
    const { blobs } = this.#parts;
    await blobs.put(bytes, mediaTypes.chartLayer);
    const written = await writeRecord();
    if (!(await blobs.check(digest))) await blobs.put(bytes, mediaTypes.chartLayer);
    return written;
  }

  /** What the store did not take is tried again on use, as long as its bytes are still in memory. */
  async #keepAgain(known: Known, version: ChartVersion): Promise<KeptVersion | undefined> {
    const name = nameOf(known, version);
    const holding = this.#unkept.get(name);
    const bytes = holding && this.#parts.blobs.hot(holding.archive.digest);
    if (bytes) return this.#keep(known, holding, { bytes, digest: holding.archive.digest }, version.claims);
    this.#unkept.delete(name);
    return undefined;
  }

  async #adoptWinner(key: string): Promise<Holding> {
    const winner = await readRecord(this.#parts.store, key, parseHolding);
    if (winner) return winner.value;
    throw new Fault('store-failed', `The record ${key} is there and is not.`, 'Check the consistency of the store.');
  }

  /** A registry's claims say nothing of digests until they are described. Those that are left out are no charts. */
  async #describe(known: Known, claims: readonly KnownClaim[]): Promise<readonly KnownClaim[]> {
    const { blobs, batches, signal } = this.#parts;
    const described = await Promise.all(
      claims.map(async (claim) => {
        if (isDescribed(claim)) return claim;
        const better = await describeVersion({ known, claim, blobs, signal });
        if (better) batches.addDescribed(known, better);
        return better;
      }),
    );
    const usable = described.filter((claim) => claim !== undefined && claim.refused === undefined);
    const refused = described.find((claim) => claim?.refused !== undefined);
    if (usable.length === 0 && refused) throw noChart(known, refused);
    return usable as readonly KnownClaim[];
  }
}

const refusals: Partial<Readonly<Record<FaultCode, string>>> = {
  'not-a-chart': 'is not a chart',
  'archive-invalid': 'is not a chart of that name and version that Helm would take',
  'too-large': 'is not a chart: its manifest or config is larger than any chart needs',
};

/** Its registry has something under that tag. */
export function noChart({ name }: Known, { chart, version, refused }: KnownClaim): Fault {
  return new Fault(
    refused ?? 'not-a-chart',
    `${name}: what is tagged ${version} of ${chart} ${refusals[refused ?? 'not-a-chart'] ?? 'is not a chart that can be offered'}.`,
    'Charts are put into a registry with helm push; look at the tag with another client.',
  );
}

/** A described claim as it was listed. */
function asListed({ tag, ...claim }: KnownClaim): KnownClaim {
  if (tag === undefined) return claim;
  const { chart, version, since } = claim;
  return { chart, version, since, source: tag };
}

interface VersionName {
  readonly chart: string;
  readonly version: string;
}

function nameOf({ name }: Known, { chart, version }: VersionName): string {
  return `${name}/${keyOf(chart, version)}`;
}

/** Under other settings it may go otherwise: nobody waits there for what was begun under earlier ones. */
function flightOf({ id }: Known, { chart, version }: VersionName): string {
  return `${id}/${keyOf(chart, version)}`;
}

/** Whether the index already shows the digest that was measured. */
function isWhatTheIndexSays(claims: readonly KnownClaim[], kept: Holding): boolean {
  return claims.length === 1 && claims[0]?.digest === kept.archive.digest;
}

/** Upstream lists it and has no bytes for it. */
export function gone(known: Known, { chart, version }: { readonly chart: string; readonly version: string }): Fault {
  return new Fault(
    'not-found',
    `${known.name}: ${chart} ${version} is listed, but upstream does not have its archive.`,
    'The publisher removed or moved it. It is served again as soon as upstream has it.',
  );
}
