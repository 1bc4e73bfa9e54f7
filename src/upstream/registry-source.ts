import type { SourceRef } from '../chart/catalog.ts';
import { isDigest, type Descriptor, type Digest } from '../chart/digest.ts';
import { isRepository, isTag } from '../formats/oci-manifest.ts';

/** What must be known of a blob to open it. */
export type FileRef = Pick<Descriptor, 'digest' | 'size'>;

/** Where the files of a chart are in its repository. */
export interface ChartFiles {
  readonly archive: FileRef;
  /** Absent where the chart has none. */
  readonly provenance?: FileRef | undefined;
}

/** A chart in a registry, read from a source. */
export interface RegistrySource {
  /** `<repository>:<tag>` or `<repository>@<digest>`. */
  readonly name: string;
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
  /** Present where a manifest need not be asked. */
  readonly files?: ChartFiles | undefined;
}

/**
 * A chart that stays the same: `<repository>@<digest>`, where the digest is what a tag points to. With its files
 * ` archive=<digest>,<size>` follows, and ` provenance=<digest>,<size>` where there is one.
 */
export function pinnedSource(repository: string, digestOfTag: Digest, files?: ChartFiles): SourceRef {
  const word = (part: keyof ChartFiles): string => {
    const known = files?.[part];
    return known ? ` ${part}=${known.digest},${known.size}` : '';
  };
  return `${repository}@${digestOfTag}${word('archive')}${word('provenance')}`;
}

/** Reads `<repository>:<tag>` and what `pinnedSource` makes; undefined for anything else. */
export function readSource(source: SourceRef): RegistrySource | undefined {
  const [, name = '', words] = /^(\S+)(?: (.*))?$/.exec(source) ?? [];
  const place = readName(name);
  if (words === undefined) return place;
  const files = readFiles(words);
  // a tag may move away from its files
  return place && files && isDigest(place.reference) ? { ...place, files } : undefined;
}

function readName(name: string): RegistrySource | undefined {
  const [, repository = '', mark, reference = ''] = /^([^:@]+)([:@])(.+)$/.exec(name) ?? [];
  const fits = mark === ':' ? isTag(reference) : isDigest(reference);
  return fits && isRepository(repository) ? { name, repository, reference } : undefined;
}

const file = '(sha256:[0-9a-f]{64}),(0|[1-9]\\d{0,15})';
const filesGrammar = new RegExp(`^archive=${file}(?: provenance=${file})?$`);

function readFiles(words: string): ChartFiles | undefined {
  const [, archive, archiveSize, provenance, provenanceSize] = filesGrammar.exec(words) ?? [];
  const first = fileOf(archive, archiveSize);
  return first && { archive: first, provenance: fileOf(provenance, provenanceSize) };
}

function fileOf(digest: string | undefined, size: string | undefined): FileRef | undefined {
  return digest !== undefined && isDigest(digest) ? { digest, size: Number(size) } : undefined;
}
