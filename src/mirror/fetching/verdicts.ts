import type { ChartVersion } from '../../chart/catalog.ts';
import type { Descriptor, Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import { mayBeSignedYet } from '../../chart/survey.ts';
import type { Judgement, Verdict } from '../../chart/verdict.ts';
import { readAll } from '../../lib/bytes.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { keyOf, type Known } from '../committing/known.ts';
import type { Keyring, VerifySettings } from '../settings.ts';
import { maxProvenanceBytes } from './fetch.ts';
import type { FillParts } from './fill.ts';
import { HeldBytes } from './held-bytes.ts';
import type { ProvenanceFills } from './provenances.ts';
import type { Restorations } from './restore.ts';
import type { Urgency } from './turns.ts';

/** What is to be judged: a provenance file, and what it should be of. */
export interface Judging {
  readonly provenance: Uint8Array;
  readonly archive: Digest;
  /** As Helm calls the archive: `<chart>-<version>.tgz`. */
  readonly fileName: string;
  readonly keyring: Keyring;
}

/** Judges a provenance file, off the main thread. Rejects only when that itself failed. */
export type Judge = (judging: Judging) => Promise<Judgement>;

export interface VerdictParts extends FillParts {
  readonly judge: Judge;
  readonly provenances: ProvenanceFills;
  readonly restorations: Restorations;
}

/** A held version, and where it comes from. */
interface Case {
  readonly known: Known;
  readonly version: ChartVersion;
  readonly kept: KeptVersion;
  readonly urgency: Urgency;
}

/** Judges the provenance of held versions, where their upstream wants that: each once however many ask. */
export class Verdicts {
  readonly #parts: VerdictParts;
  readonly #flights = new SingleFlight<KeptVersion>();
  readonly #bytes: HeldBytes;

  constructor(parts: VerdictParts) {
    const { blobs, restorations } = parts;
    this.#parts = parts;
    this.#bytes = new HeldBytes({ blobs, restorations, waiting: (work) => work });
  }

  /**
   * The version with the verdict by the keys that count now, one that lapsed made again, its provenance fetched first where it is not known; where there
   * is none, upstream is asked again as `ProvenanceFills.provenance` does. The same where nothing is to be judged, and under
   * `report` for whoever requests it: that goes on behind. Rejects with the fault of fetching it, and with 'unavailable'
   * when judging itself failed: that is no verdict.
   */
  async judged(given: Known, version: ChartVersion, kept: KeptVersion, urgency: Urgency): Promise<KeptVersion> {
    const known = given.latest;
    const judged = await this.#judgedBy({ known, version, kept, urgency });
    // a verdict by keys that do not count any more is none
    return known.latest === known ? judged : this.judged(known, version, judged, urgency);
  }

  /**
   * Has upstream asked, behind, whether it has a valid provenance by now in place of the one that is kept and is not: its
   * publisher may have mended it. Only a valid one is taken.
   */
  mend(known: Known, version: ChartVersion, kept: KeptVersion): void {
    const { verify, retired } = known.settings;
    if (!verify || retired || known.offering.verdictOf(kept)?.result !== 'invalid') return;
    const key = `${known.id}/${keyOf(kept.chart, kept.version)}/mend`;
    this.#flights
      .run(key, () => this.#mend({ known, version, kept, urgency: 'request' }, verify))
      .catch((error: unknown) => {
        const { chart, version: text } = kept;
        this.#parts.log.debug({ upstream: known.name, chart, version: text, err: error }, 'provenance not asked again');
      });
  }

  /** Resolves when nothing is being judged. */
  idle(): Promise<void> {
    return this.#flights.idle();
  }

  async #judgedBy(one: Case): Promise<KeptVersion> {
    const { known, kept, urgency } = one;
    const { verify } = known.settings;
    if (!verify || !this.#isOpen(one)) return kept;
    const key = `${known.id}/${keyOf(kept.chart, kept.version)}/${kept.archive.digest}`;
    const flight = this.#flights.run(key, () => this.#judge(one, verify));
    if (verify.mode === 'require' || urgency === 'ahead') return flight;
    flight.catch((error: unknown) => {
      const { chart, version } = kept;
      this.#parts.log.debug({ upstream: known.name, chart, version, err: error }, 'provenance not judged yet');
    });
    return kept;
  }

  /** Whether there is something to find out: what was missing may have come since. */
  #isOpen({ known, version, kept, urgency }: Case): boolean {
    if (known.offering.awaitsVerdict(kept, this.#parts.clock.now())) return true;
    if (known.offering.verdictOf(kept)?.result !== 'missing') return false;
    return urgency === 'request' || mayBeSignedYet(known.offering, version, kept, this.#parts.clock.now());
  }

  async #judge(one: Case, { keyring }: VerifySettings): Promise<KeptVersion> {
    const { known, kept } = one;
    const provenance = await this.#provenanceOf(one);
    const present = { ...kept, provenance };
    if (!known.offering.awaitsVerdict(present, this.#parts.clock.now())) return present;
    const judgement = provenance === 'none' ? missing(known) : await this.#ask(known, present, provenance, keyring);
    const digest = provenance === 'none' ? provenance : provenance.digest;
    return this.#keep(known, present, { ...judgement, keyring: keyring.id, provenance: digest });
  }

  async #provenanceOf(one: Case): Promise<Descriptor | 'none'> {
    const { known, version, kept, urgency } = one;
    const { provenance } = kept;
    if (typeof provenance === 'object') return provenance;
    // for other keys alone nobody is asked
    const isNews = urgency === 'request' || known.offering.verdictOf(kept) !== undefined;
    if (provenance === 'none' && (known.settings.retired || !isNews)) return provenance;
    const found = await this.#parts.provenances.provenance(known, version, kept, urgency);
    return found.provenance ?? 'none';
  }

  async #mend({ known, version, kept }: Case, { keyring }: VerifySettings): Promise<KeptVersion> {
    const { provenances } = this.#parts;
    const found = await provenances.another(known, version, kept);
    const judgement = found && (await this.#judgeBytes(known, kept, found.bytes, keyring));
    if (!found || judgement?.result !== 'valid') return kept;
    const provenance = await provenances.replace(known, kept, found);
    return this.#keep(known, { ...kept, provenance }, { ...judgement, keyring: keyring.id, provenance: found.digest });
  }

  async #ask(known: Known, kept: KeptVersion, descriptor: Descriptor, keyring: Keyring): Promise<Judgement> {
    const { chart, version } = kept;
    // whose repository it is asked for matters to nobody here
    const request = { ref: { repository: '', chart, version }, known, kept };
    const { body } = await this.#bytes.open(request, { what: 'provenance', descriptor });
    const provenance = Buffer.isBuffer(body) ? body : await readAll(body, maxProvenanceBytes);
    return this.#judgeBytes(known, kept, provenance, keyring);
  }

  #judgeBytes(known: Known, kept: KeptVersion, provenance: Uint8Array, keyring: Keyring): Promise<Judgement> {
    const { chart, version, archive } = kept;
    const judging = { provenance, archive: archive.digest, fileName: `${chart}-${version}.tgz`, keyring };
    return this.#parts.judge(judging).catch((error: unknown) => {
      throw notJudged(known, kept, error);
    });
  }

  #keep(known: Known, present: KeptVersion, verdict: Verdict): KeptVersion {
    const kept = { ...present, verdict };
    const before = known.latest.held(kept.chart, kept.version);
    // what the store did not take is not held because it was judged, and other keys may have judged meanwhile
    if (!before || known.latest !== known) return kept;
    const isListed = [before.verdict, verdict].every((one) => one === undefined || one.result === 'valid');
    this.#parts.batches.addHolding(known, kept, known.offering.verifies === 'require' && !isListed);
    return kept;
  }
}

function missing({ name }: Known): Judgement {
  return { result: 'missing', reason: `${name} has no provenance file for it` };
}

function notJudged({ name }: Known, { chart, version }: KeptVersion, cause: unknown): Fault {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Fault(
    'unavailable',
    `${name}: the provenance of ${chart} ${version} could not be judged: ${reason.replace(/\.$/, '')}.`,
    'It is tried again. Look at the keyring of verify, and at the log.',
    { cause, retryAfterMs: 5_000 },
  );
}
