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
  readonly identity: Buffer;
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
  readonly schedule: 'timed' | 'manual';
  /** RFC 3339; absent until there was one. */
  readonly lastAttempt?: string | undefined;
  readonly lastSuccess?: string | undefined;
  readonly nextAttempt?: string | undefined;
  readonly counts: UpstreamCounts;
  /** Rows of the last good listing that were dropped, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly fault?: FaultReport | undefined;
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

/** What one sync found. */
export interface SyncReport {
  readonly upstream: string;
  readonly unchanged: boolean;
  readonly charts: number;
  readonly versions: number;
  readonly added: number;
  readonly withdrawn: number;
  readonly rewritten: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly durationMs: number;
}

/** What the API and the commands may ask: looking behind and changing. */
export interface Operator {
  status(): Status;
  readiness(): Readiness;
  /** Answers when the new listing is served; a second caller gets the same answer. Throws 'not-found' for an unknown upstream. */
  sync(upstream: string): Promise<SyncReport>;
  /** Resolves when every archive the policies want was tried. For the command line. */
  settled(): Promise<{ readonly filled: number; readonly failed: number }>;
}
