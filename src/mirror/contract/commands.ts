import type { FaultReport } from './operator.ts';

/** How far the work ahead of requests is. */
export interface FillProgress {
  readonly filled: number;
  readonly failed: number;
  /** Versions that are still to be fetched. */
  readonly queued: number;
}

/** For the command line, which waits for everything. */
export interface Filling {
  progress(): FillProgress;
  /** Resolves when every archive the policies want was tried and what came is committed. */
  settled(): Promise<FillProgress>;
}

/** What can be wrong: closed, stable. */
export type FindingKind =
  | 'damaged-blob'
  | 'missing-blob'
  | 'damaged-record'
  | 'missing-record'
  | 'conflicting-record'
  | 'lost-state'
  | 'lost-catalog'
  | 'lost-snapshot'
  | 'uncommitted-holding';

/** One thing that is not as it should be. */
export interface Finding {
  readonly kind: FindingKind;
  /** One sentence: what is wrong, and which upstream, chart and version it concerns. */
  readonly what: string;
  /** Another: what to do about it while it is not repaired. */
  readonly advice: string;
  /** Nothing is lost and nothing need be done: a server that is at work leaves such things for a moment. */
  readonly harmless: boolean;
  /** How it was put right, in one sentence; absent when it was not. */
  readonly repaired?: string | undefined;
}

/** How asking one place went. */
export interface Trial {
  /** An upstream's name, or `store`. */
  readonly name: string;
  /** Of an upstream, or the kind of store. */
  readonly type: string;
  /** In words, without secrets; absent for the store. */
  readonly authenticatedBy?: string | undefined;
  /** Chart names that it lists and may offer; absent where nothing can be listed, and for the store. */
  readonly charts?: number | undefined;
  readonly durationMs: number;
  readonly fault?: FaultReport | undefined;
}

/** For the command line: asks every upstream that is not retired, and the store, once. */
export interface Prober {
  /** All at once, in the order of the configuration, the store last. Never rejects but with the signal's reason. */
  probe(signal: AbortSignal): Promise<readonly Trial[]>;
}

/** What was looked at. */
export interface InspectionCounts {
  /** Records and tables that were read. */
  readonly records: number;
  readonly blobs: number;
  /** Of the blobs. */
  readonly bytes: number;
  /** Blobs, what was made of them, and tables that nothing names: the sweep of a server removes them when they are a day old. */
  readonly unnamed: number;
}

/** What the store keeps of an upstream that the configuration does not name. */
export interface Unconfigured {
  readonly upstream: string;
  /** Chart names that it listed, or as many as are held of it when nobody knows what it listed. */
  readonly charts: number;
  /** Versions, likewise. */
  readonly versions: number;
  /** That are held of it. */
  readonly archives: number;
  /** What was made of those for people to read, where no other upstream has the same archive. */
  readonly documents: number;
  /** Of blobs and documents that nobody else needs: so much becomes free when it is pruned. */
  readonly bytes: number;
}

/** An inspection under way. */
export interface Inspection {
  /** What is wrong, as it is found and, when asked for, repaired. Ends with a fault when the store does not answer. */
  readonly findings: AsyncIterable<Finding>;
  /** So far. */
  counts(): InspectionCounts;
  /** Which upstreams the store knows and the configuration does not, by name. Empty until the findings have ended. */
  unconfigured(): readonly Unconfigured[];
}

/** What pruning came to. */
export interface Pruned {
  /** Records, blobs, tables and documents that were removed. */
  readonly objects: number;
  /** Of all but the records. */
  readonly bytes: number;
  /** Objects that nothing names and that are too young to be removed: the sweep of a server does that when they are a day old. */
  readonly young: number;
  /** Upstreams of which something was written meanwhile: somebody works for them. */
  readonly left: readonly string[];
}

/** For the command line: reads every record of the store and hashes every blob. */
export interface Inspector {
  /** `repair` puts right what can be. Safe beside running servers. */
  inspect(options: { readonly repair: boolean; readonly signal: AbortSignal }): Inspection;
  /**
   * Removes all that the store keeps of these upstreams but what is configured, and whatever nothing names. Rejects, and has
   * removed nothing, with 'unavailable' while a server works for one of them, and with 'store-failed' when the store cannot
   * be read as a whole. What ends half way is finished by doing it again. Safe beside servers that do not name them.
   */
  prune(upstreams: readonly string[], signal: AbortSignal): Promise<Pruned>;
}
