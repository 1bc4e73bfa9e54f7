import type { Digest } from '../../chart/digest.ts';
import type { FaultCode } from '../../chart/fault.ts';
import type { Holding } from '../../chart/holding.ts';
import type { ProvenanceCounts } from '../../chart/survey.ts';
import type { Judgement, ProvenanceState, VerifyMode } from '../../chart/verdict.ts';

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

/** How the provenance of what is held is checked, and what it turned out to be: in versions. */
export interface ProvenanceStatus extends ProvenanceCounts {
  readonly mode: VerifyMode;
}

/** What is known of the provenance of one version. */
export interface ProvenanceReport extends Pick<Judgement, 'signer' | 'key' | 'reason'> {
  /** `unjudged` until there is a verdict by the keys that count now, `unchecked` where the upstream has no `verify`. */
  readonly result: ProvenanceState | 'unchecked';
  /** Absent where it is unchecked. */
  readonly mode?: VerifyMode | undefined;
  /** Whether there is a provenance file; absent while upstream was not asked. */
  readonly available?: boolean | undefined;
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
  /** Absent where provenance is not checked. */
  readonly provenance?: ProvenanceStatus | undefined;
  /** Rows of the last good listing that were dropped, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly fault?: FaultReport | undefined;
  /** What is configured and should not stay so; a sentence each, absent where there is none. */
  readonly warnings?: readonly string[] | undefined;
}

/** A version that could not be fetched ahead, or is new and lacks a provenance file that is wanted. It is tried again. */
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

/** A held version whose provenance is not valid: under `require` it is refused. */
export interface UnverifiedVersion {
  readonly chart: string;
  readonly version: string;
  readonly result: 'missing' | 'invalid';
  /** In words that follow "because". */
  readonly reason: string;
}

/** What an upstream lists and may not provide in a repository: a name, or under `merge` one version of it. */
export interface ContestedName {
  readonly repository: string;
  readonly chart: string;
  readonly version?: string | undefined;
  /** The upstream that provides it, or for which it is reserved. */
  readonly owner: string;
}

/** One upstream alone. The lists have 200 entries at most; a name that is contested in several repositories has one for each. */
export interface UpstreamDetails extends UpstreamStatus {
  readonly failedVersions: readonly FailedVersion[];
  readonly rewrittenVersions: readonly RewrittenVersion[];
  readonly contestedNames: readonly ContestedName[];
  /** Those that are invalid before those where it is missing. Absent where provenance is not checked. */
  readonly unverifiedVersions?: readonly UnverifiedVersion[] | undefined;
}

/** Which configuration is served from, and what became of the last attempt to load another. */
export interface ConfigurationStatus {
  readonly file: string;
  /** When what is served from was loaded: RFC 3339. */
  readonly loadedAt: string;
  /** `refused`: the file is another one by now, and bad, or cannot be made ready yet; what was loaded before goes on. */
  readonly state: 'ok' | 'refused';
  /** Why it was refused; a line each, with line and column where there are such. */
  readonly problems?: readonly string[] | undefined;
  /** Options that were changed and take effect with the next start, such as `server.listen`. */
  readonly needsRestart?: readonly string[] | undefined;
}

export interface Status {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  readonly configuration: ConfigurationStatus;
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
