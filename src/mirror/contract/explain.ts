import type { Digest } from '../../chart/digest.ts';
import type { FaultReport, ProvenanceReport } from './operator.ts';

export interface ExplainQuery {
  /** Absent: every repository. */
  readonly repository?: string | undefined;
  readonly chart: string;
  /** Absent: the chart as a whole. */
  readonly version?: string | undefined;
}

/** What one upstream has to do with a chart or a version. */
export interface UpstreamWord {
  readonly upstream: string;
  /** False while it never gave a good listing: what it has is not known then. */
  readonly everListed: boolean;
  /** Whether it lists the version, or of a chart as a whole any. */
  readonly lists: boolean;
  /** How many versions of the chart it lists. */
  readonly versions: number;
  /** Since when we know what it lists: RFC 3339. */
  readonly since?: string | undefined;
  /** No good listing has it any more. */
  readonly withdrawn: boolean;
  /**
   * What it promises of the version's archive. Where the last listing lacks the version, what it promised before; of one
   * that is withdrawn everything that is remembered.
   */
  readonly claimed: readonly Digest[];
  /** Of one version: it promises other bytes by now than those that are held; the first ones are served. */
  readonly rewritten: boolean;
  /** What we hold of the version, and under which key of the store. */
  readonly held?:
    | { readonly digest: Digest; readonly size: number; readonly heldAt: string; readonly key: string }
    | undefined;
  /** Of one version that is held, where provenance is checked. */
  readonly provenance?: ProvenanceReport | undefined;
  /** The upstream's own trouble now. */
  readonly fault?: FaultReport | undefined;
}

/** How many versions of a chart an upstream provides to a repository, and what becomes of them there. */
export interface VersionTally {
  readonly offered: number;
  /** Of those that are offered. */
  readonly listed: number;
  /** By the rule that denies or hides them, such as `cooldown`, `deny nginx@<15`, `versions of ghcr`. */
  readonly hidden: Readonly<Record<string, number>>;
}

/** Why a repository does, or does not, offer it. Of a chart as a whole: its newest version that is offered, or its newest. */
export interface RepositoryWord {
  readonly repository: string;
  /** `unavailable`: nothing can be said yet, since no upstream was ever listed or the store is damaged. */
  readonly outcome: 'offered' | 'hidden' | 'denied' | 'absent' | 'unavailable';
  /** The version that is spoken of; absent where none is known. */
  readonly version?: string | undefined;
  /** Which upstream provides it here, or alone may. */
  readonly provider?: string | undefined;
  /** Why that one; one sentence. */
  readonly providerReason: string;
  /** Which rule decided; one sentence. */
  readonly reason: string;
  /** Whether lists show it; what is offered and not listed can be had by name. */
  readonly listed: boolean;
  /** Upstreams that list it and may not provide it here. */
  readonly contestedBy: readonly string[];
  /** What a request for its archive would get, as far as can be told without asking an upstream. */
  readonly answer: { readonly status: number; readonly text: string };
  /** Of a chart as a whole. */
  readonly versions?: VersionTally | undefined;
}

export interface Explanation {
  readonly chart: string;
  readonly version?: string | undefined;
  /** The upstreams of the repositories in question, in the order of the configuration. */
  readonly upstreams: readonly UpstreamWord[];
  readonly repositories: readonly RepositoryWord[];
  /** Names, or versions, that are offered and near to one that nobody lists; the nearest first. */
  readonly nearest: readonly string[];
}

/** Says why. Rejects with 'not-found' for an unknown repository, 'bad-request' for a name or version that none can have. */
export interface Explainer {
  explain(query: ExplainQuery): Promise<Explanation>;
}
