import { Fault } from '../../chart/fault.ts';

/** A bucket as its url names it. */
export interface BucketAddress {
  readonly scheme: 's3' | 'gs';
  readonly bucket: string;
  /** Not encoded. Empty, or with `/` at its end and none at its start. */
  readonly prefix: string;
}

/** Where a bucket is asked. */
export interface BucketPlace {
  /** Its objects are below this, their keys encoded; the path ends in `/`. */
  readonly home: URL;
  /** Lists them, a page at a time. */
  readonly pages: URL;
}

/** Reads `s3://bucket[/prefix]` or `gs://bucket[/prefix]`. Faults with 'not-a-repository'. */
export function bucketAddress(upstream: string, url: string): BucketAddress {
  const [, scheme, bucket, path = ''] = /^(s3|gs):\/\/([A-Za-z0-9][A-Za-z0-9._-]*)(?:\/(.*))?$/.exec(url) ?? [];
  const prefix = path.replace(/^\/+|\/+$/g, '');
  if ((scheme === 's3' || scheme === 'gs') && bucket !== undefined && isSpeakable(prefix)) {
    return { scheme, bucket, prefix: prefix === '' ? '' : `${prefix}/` };
  }
  const message = `${upstream}: its url is not the address of a bucket.`;
  throw new Fault('not-a-repository', message, 'Write s3://bucket/prefix or gs://bucket/prefix.');
}

/**
 * Where Amazon or Google, or a server of another's at `endpoint`, has the bucket. By name of host with Amazon, unless its
 * name has dots, which no certificate covers; by path everywhere else.
 */
export function placeOf({ scheme, bucket }: BucketAddress, region: string, endpoint: string | undefined): BucketPlace {
  if (scheme === 'gs') {
    const server = endpoint ?? 'https://storage.googleapis.com';
    return { home: new URL(`/${bucket}/`, server), pages: new URL(`/storage/v1/b/${bucket}/o`, server) };
  }
  const home = endpoint === undefined ? amazonHome(bucket, region) : new URL(`/${bucket}/`, endpoint);
  return { home, pages: home };
}

function amazonHome(bucket: string, region: string): URL {
  const server = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  const isLabel = /^[a-z0-9-]+$/.test(bucket);
  return isLabel ? new URL(`https://${bucket}.${server}/`) : new URL(`https://${server}/${bucket}/`);
}

/** Whether a url is one of the bucket's own: the only ones that are told who we are. */
export function isInBucket({ home, pages }: BucketPlace, { origin, pathname }: URL): boolean {
  return origin === home.origin && (pathname.startsWith(home.pathname) || pathname === pages.pathname);
}

/** Whether every part of a key survives as the path of a url. The key may be empty. */
export function isSpeakable(key: string): boolean {
  if (!key.isWellFormed() || key.includes('\ufffd')) return false;
  return key === '' || key.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

/** A key as the path of a url, encoded once and as signatures want it: a `+` is `%2B`, since S3 takes `+` for a space. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeName).join('/');
}

/** A path, however it is encoded, as `encodeKey` would have made it; undefined when it would lead elsewhere. */
export function encodedAnew(pathname: string): string | undefined {
  const key = pathname.split('/').map(decodeName).join('/');
  return key.split('/').some((name) => name === '.' || name === '..') ? undefined : encodeKey(key);
}

function encodeName(name: string): string {
  const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(name).replaceAll(/[!'()*]/g, hex);
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
