import { isDigest, type Descriptor } from '../../chart/digest.ts';
import type { Attachments, Holding } from '../../chart/holding.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Reads the record of a holding. Throws a plain error for anything that is not one. */
export function parseHolding(value: unknown): Holding {
  const { chart, version, heldAt, archive, manifest, config } = fieldsOf(value);
  const isWhole = [chart, version, heldAt].every((one) => typeof one === 'string') && isDescriptor(archive);
  const documents = [manifest, config].filter((one) => one !== undefined);
  if (isWhole && documents.every(isDescriptor)) return value as Holding;
  throw new Error('it is no holding');
}

/** Reads the record of what came beside an archive. Throws a plain error for anything that is not one. */
export function parseAttachments(value: unknown): Attachments {
  const { provenance } = fieldsOf(value);
  if (provenance === undefined || provenance === 'none' || isDescriptor(provenance)) return value as Attachments;
  throw new Error('these are no attachments');
}

function isDescriptor(value: unknown): value is Descriptor {
  const { mediaType, digest, size } = typeof value === 'object' ? ((value ?? {}) as Fields) : {};
  return typeof mediaType === 'string' && typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size);
}

function fieldsOf(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Error('it is no object');
}
