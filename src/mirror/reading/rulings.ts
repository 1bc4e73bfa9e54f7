import { isDescribed } from '../../chart/claim.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import type { Offered, Selection } from '../../chart/select.ts';
import { keyOf, type Known } from '../committing/known.ts';
import type { ChartRef } from '../contract/doors.ts';
import { deniedFault, provenanceFault, type Refusal } from '../offering/refusals.ts';
import type { Offer } from '../offering/served.ts';

/** With all that is claimed of them: whoever asks for everything there is must not fill the memory. */
const maxRemembered = 2_000;

/** That a version is offered, as long as the offer stands. */
export interface Standing extends Offered {
  /** Bytes of it that may leave: every rule was applied to them. */
  passed: KeptVersion | undefined;
}

/** What becomes of versions that are asked for, by the rules of their repository. Remembered as long as nothing changes. */
export class Rulings {
  readonly #standings = new WeakMap<Offer, Map<string, Standing>>();

  /** What a repository says of a version. The same object while its offer stands, for one that is offered. */
  of(offer: Offer, { chart, version }: ChartRef): Standing | Refusal {
    const remembered = this.#rememberedOf(offer);
    const key = keyOf(chart, version);
    const known = remembered.get(key);
    if (known) return known;
    const decision = offer.selection.decide(chart, version);
    if (decision.outcome !== 'offered') return decision;
    const standing = { ...decision, passed: undefined };
    if (remembered.size >= maxRemembered) remembered.clear();
    remembered.set(key, standing);
    return standing;
  }

  /**
   * Whether bytes of a version may leave. False while that cannot be told: whether they are deprecated is known once they
   * are described and that is committed, and their provenance once it is judged. Throws 'denied' for what a rule denies by
   * its digest, and 'provenance-invalid'.
   */
  passes(offer: Offer, ref: ChartRef, standing: Standing, held: KeptVersion): boolean {
    if (standing.passed === held) return true;
    const rule = offer.selection.deniedDigest(ref.chart, held);
    if (rule) throw deniedFault(ref, rule);
    if (!isDecided(offer.selection, standing, held) || !isAdmitted(offer, ref, standing, held)) return false;
    standing.passed = held;
    return true;
  }

  #rememberedOf(offer: Offer): Map<string, Standing> {
    const known = this.#standings.get(offer);
    if (known) return known;
    const fresh = new Map<string, Standing>();
    this.#standings.set(offer, fresh);
    return fresh;
  }
}

/** Whether its provenance was judged, and is valid where it must be. Throws 'provenance-invalid' when it is not. */
function isAdmitted({ selection }: Offer, ref: ChartRef, { member }: Standing, held: KeptVersion): boolean {
  const { name = '', offering } = selection.members[member] ?? {};
  const isValid = offering?.admits(held) ?? false;
  const verdict = offering?.verdictOf(held);
  if (verdict && !isValid && offering?.verifies === 'require') throw provenanceFault(name, ref, verdict);
  return isValid;
}

/** Whether all that the rules ask for was known when a version was found to be offered, and is of these bytes. */
function isDecided({ rules }: Selection, { version: { claims }, held: judged }: Standing, held: KeptVersion): boolean {
  if (rules.deprecated) return true;
  if (!claims.some(isDescribed)) return false;
  if (judged) return judged.archive.digest === held.archive.digest;
  const [only, ...others] = claims;
  return others.length === 0 && (only?.digest === undefined || only.digest === held.archive.digest);
}

/** Who may have what is not offered, by their places: nobody, where a rule hides it that no upstream can change. */
export function placesToAsk(refusal: Refusal): readonly number[] {
  if (refusal.outcome === 'absent') return refusal.candidates;
  if (refusal.outcome === 'denied' || refusal.rule.by === 'repository') return [];
  const { option, member } = refusal.rule;
  // upstream may have it again, or as a chart by now
  return option === 'withdrawn' || option === 'not-a-chart' ? [member] : [];
}

/** The first that may provide a chart and was never listed, so that nobody knows whether it has it. */
export function unheard({ selection, members }: Offer, chart: string): Known | undefined {
  if (!selection.mayOffer(chart)) return undefined;
  const owner = selection.ownerOf(chart);
  return members.find(({ listed, settings, offering }, at) => {
    const mayProvide = (owner === at || typeof owner !== 'number') && offering.mayName(chart);
    return mayProvide && !listed && !settings.retired;
  });
}

/** The member of an offer at a place. */
export function memberOf({ members }: Pick<Offer, 'members'>, at: number): Known {
  const member = members[at];
  if (!member) throw new RangeError(`there is no member ${at}`);
  return member;
}
