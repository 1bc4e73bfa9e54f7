import type { ChartVersion } from '../../chart/catalog.ts';
import type { Descriptor, Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import type { Holding, KeptVersion } from '../../chart/holding.ts';
import { readAll, type ByteRange, type OpenBytes } from '../../lib/bytes.ts';
import { keyOf, type Known } from '../committing/known.ts';
import type { ChartRef, Mirror, Provenances, Rendering, RepositoryCatalog } from '../contract/doors.ts';
import type { Engine } from '../engine.ts';
import { HeldBytes } from '../fetching/held-bytes.ts';
import { deniedBytes, notServedYet, refusalFault } from '../offering/refusals.ts';
import type { Offer } from '../offering/served.ts';
import { waitAtMost } from '../patience.ts';
import { memberOf, placesToAsk, Rulings } from './rulings.ts';

const maxNamed = 10_000;
const maxProvenanceBytes = 1024 * 1024;
/** How long upstream's word that there is no provenance is taken without asking again. */
const noProvenanceMs = 10 * 60_000;

/** What the front doors read: answers from memory where it can, and waits for a fill where it must. */
export class Reader implements Mirror, Provenances {
  readonly #engine: Engine;
  readonly #coldWaitMs: () => number;
  readonly #rulings = new Rulings();
  readonly #bytes: HeldBytes;
  /** What `resolve` named, by repository and digest: what `open` may open. */
  readonly #named = new Map<string, Map<Digest, Holding>>();
  readonly #askedForProvenance = new Map<string, number>();

  constructor(engine: Engine, options: { readonly coldWaitMs: () => number }) {
    const { blobs, restorations } = engine;
    this.#engine = engine;
    this.#coldWaitMs = options.coldWaitMs;
    this.#bytes = new HeldBytes({ blobs, restorations, waiting: (work, ref) => this.#waiting(work, ref) });
  }

  repositories(): readonly { readonly name: string; readonly root: boolean }[] {
    return this.#engine.repositories.all.map(({ settings: { name, root } }) => ({ name, root }));
  }

  catalog(repository: string): RepositoryCatalog {
    return this.#offer(repository).selection;
  }

  rendering(repository: string): Rendering {
    return this.#engine.repositories.find(repository).rendering;
  }

  resolve(ref: ChartRef): Holding | Promise<Holding> {
    const offer = this.#offer(ref.repository);
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome === 'offered') {
      const kept = memberOf(offer, ruling.member).held(ref.chart, ref.version);
      if (kept && this.#rulings.passes(offer, ref, ruling, kept)) return this.#name(ref.repository, kept);
    } else if (placesToAsk(ruling).length === 0) throw refusalFault(offer.selection, ref, ruling);
    return this.#waiting(this.#fetch(ref), ref);
  }

  open(repository: string, digest: Digest, range?: ByteRange): OpenBytes | undefined | Promise<OpenBytes | undefined> {
    const offer = this.#offer(repository);
    const held = this.#named.get(repository)?.get(digest);
    const ref = held && { repository, chart: held.chart, version: held.version };
    const known = ref && this.#providerOf(offer, ref, held);
    if (known) return this.#bytes.archive({ ref, known, held }, range);
    const denied = offer.selection.deniedBytes(digest);
    if (denied) throw deniedBytes(repository, denied);
    return undefined;
  }

  async provenance(ref: ChartRef): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer } | undefined> {
    const found = await this.#waiting(this.#findProvenance(ref), ref);
    if (!found) return undefined;
    const { body } = await this.#bytes.provenance({ ref, ...found }, found.descriptor);
    const bytes = Buffer.isBuffer(body) ? body : await readAll(body, maxProvenanceBytes);
    // the rules may have changed while it was fetched
    if (!this.#mayLeave(ref, found.known, found.held)) throw notServedYet(ref);
    return { descriptor: found.descriptor, bytes };
  }

  #offer(repository: string): Offer {
    return this.#engine.repositories.find(repository).offer;
  }

  #name(repository: string, held: Holding): Holding {
    const named = this.#named.get(repository) ?? new Map<Digest, Holding>();
    if (named.size === 0) this.#named.set(repository, named);
    const { digest } = held.archive;
    if (named.get(digest) === held) return held;
    const [oldest] = named.keys();
    if (oldest !== undefined && named.size >= maxNamed) named.delete(oldest);
    named.set(digest, held);
    return held;
  }

  /** Who provides the bytes that were named, if they are what the repository offers now. */
  #providerOf(offer: Offer, ref: ChartRef, held: Holding): Known | undefined {
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome === 'denied') throw deniedBytes(ref.repository, ruling.rule);
    if (ruling.outcome !== 'offered') return undefined;
    const known = memberOf(offer, ruling.member);
    if (ruling.passed === held) return known;
    const isSame = known.held(ref.chart, ref.version)?.archive.digest === held.archive.digest;
    return isSame && this.#rulings.passes(offer, ref, ruling, held) ? known : undefined;
  }

  async #fetch(ref: ChartRef): Promise<Holding> {
    const { kept } = await this.#hold(ref);
    return this.#name(ref.repository, kept);
  }

  /** Holds a version that is offered, and looks at its rules again: bytes tell more, and time has passed. */
  async #hold(ref: ChartRef): Promise<Held> {
    const { known, version } = await this.#locate(ref);
    const kept = known.held(ref.chart, ref.version) ?? (await this.#engine.fills.archive(known, version, 'request'));
    if (!this.#mayLeave(ref, known, kept)) {
      await this.#engine.commit();
      await this.#engine.repositories.find(ref.repository).refresh();
      if (!this.#mayLeave(ref, known, kept)) throw notServedYet(ref);
    }
    return { known, version, kept };
  }

  #mayLeave(ref: ChartRef, known: Known, kept: KeptVersion): boolean {
    const offer = this.#offer(ref.repository);
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome !== 'offered') throw refusalFault(offer.selection, ref, ruling);
    const isItsOwn = memberOf(offer, ruling.member).name === known.name;
    return isItsOwn && this.#rulings.passes(offer, ref, ruling, kept);
  }

  /** The listed version and who provides it; asks upstream once when nobody lists it. */
  async #locate(ref: ChartRef): Promise<Located> {
    const offer = this.#offer(ref.repository);
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome === 'offered') return { known: memberOf(offer, ruling.member), version: ruling.version };
    const candidates = placesToAsk(ruling).map((at) => memberOf(offer, at));
    if (candidates.length === 0) throw refusalFault(offer.selection, ref, ruling);
    const asked = this.#engine.misses.ask(candidates, ref.chart, ref.version);
    const failure = await asked.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    // the configuration has changed meanwhile, and with it maybe who is to be asked
    if (candidates.some(({ term }) => term.aborted)) return this.#locate(ref);
    if (failure) throw failure.error;
    return this.#locateNow(ref);
  }

  #locateNow(ref: ChartRef): Located {
    const offer = this.#offer(ref.repository);
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome === 'offered') return { known: memberOf(offer, ruling.member), version: ruling.version };
    // the index that says so is still in the making
    if (placesToAsk(ruling).some((at) => isListed(memberOf(offer, at), ref))) throw notServedYet(ref);
    throw refusalFault(offer.selection, ref, ruling);
  }

  async #findProvenance(ref: ChartRef): Promise<FoundProvenance | undefined> {
    const { known, version, kept } = await this.#hold(ref);
    const { provenance: before } = kept;
    if (before !== undefined && before !== 'none') return { known, held: kept, descriptor: before };
    if (before === 'none' && !this.#mayAskAgain(known, ref)) return undefined;
    const asked = this.#engine.provenances.provenance(known, version, kept, 'request');
    // upstream said once that there is none: that it does not answer now takes nothing of it back
    const { provenance = 'none' } = before === 'none' ? await asked.catch(unlessStore(kept)) : await asked;
    return provenance === 'none' ? undefined : { known, held: { ...kept, provenance }, descriptor: provenance };
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
    const coldWaitMs = this.#coldWaitMs();
    return waitAtMost(work, coldWaitMs, this.#engine.clock, () => {
      const seconds = Math.round(coldWaitMs / 1000);
      const { selection, members } = this.#offer(ref.repository);
      const who = members[selection.providerOf(ref.chart, ref.version) ?? -1]?.name ?? 'upstream';
      return new Fault(
        'upstream-unreachable',
        `${who}: ${ref.chart} ${ref.version} did not arrive within ${seconds} s.`,
        'The fetch goes on; try again in a few seconds.',
        { timedOut: true, retryAfterMs: 5_000 },
      );
    });
  }
}

/** A version that is offered, and who provides it. */
interface Located {
  readonly known: Known;
  readonly version: ChartVersion;
}

interface Held extends Located {
  readonly kept: KeptVersion;
}

interface FoundProvenance {
  readonly known: Known;
  readonly held: KeptVersion;
  readonly descriptor: Descriptor;
}

/** What is known already, unless the store is what failed. */
function unlessStore(kept: KeptVersion): (error: unknown) => KeptVersion {
  return (error) => {
    if (error instanceof Fault && error.code === 'store-failed') throw error;
    return kept;
  };
}

/** Whether it may be offered, whatever the index says that is served now. */
function isListed({ offering }: Known, { chart, version }: ChartRef): boolean {
  return offering.find(chart, version) !== undefined;
}
