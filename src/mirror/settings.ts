import type { OfferRules } from '../chart/offering.ts';
import type { VersionRules } from '../chart/ranges.ts';
import type { RepositoryRules } from '../chart/rules.ts';
import type { MirrorPolicy } from '../chart/survey.ts';
import type { VerifyMode } from '../chart/verdict.ts';
import type { Upstream } from '../upstream/contract.ts';

/** One upstream as the mirror works with it: the adapter and what the configuration says about it. */
export interface UpstreamSettings {
  readonly name: string;
  readonly type: string;
  /** Without user info and query, for the status. */
  readonly url: string;
  readonly upstream: Upstream;
  /** 0: one sync when nothing is known yet, then by hand only. */
  readonly intervalMs: number;
  /** Never contacted; what is held goes on being offered. */
  readonly retired: boolean;
  /** Versions that upstream no longer lists: offered still, or not. */
  readonly withdrawn: 'keep' | 'drop';
  /** Other bytes under a name and version that we hold: left alone until an operator accepts them, or taken. */
  readonly rewritten: 'refuse' | 'accept';
  /** With `drop`: the share of its versions, 0 to 1, that a listing may lose before it waits for an operator. */
  readonly maxShrink: number;
  readonly mirror: MirrorPolicy;
  /** Fetches and descriptions at once. */
  readonly concurrency: number;
  /** Attempts at one listing or chart before it waits for its next turn. */
  readonly retries: number;
  readonly maxArchiveBytes: number;
  /** A registry that cannot be listed: nothing there is no fault. */
  readonly unlisted: boolean;
  /** Names and globs of the charts it may offer, as `nameFilter` reads them. */
  readonly charts: readonly string[];
  /** Which versions it may offer; the others are not fetched either. */
  readonly versions: VersionRules;
  /** How the provenance of its charts is checked; absent where it is not. */
  readonly verify?: VerifySettings | undefined;
  /** What an operator should go on seeing while it is configured so; a sentence each. */
  readonly warnings: readonly string[];
}

/** By which keys provenance is checked, and what becomes of charts whose provenance is not valid. */
export interface VerifySettings {
  readonly mode: VerifyMode;
  readonly keyring: Keyring;
}

/** Public keys as they stand in a file: armoured or binary. */
export interface Keyring {
  /** Equal for equal bytes. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** One of our repositories as the configuration has it. */
export interface RepositorySettings {
  readonly name: string;
  /** Answers without its name in the path, too. */
  readonly root: boolean;
  /** Names of its upstreams; the order is precedence. */
  readonly upstreams: readonly string[];
  readonly rules: RepositoryRules;
}

/** Which of its versions an upstream may offer, by its settings. */
export function offerRulesOf({ charts, versions, withdrawn, retired, verify }: UpstreamSettings): OfferRules {
  const checked = verify && { verify: { mode: verify.mode, keyring: verify.keyring.id } };
  return { charts, versions, withdrawn, heldOnly: retired, ...checked };
}
