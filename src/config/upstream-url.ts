import { isIP } from 'node:net';
import { fileURLToPath } from 'node:url';

import { isOnlyRegistry } from './known-hosts.ts';
import { describeValue, shorten, withoutUrlSecrets } from './problem.ts';

/** The sorts of upstream. */
export const upstreamTypes = ['chart-repository', 'registry', 'bucket', 'folder'] as const;

export type UpstreamType = (typeof upstreamTypes)[number];

/** What the url of an upstream means. */
export interface Place {
  readonly type: UpstreamType;
  /** `https://...` as written, `oci://host/path`, `s3://bucket/prefix` or `gs://...`; the path as written for a folder. */
  readonly url: string;
  /** Something that is allowed but was probably not meant. */
  readonly doubt?: string;
}

/** Why a url, or the type that was written with it, cannot be taken; and which of the two is to be changed. */
export interface Refusal {
  readonly option: 'url' | 'type';
  readonly message: string;
}

/** The forms of a url, in words that follow "expected". */
export const allowedUrls =
  'https://host/path, oci://host/path, host/path, s3://bucket/prefix, gs://bucket/prefix or ./folder';

/** Tells the type of an upstream from its url, and whether a written type fits it. */
export function readPlace(url: string, type: UpstreamType | undefined): Place | Refusal {
  const refusal = refuseAnyUrl(url);
  if (refusal !== undefined) return { option: 'url', message: refusal };
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1]?.toLowerCase();
  return scheme === undefined ? readBare(url, type) : readWithScheme(scheme, url, type);
}

function readWithScheme(scheme: string, url: string, type: UpstreamType | undefined): Place | Refusal {
  const rest = url.slice(`${scheme}://`.length);
  switch (scheme) {
    case 'http':
    case 'https':
      return readHttp(url, type);
    case 'oci':
      return fitting(type, 'registry', readRegistry(rest));
    case 's3':
    case 'gs':
      return fitting(type, 'bucket', readBucket(scheme, rest));
    case 'file':
      return fitting(type, 'folder', readFileUrl(url));
    default:
      return { option: 'url', message: `the scheme "${shorten(scheme)}" is unknown; expected ${allowedUrls}` };
  }
}

function refuseAnyUrl(url: string): string | undefined {
  if (/[\s\u0000-\u001f\u007f]/.test(url)) return 'it holds spaces or control characters';
  if (url.length > 2048) return 'it is longer than 2048 characters';
  return /^(?:[A-Za-z][A-Za-z0-9+.-]*:\/\/)?[^/?#]*@/.test(url)
    ? 'it holds a user name or password; write them in auth, as username and password'
    : undefined;
}

function fitting(written: UpstreamType | undefined, told: UpstreamType, place: Place | Refusal): Place | Refusal {
  if (written === undefined || written === told) return place;
  return { option: 'type', message: `the url is that of a ${told}; leave type out, or write "${told}"` };
}

function readHttp(written: string, type: UpstreamType | undefined): Place | Refusal {
  const url = URL.parse(written);
  if (!url || url.hostname === '') return { option: 'url', message: `it is not a url; expected ${allowedUrls}` };
  if (url.hash !== '') return { option: 'url', message: 'a "#" and what follows is never sent; leave it out' };
  if (type === 'bucket') return { option: 'url', message: notTheServer };
  if (type === 'registry' || (type === undefined && isOnlyRegistry(url.hostname))) return readHttpRegistry(url);
  if (url.pathname.endsWith('/index.yaml'))
    return { option: 'url', message: 'write it without "/index.yaml" at its end' };
  return fitting(type, 'chart-repository', { type: 'chart-repository', url: url.href });
}

function readHttpRegistry(url: URL): Place | Refusal {
  const path = `${url.host}${url.pathname}${url.search}`;
  if (url.protocol === 'https:') return readRegistry(path);
  const address = describeValue(`oci://${url.host}${url.pathname}`);
  const message = `a registry without TLS is written ${address} with plainHTTP: true`;
  return { option: 'url', message };
}

const repositoryPath = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;

/** `host[:port][/path]` as the OCI distribution specification has it (its section on pulling: names of repositories). */
function readRegistry(written: string): Place | Refusal {
  const refuse = (message: string): Refusal => ({ option: 'url', message });
  if (/[?#]/.test(written)) return refuse('the url of a registry has no query and no "#"');
  const slash = `${written}/`.indexOf('/');
  const host = written.slice(0, slash);
  const path = written.slice(slash + 1).replace(/\/$/, '');
  if (!URL.canParse(`https://${host}/`) || host === '' || /[^A-Za-z0-9.:[\]-]/.test(host)) {
    return refuse(`"${shorten(host)}" is not a host; expected ${allowedUrls}`);
  }
  if (/[:@][^/]*$/.test(path)) return refuse('write it without tag or digest');
  if (path !== '' && !repositoryPath.test(path)) {
    return refuse('the path of a registry is lower case letters and digits, with ".", "_" or "-" between them');
  }
  return { type: 'registry', url: `oci://${host.toLowerCase()}${path === '' ? '' : `/${path}`}` };
}

const bucketNames = { s3: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, gs: /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/ };
const notTheServer =
  'a bucket is written "s3://bucket/prefix"; a server other than those of Amazon and Google is written in endpoint';

/** `bucket[/prefix]`; a prefix is what people give objects without quoting: it is part of addresses and of messages. */
function readBucket(scheme: 's3' | 'gs', written: string): Place | Refusal {
  const refuse = (message: string): Refusal => ({ option: 'url', message });
  if (/[?#]/.test(written)) return refuse('the url of a bucket has no query and no "#"');
  const [bucket = '', ...prefix] = written.replace(/\/$/, '').split('/');
  if (bucket.includes(':') || isIP(bucket) !== 0) return refuse(notTheServer);
  if (!bucketNames[scheme].test(bucket)) {
    return refuse(`"${shorten(bucket)}" is no name of a bucket: at least 3 lower case letters, digits, "." and "-"`);
  }
  if (prefix.some((part) => !/^(?!\.{1,2}$)[A-Za-z0-9!_.*'()+=@~-]+$/.test(part))) {
    return refuse('the prefix of a bucket is letters, digits and !_.*\'()+=@~- between single "/"');
  }
  return { type: 'bucket', url: `${scheme}://${[bucket, ...prefix].join('/')}` };
}

function readFileUrl(written: string): Place | Refusal {
  try {
    return { type: 'folder', url: fileURLToPath(written) };
  } catch {
    const message = 'it is not the url of a local folder; expected file:///path, or ./folder beside this file';
    return { option: 'url', message };
  }
}

function readBare(written: string, type: UpstreamType | undefined): Place | Refusal {
  if (type === 'folder' || /^(?:\/|\.{1,2}(?:\/|$))/.test(written)) {
    return fitting(type, 'folder', { type: 'folder', url: written });
  }
  if (type === 'bucket') return { option: 'url', message: notTheServer };
  if (type === 'chart-repository') return { option: 'url', message: `write it with its scheme, such as "https://…"` };
  const place = readRegistry(written);
  if ('option' in place || type !== undefined || /[.:]|^localhost(?:\/|$)/.test(written.split('/')[0] ?? ''))
    return place;
  const doubt = `taken as the registry ${withoutUrlSecrets(place.url)}; for a folder write ${describeValue(`./${written}`)}`;
  return { ...place, doubt };
}

/** The hosts that are this machine: what is sent to them in clear text is not seen by others. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\]|::1)$/.test(hostname);
}
