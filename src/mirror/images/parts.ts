import type { DerivedImage, Measured } from '../../chart/attachments.ts';
import type { Descriptor, Digest } from '../../chart/digest.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import { mediaTypes } from '../../formats/oci-manifest.ts';
import type { ChartRef } from '../contract/doors.ts';
import type { HeldPart } from '../fetching/held-bytes.ts';
import type { Held } from '../reading/reader.ts';

/** Which of a registry's addresses something is asked for at. */
export type Role = 'manifest' | 'blob';

/** A text of a derived image. */
export interface DerivedPart {
  readonly what: 'derived';
  readonly text: 'manifest' | 'config';
  readonly image: DerivedImage;
  readonly descriptor: Descriptor;
}

/** What a digest names of a held version. */
export type ImagePart = HeldPart | DerivedPart;

/** A part of a version that may leave. */
export interface Found extends Held {
  readonly ref: ChartRef;
  readonly part: ImagePart;
}

/** What a digest names of a held version in that role; undefined for what it does not have. */
export function partOf(kept: KeptVersion, role: Role, digest: Digest): ImagePart | undefined {
  return role === 'manifest' ? manifestOf(kept, digest) : blobOf(kept, digest);
}

function manifestOf(kept: KeptVersion, digest: Digest): ImagePart | undefined {
  const { manifest, artifacts = [], images = [] } = kept;
  if (manifest?.digest === digest) return { what: 'manifest', descriptor: manifest };
  const image = images.find((one) => one.manifest.digest === digest);
  if (image) return derivedPart(image, 'manifest');
  const artifact = artifacts.find((one) => one.manifest.digest === digest);
  return artifact && { what: 'artifact', descriptor: artifact.manifest };
}

function blobOf(kept: KeptVersion, digest: Digest): ImagePart | undefined {
  const { archive, provenance, config, images = [], artifacts = [] } = kept;
  if (archive.digest === digest) return { what: 'archive', descriptor: archive };
  if (config?.digest === digest) return { what: 'config', descriptor: config };
  if (typeof provenance === 'object' && provenance.digest === digest) {
    return { what: 'provenance', descriptor: provenance };
  }
  const image = images.find((one) => one.config.digest === digest);
  if (image) return derivedPart(image, 'config');
  const blob = artifacts.flatMap(({ blobs }) => blobs).find((one) => one.digest === digest);
  return blob && { what: 'artifact', descriptor: blob };
}

const derivedTypes = { manifest: mediaTypes.manifest, config: mediaTypes.chartConfig } as const;

/** A text of a derived image, as a part of its version. */
export function derivedPart(image: DerivedImage, text: DerivedPart['text']): DerivedPart {
  return { what: 'derived', text, image, descriptor: described(image[text], derivedTypes[text]) };
}

function described({ digest, size }: Measured, mediaType: string): Descriptor {
  return { mediaType, digest, size };
}
