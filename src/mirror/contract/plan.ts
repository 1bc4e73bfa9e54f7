/** Versions of one chart that an index gains or loses. */
export interface PlannedChart {
  readonly chart: string;
  /** Newest first. */
  readonly versions: readonly string[];
}

/** A chart that somebody else would provide. */
export interface OwnerChange {
  readonly chart: string;
  /** Under `merge`; absent where all versions change hands. */
  readonly version?: string | undefined;
  readonly from: string;
  /** Who provides it then, or for whom it is reserved. */
  readonly to: string;
}

/** What would become of one repository. */
export interface PlannedRepository {
  readonly name: string;
  /** `changed` also when its options change and nothing that it lists does. */
  readonly change: 'added' | 'removed' | 'changed' | 'unchanged';
  /** By chart name. */
  readonly appear: readonly PlannedChart[];
  readonly disappear: readonly PlannedChart[];
  readonly owners: readonly OwnerChange[];
  /** Of one that is added and lists nothing: how many versions are denied or hidden, by the rule, such as `cooldown`. */
  readonly hidden?: Readonly<Record<string, number>> | undefined;
  /** Versions that it lists, and of which the provenance is still to be judged: what becomes of them is not known. Absent for none. */
  readonly unjudged?: number | undefined;
}

/** What a configuration would change of what is offered. */
export interface Plan {
  /** No server on this store ever said what it offers: there is nothing to compare with, and everything is new. */
  readonly first: boolean;
  readonly upstreams: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    /** Those that would be asked at another address: what they list there is known after their next sync. */
    readonly moved: readonly string[];
    /** Those that the store knows nothing of: what they list is known after their first sync. */
    readonly unknown: readonly string[];
  };
  /** Those of the configuration in its order, then those that it has no more. */
  readonly repositories: readonly PlannedRepository[];
  /** Another repository, or none, would answer where no name is in the path; absent when that stays. */
  readonly root?: { readonly from?: string | undefined; readonly to?: string | undefined } | undefined;
  /** Whether something would disappear or change owner: from an index, or with the repository that has the root. */
  readonly loses: boolean;
}

/**
 * Compares what the servers were last configured to offer with what this configuration would have them offer, both of what
 * the store knows now. Writes nothing, and asks no upstream. Rejects with 'store-failed' when the store does not answer or
 * is damaged.
 */
export interface Planner {
  plan(): Promise<Plan>;
}
