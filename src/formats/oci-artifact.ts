import type { Descriptor, Digest } from '../chart/digest.ts';
import { mediaTypes, readConfig, readDescriptor } from './oci-manifest.ts';

/** The manifest of something that stands beside a chart in its registry (OCI image specification, manifest). */
export interface ArtifactManifest {
  readonly mediaType: string;
  /** Its config and layers, each once. */
  readonly blobs: readonly Descriptor[];
  /** The manifest that it refers to. */
  readonly subject?: Digest | undefined;
  /** What it is: its own word, else the media type of its config (guidelines for artifact usage). */
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** What cannot be mirrored, and why: words for a message, free of upstream's own text. */
export interface NoArtifact {
  readonly why: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Each is a request. */
const maxLayers = 100;
const manifestTypes: ReadonlySet<string> = new Set([
  mediaTypes.manifest,
  mediaTypes.index,
  mediaTypes.dockerManifest,
  mediaTypes.dockerList,
]);
/** Layers that registries need not have. */
const elsewhere = /nondistributable|\.foreign\./;

/** Whether something of this media type is asked for as a manifest, not as a blob. */
export function isManifestType(mediaType: string): boolean {
  return manifestTypes.has(mediaType);
}

/** What a manifest is: what it says itself, when that is one of the four types there are, else an OCI manifest. */
export function manifestTypeOf(bytes: Uint8Array): string {
  const { mediaType } = readConfig(bytes) ?? {};
  return typeof mediaType === 'string' && isManifestType(mediaType) ? mediaType : mediaTypes.manifest;
}

/** Reads the manifest of an artifact. Only what can be verified and had from its registry can be mirrored. Never throws. */
export function readArtifact(bytes: Uint8Array): ArtifactManifest | NoArtifact {
  const fields = readConfig(bytes);
  if (!fields) return { why: 'its manifest is no JSON object' };
  const { layers, config, subject } = fields;
  if (!Array.isArray(layers) || layers.length > maxLayers)
    return { why: 'it has no layers, or more than any artifact' };
  const blobs = readBlobs([config, ...(layers as readonly unknown[])]);
  if (!blobs) return { why: 'a part of it has no sha256 digest and size, or is elsewhere' };
  const refersTo = readDescriptor(subject, Number.MAX_SAFE_INTEGER)?.digest;
  if (subject !== undefined && !refersTo) return { why: 'what it refers to has no sha256 digest and size' };
  const artifactType = wordOf(fields['artifactType']) ?? blobs[0]?.mediaType;
  return {
    mediaType: manifestTypeOf(bytes),
    blobs,
    subject: refersTo,
    artifactType,
    annotations: annotationsIn(fields),
  };
}

/** Undefined when one of them cannot be had or verified. */
function readBlobs(values: readonly unknown[]): readonly Descriptor[] | undefined {
  const blobs = new Map<Digest, Descriptor>();
  for (const value of values) {
    const blob = readDescriptor(value, Number.MAX_SAFE_INTEGER);
    const { urls } = (value ?? {}) as { readonly urls?: unknown };
    if (!blob || elsewhere.test(blob.mediaType) || (Array.isArray(urls) && urls.length > 0)) return undefined;
    if (!blobs.has(blob.digest)) blobs.set(blob.digest, blob);
  }
  return [...blobs.values()];
}

function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function annotationsIn({ annotations }: Fields): Readonly<Record<string, string>> | undefined {
  if (typeof annotations !== 'object' || annotations === null || Array.isArray(annotations)) return undefined;
  const words = Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return words.length > 0 ? Object.fromEntries(words) : undefined;
}
