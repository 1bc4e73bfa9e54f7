import type { Digest } from './digest.ts';

/** What becomes of charts whose provenance is not valid: it is told, or they are refused as well. */
export type VerifyMode = 'report' | 'require';

/** How provenance is checked. Plain data, which crosses to threads and into the store. */
export interface VerifyRules {
  readonly mode: VerifyMode;
  /** Names the keys that count: equal for equal keyrings. */
  readonly keyring: string;
}

/** What a provenance file turned out to be. */
export interface Judgement {
  /** `missing`: there is none. `invalid`: not signed by the keyring, or for other bytes. */
  readonly result: 'valid' | 'missing' | 'invalid';
  /** Who signed it, as the key says, and the fingerprint of the key in upper-case hex. Of a valid one. */
  readonly signer?: string | undefined;
  readonly key?: string | undefined;
  /** Why it is not valid, in words that follow "because". */
  readonly reason?: string | undefined;
  /** When it is to be judged again, since a key or a signature expires then, or counts from then on: RFC 3339. */
  readonly until?: string | undefined;
}

/** What is known of a version's provenance where it is checked: `unjudged` until there is a judgement. */
export type ProvenanceState = Judgement['result'] | 'unjudged';

/** A judgement, and what it was of: with other keys, or of another file, it says nothing. */
export interface Verdict extends Judgement {
  readonly keyring: string;
  readonly provenance: Digest | 'none';
}

/** When a judgement is to be made again: epoch milliseconds, `Infinity` for never. */
export function lapsesMs({ until }: Judgement): number {
  return until === undefined ? Infinity : Date.parse(until);
}

/** What was judged of a version by these rules, of the provenance that is known of it now; undefined while nothing was. */
export function verdictBy(
  rules: VerifyRules | undefined,
  kept: {
    readonly provenance?: { readonly digest: Digest } | 'none' | undefined;
    readonly verdict?: Verdict | undefined;
  },
): Verdict | undefined {
  const { provenance, verdict } = kept;
  if (!rules || verdict?.keyring !== rules.keyring) return undefined;
  const present = typeof provenance === 'object' ? provenance.digest : provenance;
  return verdict.provenance === present ? verdict : undefined;
}
