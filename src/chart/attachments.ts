import type { Descriptor, Digest } from './digest.ts';
import type { Verdict } from './verdict.ts';

/** Bytes that are named and counted; what they are is known from where they stand. */
export type Measured = Pick<Descriptor, 'digest' | 'size'>;

/** What an archive that came from no registry is to the clients of one: derived once, and kept. */
export interface DerivedImage {
  /** The provenance file that is a layer of it; absent where it has none. */
  readonly provenance?: Digest | undefined;
  readonly manifest: Measured;
  readonly config: Measured;
}

/**
 * What stands beside a chart in its registry and refers to it: a signature, an attestation, a bill of materials. Verbatim,
 * and held with all of its parts.
 */
export interface Artifact {
  readonly manifest: Descriptor;
  /** Its config and layers, each once. */
  readonly blobs: readonly Descriptor[];
  /** The manifest that its own `subject` names: the chart's, or that of another artifact. Absent where it has none. */
  readonly subject?: Digest | undefined;
  /** The tag that it hangs on (`sha256-<hex>.sig`), where it was found under one. */
  readonly tag?: string | undefined;
}

/** Every blob of artifacts: manifests, configs and layers. What several share comes several times. */
export function partsOf(artifacts: readonly Artifact[]): readonly Descriptor[] {
  return artifacts.flatMap(({ manifest, blobs }) => [manifest, ...blobs]);
}

/** What came beside an archive, or was made of it, maybe later. */
export interface Attachments {
  /** The provenance file, or that upstream has none; absent while it was not asked. */
  readonly provenance?: Descriptor | 'none' | undefined;
  /** In the order in which they were found; absent while nobody asked for any. */
  readonly artifacts?: readonly Artifact[] | undefined;
  /** One for each provenance that there ever was. */
  readonly images?: readonly DerivedImage[] | undefined;
  readonly verdict?: Verdict | undefined;
}

/** Both together, of the same archive: nothing that was known before is lost, and what is new counts. */
export function joined(earlier: Attachments, later: Attachments): Attachments {
  const provenance = typeof later.provenance === 'object' ? later.provenance : (earlier.provenance ?? later.provenance);
  const artifacts = union(earlier.artifacts, later.artifacts, ({ manifest, tag }) => `${manifest.digest} ${tag}`);
  const images = union(earlier.images, later.images, (image) => `${image.manifest.digest} ${image.provenance}`);
  const present = typeof provenance === 'object' ? provenance.digest : provenance;
  const verdicts = [later.verdict, earlier.verdict];
  // one of a file that is not the present one says nothing
  const verdict = verdicts.find((one) => one?.provenance === present) ?? verdicts.find((one) => one !== undefined);
  return {
    ...(provenance !== undefined && { provenance }),
    ...(artifacts && { artifacts }),
    ...(images && { images }),
    ...(verdict && { verdict }),
  };
}

function union<T>(
  earlier: readonly T[] | undefined,
  later: readonly T[] | undefined,
  nameOf: (one: T) => string,
): readonly T[] | undefined {
  if (!earlier || !later) return earlier ?? later;
  const known = new Set(earlier.map(nameOf));
  return [...earlier, ...later.filter((one) => !known.has(nameOf(one)))];
}
