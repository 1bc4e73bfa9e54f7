import { digestOf, type Digest } from '../../src/chart/digest.ts';

/** Something that stands beside a chart in a registry. */
export interface TestArtifact {
  readonly manifest: Buffer;
  readonly digest: Digest;
  /** Its config and its layers. */
  readonly blobs: readonly Buffer[];
}

export interface ArtifactToMake {
  /** The manifest that it refers to. */
  readonly subject?: { readonly digest: Digest; readonly size?: number } | undefined;
  /** What it says, so that no two are the same. */
  readonly word?: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Fields of the manifest besides, or instead. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';

/** Makes one as cosign and notation do: an empty config and a layer. */
export function artifactOf({
  subject,
  word = 'signed',
  artifactType,
  annotations,
  fields,
}: ArtifactToMake = {}): TestArtifact {
  const blobs = [Buffer.from('{}'), Buffer.from(word)] as const;
  const [config, layer] = blobs.map((bytes, at) => ({
    mediaType: at === 0 ? 'application/vnd.oci.empty.v1+json' : 'application/vnd.dev.cosign.simplesigning.v1+json',
    digest: digestOf(bytes),
    size: bytes.length,
  }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociManifest,
      ...(artifactType && { artifactType }),
      config,
      layers: [layer],
      ...(subject && { subject: { mediaType: ociManifest, size: 2, ...subject } }),
      ...(annotations && { annotations }),
      ...fields,
    }),
  );
  return { manifest, digest: digestOf(manifest), blobs };
}

/** The tag that cosign hangs something of a manifest on. */
export function cosignTag(manifest: Digest, kind: 'sig' | 'att' | 'sbom' = 'sig'): string {
  return `${manifest.replace(':', '-')}.${kind}`;
}

/** An index of manifests, as a list of referrers and the fallback tag are. */
export function referrersIndex(digests: readonly string[], manifests: ReadonlyMap<string, Buffer>): Buffer {
  const entries = digests.map((digest) => ({
    mediaType: ociManifest,
    digest,
    size: manifests.get(digest)?.length ?? 0,
  }));
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: entries }),
  );
}
