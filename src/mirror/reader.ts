import type { Readable } from 'node:stream';

import type { ChartVersion } from '../chart/catalog.ts';
import type { Descriptor, Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import type { Holding, KeptVersion } from '../chart/holding.ts';
import { readAll, type ByteRange, type OpenBytes } from '../lib/bytes.ts';
import { DamagedBlob } from '../store/blobs.ts';
import type { ChartRef, Mirror, Provenances, Rendering, RepositoryCatalog } from './contract.ts';
import type { Engine } from './engine.ts';
import { keyOf, type Known } from './known.ts';
import { waitAtMost } from './patience.ts';

const maxNamed = 50_000;
const maxProvenanceBytes = 1024 * 1024;
/** How long upstream's word that there is no provenance is taken without asking again. */
const noProvenanceMs = 10 * 60_000;

/** What the front doors read: answers from memory where it can, and waits for a fill where it must. */
export class Reader implements Mirror, Provenances {
  readonly #engine: Engine;
  readonly #coldWaitMs: number;
  readonly #repositories: readonly { readonly name: string; readonly root: boolean }[];
  /** Holdings that `resolve` named, by digest: what `open` may open. */
  readonly #named = new Map<Digest, Named>();
  readonly #askedForProvenance = new Map<string, number>();

  constructor(engine: Engine, options: { readonly coldWaitMs: number }) {
    this.#engine = engine;
    this.#coldWaitMs = options.coldWaitMs;
    this.#repositories = [{ name: engine.served.name, root: true }];
  }

  repositories(): readonly { readonly name: string; readonly root: boolean }[] {
    return this.#repositories;
  }

  catalog(repository: string): RepositoryCatalog {
    return this.#offer(repository).selection;
  }

  rendering(repository: string): Rendering {
    this.#offer(repository);
    return this.#engine.served.rendering;
  }

  resolve(ref: ChartRef): Holding | Promise<Holding> {
    const owner = this.#ownerOf(ref);
    const kept = owner?.held(ref.chart, ref.version);
    if (owner && kept && owner.offering.offersHeld(ref.chart, ref.version)) return this.#name(owner, kept);
    return this.#waiting(this.#fetch(ref), ref);
  }

  open(repository: string, digest: Digest, range?: ByteRange): OpenBytes | undefined | Promise<OpenBytes | undefined> {
    this.#offer(repository);
    const named = this.#named.get(digest);
    if (!named?.known.offering.offersHeld(named.holding.chart, named.holding.version)) return undefined;
    const opened = this.#engine.blobs.open(named.holding.archive, range);
    return opened instanceof Promise ? this.#orRestored(named, opened, range) : opened;
  }

  async provenance(ref: ChartRef): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer } | undefined> {
    const found = await this.#waiting(this.#findProvenance(ref), ref);
    if (!found) return undefined;
    const { known, kept, descriptor } = found;
    const open = async () => (await this.#engine.blobs.open(descriptor)) ?? lost(ref, 'provenance');
    const restore = () => this.#engine.restorations.provenance(known, kept);
    const { body } = await this.#orAgain(ref, open, restore);
    return { descriptor, bytes: Buffer.isBuffer(body) ? body : await readAll(body, maxProvenanceBytes) };
  }

  #offer(repository: string) {
    if (repository === this.#engine.served.name) return this.#engine.served.offer;
    throw new Fault('not-found', `There is no repository ${repository} here.`, 'Check the first part of the path.');
  }

  #ownerOf({ repository, chart }: ChartRef): Known | undefined {
    const { selection, members } = this.#offer(repository);
    const owner = selection.ownerOf(chart);
    return owner === undefined ? undefined : members[owner];
  }

  #name<T extends Holding>(known: Known, holding: T): T {
    const { digest } = holding.archive;
    if (!this.#named.has(digest)) {
      const [oldest] = this.#named.keys();
      if (oldest !== undefined && this.#named.size >= maxNamed) this.#named.delete(oldest);
      this.#named.set(digest, { known, holding });
    }
    return holding;
  }

  async #orRestored(
    { known, holding }: Named,
    opening: Promise<OpenBytes | undefined>,
    range: ByteRange | undefined,
  ): Promise<OpenBytes> {
    const ref = { repository: this.#engine.served.name, chart: holding.chart, version: holding.version };
    const restore = () => this.#engine.restorations.archive(known, holding);
    let first: typeof opening | undefined = opening;
    const open = async () => {
      const attempt = first ?? this.#engine.blobs.open(holding.archive, range);
      first = undefined;
      return (await attempt) ?? lost(ref, 'archive');
    };
    const opened = await this.#orAgain(ref, open, restore);
    if (!Buffer.isBuffer(opened.body)) this.#restoreWhenDamaged(opened.body, restore);
    return opened;
  }

  /** What is held cannot be absent: bytes that are lost or damaged are fetched again, or their loss is a fault. */
  async #orAgain(ref: ChartRef, open: () => Promise<OpenBytes>, restore: () => Promise<void>): Promise<OpenBytes> {
    const first = await open().catch((error: unknown) => {
      if (error instanceof Error && isLoss(error)) return error;
      throw error;
    });
    if (!(first instanceof Error)) return first;
    await this.#waiting(
      restore().catch((error: unknown) => Promise.reject(notRestored(ref, first, error))),
      ref,
    );
    return open();
  }

  /** A large blob is found damaged while it goes out: this client sees it break off, the next one must not. */
  #restoreWhenDamaged(body: Readable, restore: () => Promise<void>): void {
    body.once('error', (error) => {
      if (isLoss(error)) restore().catch(() => undefined);
    });
  }

  async #fetch(ref: ChartRef): Promise<KeptVersion> {
    const { known, version } = await this.#locate(ref);
    return this.#name(known, await this.#engine.fills.archive(known, version, 'request'));
  }

  /** The listed version and who provides it; asks upstream once when nobody lists it. */
  async #locate(ref: ChartRef): Promise<{ readonly known: Known; readonly version: ChartVersion }> {
    const found = this.#find(ref);
    if (found) return found;
    const owner = this.#ownerOf(ref);
    const all = this.#offer(ref.repository).members.filter(({ offering }) => offering.mayName(ref.chart));
    const members = owner ? [owner] : all;
    await this.#engine.misses.ask(members, ref.chart, ref.version);
    const foundNow = this.#find(ref);
    if (foundNow) return foundNow;
    if (members.some((member) => isListed(member, ref))) throw notServedYet(ref);
    const who = owner ? `${owner.name}, which provides ${ref.chart} here, has no version` : 'no upstream has';
    const what = owner ? ref.version : `${ref.chart} ${ref.version}`;
    throw new Fault(
      'not-found',
      `${who} ${what}.`,
      'Check the name and the version; helm search repo --versions lists what there is.',
    );
  }

  #find(ref: ChartRef): { readonly known: Known; readonly version: ChartVersion } | undefined {
    const known = this.#ownerOf(ref);
    const version = this.#offer(ref.repository).selection.find(ref.chart, ref.version);
    return known && version && { known, version };
  }

  async #findProvenance(ref: ChartRef): Promise<FoundProvenance | undefined> {
    const { known, version } = await this.#locate(ref);
    const held = known.held(ref.chart, ref.version);
    const kept = held ?? (await this.#engine.fills.archive(known, version, 'request'));
    const { provenance: before } = kept;
    if (before !== undefined && before !== 'none') return { known, kept, descriptor: before };
    if (before === 'none' && !this.#mayAskAgain(known, ref)) return undefined;
    const asked = this.#engine.provenances.provenance(known, version, kept, 'request');
    // upstream said once that there is none: that it does not answer now takes nothing of it back
    const { provenance = 'none' } = before === 'none' ? await asked.catch(unlessStore(kept)) : await asked;
    return provenance === 'none' ? undefined : { known, kept: { ...kept, provenance }, descriptor: provenance };
  }

  #mayAskAgain(known: Known, { chart, version }: ChartRef): boolean {
    const key = `${known.name}/${keyOf(chart, version)}`;
    const nowMs = this.#engine.clock.elapsed();
    if (nowMs - (this.#askedForProvenance.get(key) ?? -Infinity) < noProvenanceMs) return false;
    if (this.#askedForProvenance.size >= maxNamed) this.#askedForProvenance.clear();
    this.#askedForProvenance.set(key, nowMs);
    return true;
  }

  #waiting<T>(work: Promise<T>, ref: ChartRef): Promise<T> {
    return waitAtMost(work, this.#coldWaitMs, this.#engine.clock, () => {
      const seconds = Math.round(this.#coldWaitMs / 1000);
      const who = this.#ownerOf(ref)?.name ?? 'upstream';
      return new Fault(
        'upstream-unreachable',
        `${who}: ${ref.chart} ${ref.version} did not arrive within ${seconds} s.`,
        'The fetch goes on; try again in a few seconds.',
        { timedOut: true, retryAfterMs: 5_000 },
      );
    });
  }
}

/** What is known already, unless the store is what failed. */
function unlessStore(kept: KeptVersion): (error: unknown) => KeptVersion {
  return (error) => {
    if (error instanceof Fault && error.code === 'store-failed') throw error;
    return kept;
  };
}

/** Whether it is offered, although the index that says so may still be in the making. */
function isListed({ offering }: Known, { chart, version }: ChartRef): boolean {
  return offering.find(chart, version) !== undefined;
}

function notServedYet({ chart, version }: ChartRef): Fault {
  return new Fault(
    'upstream-unreachable',
    `${chart} ${version} was found upstream a moment ago and is not listed here yet.`,
    'Try again in a few seconds.',
    { timedOut: true, retryAfterMs: 2_000 },
  );
}

interface FoundProvenance {
  readonly known: Known;
  readonly kept: KeptVersion;
  readonly descriptor: Descriptor;
}

interface Named {
  readonly known: Known;
  readonly holding: Holding;
}

function notRestored({ chart, version }: ChartRef, loss: Error, why: unknown): Fault {
  const reason = why instanceof Error ? why.message : String(why);
  return new Fault(
    'store-failed',
    `The bytes of ${chart} ${version} in the store are lost or damaged, and could not be fetched again: ${reason}`,
    'Restore the blob from a backup; nothing but the bytes that were held is served.',
    { cause: loss.cause },
  );
}

/** Whether the store answered, and the bytes are not what they should be. */
function isLoss(fault: Error): boolean {
  return fault.cause instanceof DamagedBlob || fault.cause === missingBytes;
}

const missingBytes = 'missing';

function lost({ chart, version }: ChartRef, what: string): never {
  throw new Fault(
    'store-failed',
    `The ${what} of ${chart} ${version} is recorded, but its bytes are not in the store.`,
    'Restore the blobs from a backup.',
    { cause: missingBytes },
  );
}
