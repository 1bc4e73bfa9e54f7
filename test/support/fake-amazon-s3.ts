import { createHash } from 'node:crypto';

import type { Script } from './fault-upstream.ts';
import { isSignedWith, signedBy, type SignedRequest } from './s3-signed.ts';

/** What it answers, on loopback or by its real name. */
type CannedAnswer = Pick<Script, 'status' | 'headers' | 'body'>;

/** A bucket of Amazon S3, or of a server that is like it. What it holds and grants may change at any time. */
export interface FakeAmazonBucket {
  readonly bucket: string;
  readonly region: string;
  readonly objects: Map<string, Buffer>;
  /** Access keys it knows: the secret, and the session token that must come along. Empty: everybody may read. */
  readonly keys: Map<string, { readonly secret: string; readonly token?: string; expired?: boolean }>;
  mayList: boolean;
  pageSize: number;
  now: () => number;
}

/** One that knows nobody and holds nothing. */
export function fakeAmazonBucket(more: Partial<FakeAmazonBucket> = {}): FakeAmazonBucket {
  return {
    bucket: 'charts',
    region: 'us-east-1',
    objects: new Map(),
    keys: new Map(),
    mayList: true,
    pageSize: 1000,
    now: () => Date.now(),
    ...more,
  };
}

const maxSkewMs = 15 * 60_000;

/**
 * Answers as Amazon S3 does (its API reference, error responses): by host or by path; a `+` in a path is a space; another
 * region is redirected without a Location; a missing object is a 403 for whoever may not list.
 */
export function answerAsAmazon(bucket: FakeAmazonBucket, request: SignedRequest): CannedAnswer {
  const { name, key, region } = whatIsAsked(request);
  if (name !== bucket.bucket) return s3Error(404, 'NoSuchBucket');
  if (region !== undefined && region !== bucket.region) {
    const endpoint = `<Endpoint>${bucket.bucket}.s3.${bucket.region}.amazonaws.com</Endpoint>`;
    return s3Error(301, 'PermanentRedirect', endpoint, { 'x-amz-bucket-region': bucket.region });
  }
  const refusal = refusalOf(bucket, request);
  if (refusal) return refusal;
  if (key !== '') return objectAt(bucket, key, request.headers['if-none-match']);
  return bucket.mayList ? page(bucket, request) : s3Error(403, 'AccessDenied');
}

/** `region` only where the host says it. */
function whatIsAsked({ target, headers }: SignedRequest) {
  const [, byHost, region] = amazonHost.exec(String(headers['host'])) ?? [];
  const path = decodeURIComponent(target.slice(1).replace(/\?.*$/, '').replaceAll('+', ' '));
  const [name, key] = byHost === undefined ? splitPath(path) : [byHost, path];
  return { name, key, region };
}

const amazonHost = /^(?:(.+)\.)?s3\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/;

function objectAt({ objects, mayList }: FakeAmazonBucket, key: string, known: unknown): CannedAnswer {
  const bytes = objects.get(key);
  if (!bytes) return mayList ? s3Error(404, 'NoSuchKey') : s3Error(403, 'AccessDenied');
  const etag = etagOf(bytes);
  if (known === etag) return { status: 304, headers: { etag } };
  return { headers: { etag, 'content-type': 'application/octet-stream' }, body: bytes };
}

function splitPath(path: string): readonly [string, string] {
  const slash = path.indexOf('/');
  return slash < 0 ? [path, ''] : [path.slice(0, slash), path.slice(slash + 1)];
}

function refusalOf({ keys, now, region }: FakeAmazonBucket, request: SignedRequest): CannedAnswer | undefined {
  const signed = signedBy(request);
  if (keys.size === 0) return undefined;
  if (!signed)
    return 'authorization' in request.headers ? s3Error(400, 'InvalidArgument') : s3Error(403, 'AccessDenied');
  const known = keys.get(signed.accessKeyId);
  const problems: readonly (readonly [boolean, () => CannedAnswer])[] = [
    [
      signed.region !== region || signed.service !== 's3',
      () => s3Error(400, 'AuthorizationHeaderMalformed', `<Region>${region}</Region>`),
    ],
    [!known, () => s3Error(403, 'InvalidAccessKeyId')],
    [request.headers['x-amz-security-token'] !== known?.token, () => s3Error(400, 'InvalidToken')],
    [known?.expired === true, () => s3Error(400, 'ExpiredToken')],
    [!(Math.abs(signed.atMs - now()) <= maxSkewMs), () => s3Error(403, 'RequestTimeTooSkewed')],
    [!isSignedWith(known?.secret ?? '', request), () => s3Error(403, 'SignatureDoesNotMatch')],
  ];
  return problems.find(([isOne]) => isOne)?.[1]();
}

function page({ objects, pageSize }: FakeAmazonBucket, { target }: SignedRequest): CannedAnswer {
  const query = new URLSearchParams(target.split('?')[1]);
  if (query.get('list-type') !== '2') return s3Error(501, 'NotImplemented');
  const keys = [...objects.keys()].filter((key) => key.startsWith(query.get('prefix') ?? '')).sort();
  const start = Number(query.get('continuation-token') ?? 0);
  const some = keys.slice(start, start + pageSize).map((key) => {
    const bytes = objects.get(key) ?? Buffer.alloc(0);
    const etag = etagOf(bytes).replaceAll('"', '&quot;');
    return `<Contents><Key>${inXml(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>${etag}</ETag><Size>${bytes.length}</Size></Contents>`;
  });
  const next = start + pageSize;
  const more = next < keys.length;
  const paging = `<IsTruncated>${more}</IsTruncated>${more ? `<NextContinuationToken>${next}</NextContinuationToken>` : ''}`;
  const xmlns = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult ${xmlns}>${paging}${some.join('')}</ListBucketResult>`;
  return { headers: { 'content-type': 'application/xml' }, body };
}

/** An error as S3 writes it. */
export function s3Error(
  status: number,
  code: string,
  more = '',
  headers: Readonly<Record<string, string>> = {},
): CannedAnswer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message>${more}</Error>`;
  return { status, headers: { 'content-type': 'application/xml', ...headers }, body };
}

function inXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}
