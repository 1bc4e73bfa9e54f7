import type { Descriptor, Digest } from '../../chart/digest.ts';
import type { ByteRange, OpenBytes } from '../../lib/bytes.ts';

/** A chart of one of our repositories, which is a repository of the registry that we are. */
export interface ImageName {
  readonly repository: string;
  readonly chart: string;
}

/** A manifest, verified. */
export interface OpenManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** A blob that is there and may leave. */
export interface FoundBlob {
  readonly descriptor: Descriptor;
  /** Its bytes, or the part of them that `range` names, which lies within. A promise only when they are not in memory. */
  open(range?: ByteRange): OpenBytes | Promise<OpenBytes>;
}

/** One entry of a list of referrers (OCI distribution specification, listing referrers). */
export interface Referrer extends Descriptor {
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * What the registry's door may ask. A digest opens nothing but what this chart has in this repository, wherever else it is
 * known. All throw or reject with a fault: 'not-found' for what nobody has or a filter hides, 'denied', 'provenance-invalid'.
 */
export interface Images {
  /** The manifest of a version by its tag, or of what hangs on one by a tag of cosign's scheme. A promise only when it must be fetched or derived. */
  tagged(name: ImageName, tag: string): OpenManifest | Promise<OpenManifest>;
  /** A manifest by its digest: of a version, or of an artifact beside one. */
  manifest(name: ImageName, digest: Digest): OpenManifest | Promise<OpenManifest>;
  /** An archive, a provenance file, a config, or a blob of an artifact. */
  blob(name: ImageName, digest: Digest): FoundBlob | Promise<FoundBlob>;
  /** What refers to a digest by its `subject`; empty when nothing does, or there is no such manifest. */
  referrers(name: ImageName, digest: Digest): Promise<readonly Referrer[]>;
}

/** What the registry's lists say: what lists of charts say, as far as a registry can express it. The same array as long as it says the same. */
export interface ImageLists {
  /** Charts of a repository with at least one version in lists, in order. Throws as `Mirror.rendering`. */
  charts(repository: string): readonly string[];
  /**
   * The tags of a chart in lexical order; a promise only while they are being gathered. Throws 'not-found' where lists show
   * nothing of that chart, 'unavailable' while an upstream that may have it was never listed, and as `Mirror.rendering`.
   */
  tags(name: ImageName): readonly string[] | Promise<readonly string[]>;
}
