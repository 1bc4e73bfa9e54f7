import type { ChartVersion } from '../../chart/catalog.ts';
import type { Descriptor, Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import { readAll, type ByteRange, type OpenBytes } from '../../lib/bytes.ts';
import { keyOf, type Known } from '../committing/known.ts';
import type { ChartRef, Mirror, Provenances, Rendering, RepositoryCatalog } from '../contract/doors.ts';
import type { Engine } from '../engine.ts';
import { HeldBytes } from '../fetching/held-bytes.ts';
import { deniedBytes, notServedYet, refusalFault, type Refusal } from '../offering/refusals.ts';
import type { Offer } from '../offering/served.ts';
import { waitAtMost } from '../patience.ts';
import { memberOf, placesToAsk, Rulings } from './rulings.ts';

const maxNamed = 10_000;
const maxProvenanceBytes = 1024 * 1024;
/** How long somebody waits who would rather have the provenance, but can do without. */
const provenanceWaitMs = 5_000;
/** After this upstream is asked again for what it did not answer, where that can be done without. */
const noAnswerMs = 60_000;

/** What the front doors read: answers from memory where it can, and waits for a fill where it must. */
export class Reader implements Mirror, Provenances {
  /** What is held of versions that `find` answered with. */
  readonly bytes: HeldBytes;
  /** How long a client waits for what must be fetched first. */
  readonly coldWaitMs: () => number;
  readonly #engine: Engine;
  readonly #rulings = new Rulings();
  /** What `resolve` named, by repository and digest: what `open` may open. */
  readonly #named = new Map<string, Map<Digest, KeptVersion>>();
  /** When upstream did not say whether there is a provenance, by version. */
  readonly #unanswered = new Map<string, number>();

  constructor(engine: Engine, options: { readonly coldWaitMs: () => number }) {
    const { blobs, fetches } = engine;
    this.#engine = engine;
    this.coldWaitMs = options.coldWaitMs;
    this.bytes = new HeldBytes({
      blobs,
      restorations: fetches.restorations,
      waiting: (work, ref) => this.waiting(work, ref),
    });
  }

  repositories(): readonly { readonly name: string; readonly root: boolean }[] {
    return this.#engine.repositories.all.map(({ settings: { name, root } }) => ({ name, root }));
  }

  catalog(repository: string): RepositoryCatalog {
    return this.offer(repository).selection;
  }

  rendering(repository: string): Rendering {
    return this.#engine.repositories.find(repository).rendering;
  }

  /** What a repository serves now. Throws as `Mirror.catalog`. */
  offer(repository: string): Offer {
    return this.#engine.repositories.find(repository).offer;
  }

  resolve(ref: ChartRef): KeptVersion | Promise<KeptVersion> {
    const found = this.find(ref);
    return found instanceof Promise ? found.then(({ kept }) => kept) : found.kept;
  }

  /** As `resolve`, and who provides it. */
  find(ref: ChartRef): Held | Promise<Held> {
    const offer = this.offer(ref.repository);
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome === 'offered') {
      const known = memberOf(offer, ruling.member);
      const kept = known.held(ref.chart, ref.version);
      const isReady = kept && !lacksProvenance(known, kept) && this.#rulings.passes(offer, ref, ruling, kept);
      if (isReady) return { known, version: ruling.version, kept: this.#name(ref.repository, kept) };
    } else if (placesToAsk(ruling).length === 0 && !unsigned(offer, ref, ruling)) {
      this.#askForBetter(offer, ref, ruling);
      throw refusalFault(offer.selection, ref, ruling);
    }
    return this.waiting(this.#fetch(ref), ref);
  }

  /** What is refused for its provenance may have a valid one upstream by now: whoever asks next has it. */
  #askForBetter(offer: Offer, { chart, version }: ChartRef, ruling: Refusal): void {
    const at = unverifiedBy(ruling);
    const known = at === undefined ? undefined : memberOf(offer, at);
    const listed = known?.catalog.find(chart, version);
    const kept = known?.held(chart, version);
    if (known && listed && kept) this.#engine.fetches.verdicts.mend(known, listed, kept);
  }

  open(repository: string, digest: Digest, range?: ByteRange): OpenBytes | undefined | Promise<OpenBytes | undefined> {
    const offer = this.offer(repository);
    const kept = this.#named.get(repository)?.get(digest);
    const ref = kept && { repository, chart: kept.chart, version: kept.version };
    const known = ref && this.#providerOf(offer, ref, kept);
    if (known) return this.bytes.open({ ref, known, kept }, { what: 'archive', descriptor: kept.archive }, range);
    const denied = offer.selection.deniedBytes(digest);
    if (denied) throw deniedBytes(repository, denied);
    return undefined;
  }

  async provenance(ref: ChartRef): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer } | undefined> {
    const found = await this.waiting(this.#findProvenance(ref), ref);
    if (!found) return undefined;
    const { descriptor } = found;
    const { body } = await this.bytes.open({ ref, ...found }, { what: 'provenance', descriptor });
    const bytes = Buffer.isBuffer(body) ? body : await readAll(body, maxProvenanceBytes);
    // the rules may have changed while it was fetched
    if (!this.mayLeave(ref, found)) throw notServedYet(ref);
    return { descriptor, bytes };
  }

  /**
   * A version that was found, with its provenance known, if upstream says now whether there is any. Never rejects: what is
   * held goes on being had while upstream does not answer.
   */
  async attested(ref: ChartRef, held: Held): Promise<Held> {
    const { known, version, kept } = held;
    const name = `${known.id}/${keyOf(ref.chart, ref.version)}`;
    if (kept.provenance !== undefined || this.#isUnanswered(name)) return held;
    const { fetches, clock } = this.#engine;
    const asked = fetches.provenances.provenance(known, version, kept, 'request');
    const waitMs = Math.min(this.coldWaitMs(), provenanceWaitMs);
    const said = await waitAtMost(asked, waitMs, clock, () => notServedYet(ref)).catch(() =>
      this.#noteUnanswered(name),
    );
    return { ...held, kept: known.latest.held(ref.chart, ref.version) ?? { ...kept, ...said } };
  }

  /** Whether what was found may still leave: rules may have changed since. Throws as `resolve` when they refuse it. */
  mayLeave(ref: ChartRef, { known, kept }: Pick<Held, 'known' | 'kept'>): boolean {
    const offer = this.offer(ref.repository);
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome !== 'offered') {
      // the list that leaves it out was made before its provenance was found
      const unverified = unverifiedBy(ruling);
      if (unverified !== undefined && memberOf(offer, unverified).offering.admits(kept) === true) return false;
      throw refusalFault(offer.selection, ref, ruling);
    }
    const isItsOwn = memberOf(offer, ruling.member).name === known.name;
    return isItsOwn && this.#rulings.passes(offer, ref, ruling, kept);
  }

  #name(repository: string, held: KeptVersion): KeptVersion {
    const named = this.#named.get(repository) ?? new Map<Digest, KeptVersion>();
    if (named.size === 0) this.#named.set(repository, named);
    const { digest } = held.archive;
    if (named.get(digest) === held) return held;
    const [oldest] = named.keys();
    if (oldest !== undefined && named.size >= maxNamed) named.delete(oldest);
    named.set(digest, held);
    return held;
  }

  /** Who provides the bytes that were named, if they are what the repository offers now. */
  #providerOf(offer: Offer, ref: ChartRef, held: KeptVersion): Known | undefined {
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome === 'denied') throw deniedBytes(ref.repository, ruling.rule);
    if (ruling.outcome !== 'offered') return undefined;
    const known = memberOf(offer, ruling.member);
    if (ruling.passed === held) return known;
    const isSame = known.held(ref.chart, ref.version)?.archive.digest === held.archive.digest;
    return isSame && this.#rulings.passes(offer, ref, ruling, held) ? known : undefined;
  }

  async #fetch(ref: ChartRef): Promise<Held> {
    const held = await this.#hold(ref);
    this.#name(ref.repository, held.kept);
    return held;
  }

  /** Holds a version that is offered, and looks at its rules again: bytes tell more, and time has passed. */
  async #hold(ref: ChartRef): Promise<Held> {
    const { known, version } = await this.#locate(ref);
    const { archives, verdicts } = this.#engine.fetches;
    const held = known.held(ref.chart, ref.version) ?? (await archives.archive(known, version, 'request'));
    const kept = await verdicts.judged(known, version, held, 'request');
    const found = { known, version, kept };
    if (!this.mayLeave(ref, found)) {
      await this.#engine.commit();
      await this.#engine.repositories.find(ref.repository).refresh();
      if (!this.mayLeave(ref, found)) throw notServedYet(ref);
    }
    return found;
  }

  /** The listed version and who provides it; asks upstream once when nobody lists it. */
  async #locate(ref: ChartRef): Promise<Located> {
    const offer = this.offer(ref.repository);
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome === 'offered') return { known: memberOf(offer, ruling.member), version: ruling.version };
    const again = unsigned(offer, ref, ruling);
    if (again) return again;
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
    const offer = this.offer(ref.repository);
    const ruling = this.#rulings.of(offer, ref);
    if (ruling.outcome === 'offered') return { known: memberOf(offer, ruling.member), version: ruling.version };
    // the index that says so is still in the making
    if (placesToAsk(ruling).some((at) => isListed(memberOf(offer, at), ref))) throw notServedYet(ref);
    throw refusalFault(offer.selection, ref, ruling);
  }

  async #findProvenance(ref: ChartRef): Promise<FoundProvenance | undefined> {
    const { known, version, kept } = await this.#hold(ref);
    const { provenance: before } = kept;
    if (typeof before === 'object') return { known, kept, descriptor: before };
    const { provenances } = this.#engine.fetches;
    const { provenance } = await provenances.provenance(known, version, kept, 'request');
    return typeof provenance === 'object'
      ? { known, kept: { ...kept, provenance }, descriptor: provenance }
      : undefined;
  }

  #isUnanswered(name: string): boolean {
    return this.#engine.clock.elapsed() - (this.#unanswered.get(name) ?? -Infinity) < noAnswerMs;
  }

  #noteUnanswered(name: string): void {
    if (this.#unanswered.size >= maxNamed) this.#unanswered.clear();
    this.#unanswered.set(name, this.#engine.clock.elapsed());
  }

  /** The work's result, for a client: it waits `coldWait` at most, and the work goes on. */
  waiting<T>(work: Promise<T>, ref: ChartRef): Promise<T> {
    const coldWaitMs = this.coldWaitMs();
    return waitAtMost(work, coldWaitMs, this.#engine.clock, () => {
      const seconds = Math.round(coldWaitMs / 1000);
      const { selection, members } = this.offer(ref.repository);
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

/** A version that may leave, and who provides it. */
export interface Held extends Located {
  readonly kept: KeptVersion;
}

interface FoundProvenance {
  readonly known: Known;
  readonly kept: KeptVersion;
  readonly descriptor: Descriptor;
}

/** Whether it may be offered, whatever the index says that is served now. */
function isListed({ offering }: Known, { chart, version }: ChartRef): boolean {
  return offering.find(chart, version) !== undefined;
}

/** Whether it is refused because there was no provenance, which may have come since. */
function lacksProvenance({ offering }: Known, kept: KeptVersion): boolean {
  return offering.admits(kept) === false && offering.verdictOf(kept)?.result === 'missing';
}

/** Who provides what is hidden for its provenance, by its place. */
function unverifiedBy(ruling: Refusal): number | undefined {
  if (ruling.outcome !== 'hidden' || ruling.rule.by !== 'upstream') return undefined;
  return ruling.rule.option === 'verify' ? ruling.rule.member : undefined;
}

/** What is hidden because there was no provenance, and who would provide it. */
function unsigned(offer: Offer, { chart, version }: ChartRef, ruling: Refusal): Located | undefined {
  const member = unverifiedBy(ruling);
  if (member === undefined) return undefined;
  const known = memberOf(offer, member);
  const [listed, kept] = [known.catalog.find(chart, version), known.held(chart, version)];
  return listed && kept && lacksProvenance(known, kept) ? { known, version: listed } : undefined;
}
