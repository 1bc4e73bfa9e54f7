import { S3Failure } from './s3-failure.ts';

export interface S3Listed {
  readonly key: string;
  readonly size: number;
  /** Without its quotation marks. */
  readonly etag: string;
  readonly modifiedMs: number;
}

export interface S3Page {
  readonly objects: readonly S3Listed[];
  /** Where the next page begins, when there is one. */
  readonly next: string | undefined;
}

/**
 * Reads one answer to ListObjectsV2 (Amazon S3 API reference). The library's reading of it is not used: it undoes an
 * URL encoding also where the server did not encode, which turns the `+` of a version into a space, and takes keys
 * such as `1.10` for numbers. Unknown elements are passed over; entities are the five of XML and character references.
 */
export function readListPage(xml: string): S3Page {
  if (!/<ListBucketResult[\s>]/.test(xml)) throw new S3Failure('Unexpected', 'the listing of the bucket is none');
  const decode = decoderOf(xml);
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, content = '']) => ({
    key: decode(elementOf(content, 'Key') ?? ''),
    size: Number(elementOf(content, 'Size') ?? 0),
    etag: unquoted(elementOf(content, 'ETag') ?? ''),
    modifiedMs: timeOf(elementOf(content, 'LastModified')),
  }));
  const truncated = elementOf(xml, 'IsTruncated') === 'true';
  const next = truncated ? elementOf(xml, 'NextContinuationToken') : undefined;
  if (truncated && !next) throw new S3Failure('Unexpected', 'the listing of the bucket breaks off');
  return { objects, next };
}

/** Milliseconds since the epoch. What has no time must never look old. */
export function timeOf(text: string | undefined): number {
  return Date.parse(text ?? '') || Number.MAX_SAFE_INTEGER;
}

/** An upload in parts that was begun, and neither completed nor given up. */
export interface S3Upload {
  readonly key: string;
  readonly id: string;
  readonly startedMs: number;
}

export interface S3UploadsPage {
  readonly uploads: readonly S3Upload[];
  /** Where the next page begins, when there is one: the markers of its request. */
  readonly next: { readonly key: string; readonly id: string } | undefined;
}

/**
 * Reads one answer to ListMultipartUploads (Amazon S3 API reference). An upload of which it does not say which it is or
 * since when is passed over.
 */
export function readUploadsPage(xml: string): S3UploadsPage {
  if (!/<ListMultipartUploadsResult[\s>]/.test(xml))
    throw new S3Failure('Unexpected', 'the list of uploads in parts is none');
  const decode = decoderOf(xml);
  const uploads = [...xml.matchAll(/<Upload>(.*?)<\/Upload>/gs)].map(([, content = '']) => ({
    key: decode(elementOf(content, 'Key') ?? ''),
    id: elementOf(content, 'UploadId') ?? '',
    startedMs: Date.parse(elementOf(content, 'Initiated') ?? ''),
  }));
  const truncated = elementOf(xml, 'IsTruncated') === 'true';
  const key = truncated ? decode(elementOf(xml, 'NextKeyMarker') ?? '') : '';
  if (truncated && !key) throw new S3Failure('Unexpected', 'the list of uploads in parts breaks off');
  return {
    uploads: uploads.filter((upload) => upload.key && upload.id && upload.startedMs > 0),
    next: truncated ? { key, id: elementOf(xml, 'NextUploadIdMarker') ?? '' } : undefined,
  };
}

/** What an error of S3 says. */
export interface S3Error {
  /** `NoSuchKey`, `AccessDenied` and the like. */
  readonly code: string | undefined;
  /** Where the bucket is, when the error is that it is not here. */
  readonly region: string | undefined;
}

/** Reads the body of an error (Amazon S3 API reference, error responses); of anything else it reads nothing. */
export function readS3Error(xml: string): S3Error {
  const [, error = ''] = /<Error>(.*)<\/Error>/s.exec(xml) ?? [];
  return { code: elementOf(error, 'Code'), region: elementOf(error, 'Region') };
}

/** An etag as servers write it, without quotation marks. */
export function unquoted(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/, '$1');
}

function decoderOf(xml: string): (text: string) => string {
  return elementOf(xml, 'EncodingType') === 'url' ? decodeForm : (text) => text;
}

function elementOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(lt|gt|amp|quot|apos));/gi, entity);
}

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function entity(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name) return named[name.toLowerCase()] ?? whole;
  const code = decimal ? Number.parseInt(decimal, 10) : Number.parseInt(hex ?? '', 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}

function decodeForm(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '));
  } catch {
    return text;
  }
}
