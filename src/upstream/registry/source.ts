import type { SourceRef } from '../../chart/claim.ts';
import { isDigest, type Descriptor, type Digest } from '../../chart/digest.ts';
import { isRepository, isTag } from '../../formats/oci-manifest.ts';

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
  /** `<repository>:<tag>`, `<repository>:<tag>@<digest>` or `<repository>@<digest>`. */
  readonly name: string;
  readonly repository: string;
  /** The digest, or the tag where none is known. */
  readonly reference: string;
  /** Promises the version, where it is known. */
  readonly tag?: string | undefined;
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

/** A tag as a listing has it: `<repository>:<tag>`, with `@<digest>` where the listing says what it points to. */
export function listedSource(repository: string, tag: string, digest?: Digest): SourceRef {
  return `${repository}:${tag}${digest === undefined ? '' : `@${digest}`}`;
}

/** Reads what `listedSource` and `pinnedSource` make; undefined for anything else. */
export function readSource(source: SourceRef): RegistrySource | undefined {
  const [, name = '', words] = /^(\S+)(?: (.*))?$/.exec(source) ?? [];
  const place = readName(name);
  if (words === undefined) return place;
  const files = readFiles(words);
  // a tag may move away from its files
  return place && files && place.tag === undefined ? { ...place, files } : undefined;
}

const nameGrammar = /^([^:@]+)(?=[:@])(?::([^:@]+))?(?:@(.+))?$/;

function readName(name: string): RegistrySource | undefined {
  const [, repository, tag, digest] = nameGrammar.exec(name) ?? [];
  const reference = digest ?? tag;
  if (repository === undefined || reference === undefined || !isRepository(repository)) return undefined;
  if (digest !== undefined && !isDigest(digest)) return undefined;
  if (tag === undefined) return { name, repository, reference };
  return isTag(tag) ? { name, repository, reference, tag } : undefined;
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
