import type { ChartVersion } from '../chart/catalog.ts';
import type { Descriptor, Digest } from '../chart/digest.ts';
import type { FaultCode } from '../chart/fault.ts';
import type { Holding } from '../chart/holding.ts';
import type { ByteRange, OpenBytes } from '../lib/bytes.ts';

/** One chart version of one of our repositories, by exact name. */
export interface ChartRef {
  readonly repository: string;
  readonly chart: string;
  readonly version: string;
}

/** What one repository offers, composed from its upstreams by its rules. Immutable. */
export interface RepositoryCatalog {
  /** Chart names in order. */
  charts(): Iterable<string>;
  /** A chart's versions, newest first; empty when it is not offered. */
  versions(chart: string): Iterable<ChartVersion>;
  find(chart: string, version: string): ChartVersion | undefined;
}

/** A finished index: built when a catalog changed, never on a request. */
export interface Rendering {
  /** In order. In one piece, unless it is very large. */
  readonly identity: readonly Buffer[];
  readonly gzip: Buffer;
  /** sha256 of the identity bytes, bare hex. */
  readonly etag: string;
}

/** What the front doors may ask: reading. */
export interface Mirror {
  /** Names of the repositories, and which of them answers at the root as well. */
  repositories(): readonly { readonly name: string; readonly root: boolean }[];
  /** Throws 'not-found' for a repository we do not have. */
  catalog(repository: string): RepositoryCatalog;
  /** Throws 'not-found' for a repository we do not have, 'unavailable' while none of its upstreams was ever listed. */
  rendering(repository: string): Rendering;
  /**
   * What is held for a version, fetched first when it is not: a promise only then. Throws or rejects with a fault; a
   * caller waits `coldWait` at most while the fetch goes on. The bytes it names can be opened at once.
   */
  resolve(ref: ChartRef): Holding | Promise<Holding>;
  /**
   * Bytes by digest, but only bytes this repository offers: a digest is no skeleton key. Verified. A promise only when
   * they are not in memory; undefined when this repository does not offer them.
   */
  open(repository: string, digest: Digest, range?: ByteRange): OpenBytes | undefined | Promise<OpenBytes | undefined>;
}

/** What came beside the archives. */
export interface Provenances {
  /** The provenance file of a version; undefined when upstream has none. Rejects with a fault like `resolve`. */
  provenance(ref: ChartRef): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer } | undefined>;
}

/** A fault as the API shows it. */
export interface FaultReport {
  readonly code: FaultCode;
  readonly message: string;
  readonly advice: string;
}

/** The counts of one upstream in the status. */
export interface UpstreamCounts {
  readonly charts: number;
  readonly versions: number;
  readonly held: number;
  readonly withdrawn: number;
  readonly rewritten: number;
  readonly contested: number;
  readonly rejectedRows: number;
  readonly bytes: number;
}

export interface UpstreamStatus {
  readonly name: string;
  readonly type: string;
  /** Without user info and query. */
  readonly url: string;
  readonly state: 'ok' | 'failing' | 'refused' | 'never';
  readonly schedule: 'timed' | 'manual' | 'retired';
  /** RFC 3339; absent until there was one. */
  readonly lastAttempt?: string | undefined;
  readonly lastSuccess?: string | undefined;
  readonly nextAttempt?: string | undefined;
  readonly counts: UpstreamCounts;
  /** Rows of the last good listing that were dropped, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly fault?: FaultReport | undefined;
  /** What is configured and should not stay so; a sentence each, absent where there is none. */
  readonly warnings?: readonly string[] | undefined;
}

/** A version that could not be fetched ahead. It is tried again. */
export interface FailedVersion {
  readonly chart: string;
  readonly version: string;
  readonly fault: FaultReport;
  readonly attempts: number;
  /** RFC 3339. */
  readonly nextAttempt: string;
}

/** A version whose first bytes we hold and go on serving, while upstream promises others. */
export interface RewrittenVersion {
  readonly chart: string;
  readonly version: string;
  readonly held: Digest;
  readonly claimed: Digest;
}

/** One upstream alone. Both lists have 200 entries at most. */
export interface UpstreamDetails extends UpstreamStatus {
  readonly failedVersions: readonly FailedVersion[];
  readonly rewrittenVersions: readonly RewrittenVersion[];
}

export interface Status {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  readonly store: { readonly kind: string; readonly state: 'ok' | 'failing'; readonly fault?: FaultReport | undefined };
  readonly upstreams: readonly UpstreamStatus[];
}

/** Whether to send clients here, and if not, what is missing. */
export interface Readiness {
  readonly ready: boolean;
  readonly waitingFor: readonly string[];
  /** Ready, but something is wrong that an operator should see. */
  readonly degraded: readonly string[];
}

/** What one sync found, in chart versions. */
export interface SyncReport {
  readonly upstream: string;
  readonly unchanged: boolean;
  readonly charts: number;
  readonly versions: number;
  readonly added: number;
  readonly withdrawn: number;
  readonly rewritten: number;
  /** Not held yet, and promised with another digest than before. */
  readonly changed: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly durationMs: number;
}

/** One chart version of one upstream, by exact name. */
export interface UpstreamVersion {
  readonly upstream: string;
  readonly chart: string;
  readonly version: string;
}

/** What the API and the commands may ask: looking behind and changing. All throw 'not-found' for an unknown upstream. */
export interface Operator {
  status(): Status;
  upstream(name: string): UpstreamDetails;
  readiness(): Readiness;
  /**
   * Answers when the new listing is served; a second caller gets the same answer. Goes ahead of any backoff.
   * `acceptShrink` lets a shrunken listing through once. Rejects with 'listing-refused' also for a retired upstream.
   */
  sync(upstream: string, options?: { readonly acceptShrink?: boolean }): Promise<SyncReport>;
  /**
   * Takes the new bytes of a rewritten version. Rejects with 'not-found' for one that nobody lists, with 'bad-request'
   * for one that is not held or not rewritten, and with the fault of fetching them.
   */
  accept(ref: UpstreamVersion): Promise<Holding>;
}

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

/** What happened at one upstream since the process started. */
export interface UpstreamActivity {
  readonly name: string;
  /** Syncs by result: `changed`, `unchanged`, or the code of the fault. */
  readonly syncs: ReadonlyMap<string, number>;
  /** Archives by result: `fetched`, `restored`, or the code of the fault. */
  readonly fills: ReadonlyMap<string, number>;
  /** Versions that wait to be fetched ahead. */
  readonly queued: number;
}

/** What happened since the process started, for the metrics. */
export interface Telemetry {
  activity(): readonly UpstreamActivity[];
  /** Whether this process does the upstream work now. */
  holdsLease(): boolean;
  /** Blobs that were found damaged or lost while serving. */
  damagedBlobs(): number;
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
  /** Blobs and tables that nothing names: the sweep of a server removes them when they are a day old. */
  readonly unnamed: number;
}

/** An inspection under way. */
export interface Inspection {
  /** What is wrong, as it is found and, when asked for, repaired. Ends with a fault when the store does not answer. */
  readonly findings: AsyncIterable<Finding>;
  /** So far. */
  counts(): InspectionCounts;
}

/** For the command line: reads every record of the store and hashes every blob. */
export interface Inspector {
  /** `repair` puts right what can be. Safe beside running servers. */
  inspect(options: { readonly repair: boolean; readonly signal: AbortSignal }): Inspection;
}
