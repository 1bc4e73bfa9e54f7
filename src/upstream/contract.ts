import type { Claim, SourceRef, Validator } from '../chart/claim.ts';
import type { Descriptor, Digest } from '../chart/digest.ts';
import type { SharedTable } from '../lib/shared-table.ts';

/** What an upstream says it has, all of it. */
export interface Listing {
  /** Claims as `claimTable` makes them: sorted, several lines for one version where upstream has several rows. */
  readonly claims: SharedTable;
  /** Hand it to the next `list`. */
  readonly validator: Validator;
  /** Rows that were dropped, counted by reason (`bad-version`, `no-urls`, ...). */
  readonly rejected: Readonly<Record<string, number>>;
  /** The first few of them in words, for the log. */
  readonly examples: readonly string[];
}

/** The same as the last time. */
export interface Unchanged {
  readonly unchanged: true;
  /** Hand it to the next `list`: it may be newer than the one that was given. */
  readonly validator: Validator;
}

/** A version that was asked for by name. */
export interface Found extends Claim {
  /**
   * For a registry: what its tag points to now, when upstream says that without being asked for more. The source that
   * `describe` gives the same manifest is equal to it up to its first space.
   */
  readonly pinned?: SourceRef | undefined;
}

/** What an upstream says is left of its rate limit, in requests that count against it. */
export interface Allowance {
  readonly remaining: number;
  readonly limit: number;
  /** What the limit is for; where upstream named the end of that instead, the time until then when it did. At most a day. */
  readonly windowMs: number;
}

/** What a listing could not say: for a registry, the verbatim manifest and config of a claim. */
export interface Description {
  /** The claim again, now with digest and metadata, its source pinned: opening that asks for no manifest again. */
  readonly claim: Claim;
  readonly manifest: Uint8Array;
  readonly config: Uint8Array;
}

/** Bytes on their way in. Neither bounded nor verified yet; `body` must be consumed or returned from early. */
export interface Incoming {
  /** What upstream announced, if anything. */
  readonly size: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** For a registry: what the manifest says of these bytes. */
  readonly digest?: Digest;
}

/** Something beside a chart in its registry, as it came: verified, but its blobs are still to be opened. */
export interface FoundArtifact {
  readonly manifest: Uint8Array;
  /** As the registry says, or the manifest itself. */
  readonly mediaType: string;
  readonly digest: Digest;
  /** Its config and layers, each once. */
  readonly blobs: readonly Descriptor[];
  /** What its `subject` names. */
  readonly subject?: Digest | undefined;
  /** The tag it hangs on, by cosign's scheme: `sha256-<hex>.sig`. */
  readonly tag?: string | undefined;
}

/** Everything that is beside one chart. */
export interface FoundArtifacts {
  /** Each manifest once. */
  readonly artifacts: readonly FoundArtifact[];
  /** What is there too and cannot be mirrored, in words for the log: nothing that changes when it is asked again. */
  readonly leftOut: readonly string[];
}

/** The bytes of a manifest that we have already; undefined when we have not. */
export type HeldManifest = (digest: Digest) => Promise<Uint8Array | undefined>;

/** What a registry has beside its charts. Faults like an `Upstream`. */
export interface Artifacts {
  /**
   * What refers to a chart's manifest: by its `subject`, and what refers to that in turn, or by a tag of cosign's scheme;
   * a hundred of them at most. What is `held` is not fetched again. Faults rather than returning part of it.
   */
  referringTo(source: SourceRef, manifest: Digest, held: HeldManifest, signal: AbortSignal): Promise<FoundArtifacts>;
  /** Opens a part of one: its manifest, which the media type tells, or a blob. Undefined when upstream does not have it. */
  open(source: SourceRef, part: Descriptor, signal: AbortSignal): Promise<Incoming | undefined>;
}

/** Which of a chart version's files. */
export type Part = 'archive' | 'provenance';

/**
 * A place charts come from. A chart repository, a registry, a bucket and a folder differ only behind this.
 * Every method throws a `Fault` that names the upstream; `signal` ends it early with the signal's reason.
 */
export interface Upstream {
  /** Absent where nothing stands beside charts but their provenance. */
  readonly artifacts?: Artifacts | undefined;
  /**
   * Everything on offer, or that `validator` still describes it. Faults rather than returning part of a listing. What it
   * says again may share the text of `known`, the catalog that the last one led to.
   */
  list(validator: Validator | undefined, signal: AbortSignal, known?: SharedTable): Promise<Listing | Unchanged>;
  /** One version by exact name, listed or not; undefined is an authoritative no. Costs a registry one `HEAD`. */
  find(chart: string, version: string, signal: AbortSignal): Promise<Found | undefined>;
  /** What a listing could not say. Only for claims without metadata; undefined when upstream no longer has it. Faults with 'not-a-chart' for what is none. */
  describe(source: SourceRef, signal: AbortSignal): Promise<Description | undefined>;
  /** Opens the bytes a claim named; undefined when upstream does not have them (any more). */
  open(source: SourceRef, part: Part, signal: AbortSignal): Promise<Incoming | undefined>;
  /** As its answers told last; undefined while they say nothing, or when that is longer ago than the window they named. */
  allowance(): Allowance | undefined;
}
