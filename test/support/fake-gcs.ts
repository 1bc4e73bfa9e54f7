import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

import type { Script } from './fault-upstream.ts';

/** What it answers, on loopback or by its real name. */
type CannedAnswer = Pick<Script, 'status' | 'headers' | 'body'>;

/** A bucket of Google's. What it holds and grants may change at any time. */
export interface FakeGoogleBucket {
  readonly bucket: string;
  readonly objects: Map<string, { readonly bytes: Buffer; readonly gzip?: boolean }>;
  /** Access tokens that are good now. Empty: everybody may read. */
  readonly tokens: Set<string>;
  mayList: boolean;
  pageSize: number;
}

/** One that anybody may read, and that holds nothing. */
export function fakeGoogleBucket(more: Partial<FakeGoogleBucket> = {}): FakeGoogleBucket {
  return { bucket: 'charts', objects: new Map(), tokens: new Set(), mayList: true, pageSize: 1000, ...more };
}

interface GoogleRequest {
  /** Path and query as they arrived. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Answers as Cloud Storage does: objects by its XML API, which unpacks what is stored as gzip for whoever does not ask
 * for gzip (Google's page on transcoding); listings by its JSON API.
 */
export function answerAsGoogle(bucket: FakeGoogleBucket, { target, headers }: GoogleRequest): CannedAnswer {
  const [path = '', query] = target.split('?');
  const [, listed] = /^\/storage\/v1\/b\/([^/]+)\/o$/.exec(path) ?? [];
  if (listed !== undefined) return answerWithPage(bucket, listed, new URLSearchParams(query), headers);
  const [, name, key = ''] = /^\/([^/]+)\/(.*)$/.exec(path) ?? [];
  if (name !== bucket.bucket) return xmlError(404, 'NoSuchBucket');
  if (isAdmitted(bucket, headers)) return objectOf(bucket, decodeURIComponent(key), headers);
  return 'authorization' in headers ? xmlError(401, 'AuthenticationRequired') : xmlError(403, 'AccessDenied');
}

function answerWithPage(
  bucket: FakeGoogleBucket,
  name: string,
  query: URLSearchParams,
  headers: GoogleRequest['headers'],
): CannedAnswer {
  if (name !== bucket.bucket) return jsonError(404);
  if (!isAdmitted(bucket, headers)) return jsonError(401);
  return bucket.mayList ? page(bucket, query) : jsonError(403);
}

function isAdmitted({ tokens }: FakeGoogleBucket, headers: GoogleRequest['headers']): boolean {
  const [, token = ''] = /^Bearer (.+)$/.exec(String(headers['authorization'])) ?? [];
  return tokens.size === 0 || tokens.has(token);
}

function objectOf(
  { objects, mayList }: FakeGoogleBucket,
  key: string,
  headers: GoogleRequest['headers'],
): CannedAnswer {
  const object = objects.get(key);
  if (!object) return mayList ? xmlError(404, 'NoSuchKey') : xmlError(403, 'AccessDenied');
  const { bytes, gzip = false } = object;
  const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
  if (headers['if-none-match'] === etag) return { status: 304, headers: { etag } };
  if (!gzip) return { headers: { etag, 'x-goog-stored-content-encoding': 'identity' }, body: bytes };
  if (String(headers['accept-encoding'] ?? '').includes('gzip')) {
    return { headers: { etag, 'content-encoding': 'gzip' }, body: bytes };
  }
  return { headers: { warning: '214 UploadServer gunzipped' }, body: gunzipSync(bytes) };
}

function page({ objects, pageSize }: FakeGoogleBucket, query: URLSearchParams): CannedAnswer {
  const keys = [...objects.keys()].filter((key) => key.startsWith(query.get('prefix') ?? '')).sort();
  const start = Number(query.get('pageToken') ?? 0);
  const items = keys.slice(start, start + pageSize).map((name) => {
    const { bytes } = objects.get(name) ?? { bytes: Buffer.alloc(0) };
    const generation = BigInt(`0x${createHash('md5').update(bytes).digest('hex').slice(0, 12)}`).toString();
    return { name, size: String(bytes.length), generation };
  });
  const next = start + pageSize;
  const body = { ...(items.length > 0 && { items }), ...(next < keys.length && { nextPageToken: String(next) }) };
  return { headers: { 'content-type': 'application/json; charset=UTF-8' }, body: JSON.stringify(body) };
}

function xmlError(status: number, code: string): CannedAnswer {
  const body = `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${code}</Code><Message>no</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml; charset=UTF-8' }, body };
}

function jsonError(code: number): CannedAnswer {
  const challenge = code === 401 && { 'www-authenticate': 'Bearer realm="https://accounts.google.com/"' };
  const body = JSON.stringify({ error: { code, message: 'no', errors: [{ reason: 'required' }] } });
  return { status: code, headers: { 'content-type': 'application/json; charset=UTF-8', ...challenge }, body };
}
