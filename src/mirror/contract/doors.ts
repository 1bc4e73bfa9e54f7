import type { Descriptor, Digest } from '../../chart/digest.ts';
import type { Holding } from '../../chart/holding.ts';
import type { Decision, Listed } from '../../chart/select.ts';
import type { ByteRange, OpenBytes } from '../../lib/bytes.ts';

/** One chart version of one of our repositories, by exact name. */
export interface ChartRef {
  readonly repository: string;
  readonly chart: string;
  readonly version: string;
}

/** What one repository offers, composed from its upstreams by its rules. Immutable. */
export interface RepositoryCatalog {
  /** Chart names in order. Those that have no versions now may be among them. */
  charts(): Iterable<string>;
  /** A chart's versions as lists show them, newest first; empty when it is not offered. */
  listed(chart: string): Iterable<Listed>;
  /** What becomes of a version by its exact text, and by which rule. */
  decide(chart: string, version: string): Decision;
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
  /** Names of the repositories in the order of the configuration, and which of them answers at the root as well. */
  repositories(): readonly { readonly name: string; readonly root: boolean }[];
  /** Throws 'not-found' for a repository we do not have. */
  catalog(repository: string): RepositoryCatalog;
  /** Throws 'not-found' for a repository we do not have, 'unavailable' while none of its upstreams was ever listed. */
  rendering(repository: string): Rendering;
  /**
   * What is held for a version, fetched first when it is not: a promise only then. Throws or rejects with a fault; a
   * caller waits `coldWait` at most while the fetch goes on. The bytes it names can be opened at once. What a rule denies
   * is 'denied', what a filter hides 'not-found', warm or cold.
   */
  resolve(ref: ChartRef): Holding | Promise<Holding>;
  /**
   * Bytes by digest, but only bytes this repository offers: a digest is no skeleton key. Verified. A promise only when
   * they are not in memory; undefined when this repository does not offer them. Throws 'denied' for what a rule denies.
   */
  open(repository: string, digest: Digest, range?: ByteRange): OpenBytes | undefined | Promise<OpenBytes | undefined>;
}

/** What came beside the archives. */
export interface Provenances {
  /** The provenance file of a version; undefined when upstream has none. Rejects with a fault like `resolve`. */
  provenance(ref: ChartRef): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer } | undefined>;
}
