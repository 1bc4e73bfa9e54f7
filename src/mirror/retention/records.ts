import { partsOf, type Artifact, type Attachments } from '../../chart/attachments.ts';
import { isDigest, type Descriptor } from '../../chart/digest.ts';
import type { Holding } from '../../chart/holding.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Reads the record of a holding. Throws a plain error for anything that is not one. */
export function parseHolding(value: unknown): Holding {
  const { chart, version, heldAt, archive, manifest, config } = fieldsOf(value);
  const isWhole = [chart, version, heldAt].every((one) => typeof one === 'string') && isDescriptor(archive);
  const documents = [manifest, config].filter((one) => one !== undefined);
  if (isWhole && documents.every(isDescriptor)) return value as Holding;
  throw new Error('it is no holding');
}

/** What the record of what came beside an archive says; everything else about it is found out again. */
export type Recorded = Pick<Attachments, 'provenance' | 'artifacts'>;

/** Reads the record of what came beside an archive. Throws a plain error for anything that is not one. */
export function parseAttachments(value: unknown): Recorded {
  const { provenance, artifacts } = fieldsOf(value);
  const isProvenance = provenance === undefined || provenance === 'none' || isDescriptor(provenance);
  const areArtifacts = artifacts === undefined || (Array.isArray(artifacts) && artifacts.every(isArtifact));
  if (isProvenance && areArtifacts) return value as Recorded;
  throw new Error('these are no attachments');
}

/** The record that a row of a snapshot was made of; undefined when it names nothing, and so may be none. */
export function recordedBeside({ provenance, artifacts = [] }: Attachments): Recorded | undefined {
  if (artifacts.length > 0) return { ...(provenance !== undefined && { provenance }), artifacts };
  return provenance === undefined || provenance === 'none' ? undefined : { provenance };
}

/** Every blob that is named by what came beside an archive. */
export function blobsBeside({ provenance, artifacts = [] }: Attachments): readonly Descriptor[] {
  const parts = partsOf(artifacts);
  return provenance === undefined || provenance === 'none' ? parts : [provenance, ...parts];
}

function isArtifact(value: unknown): value is Artifact {
  const { manifest, blobs, subject, tag } = typeof value === 'object' ? ((value ?? {}) as Fields) : {};
  const areWords = [subject, tag].every((one) => one === undefined || typeof one === 'string');
  return areWords && isDescriptor(manifest) && Array.isArray(blobs) && blobs.every(isDescriptor);
}

function isDescriptor(value: unknown): value is Descriptor {
  const { mediaType, digest, size } = typeof value === 'object' ? ((value ?? {}) as Fields) : {};
  return typeof mediaType === 'string' && typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size);
}

function fieldsOf(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Error('it is no object');
}
