import { LRUCache } from 'lru-cache';

import { isDigest, type Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { isRepository, isTag, versionOf } from '../../formats/oci-manifest.ts';
import { malformed, Refusal } from './refusal.ts';

/** A repository of the registry that we are: a chart in one of our repositories, or in the one that is the root. */
export interface RegistryName {
  /** As it is written: `stable/nginx`, or `nginx`. */
  readonly text: string;
  readonly repository: string | undefined;
  readonly chart: string;
}

/** What a manifest is asked for by. */
type Reference =
  | { readonly by: 'digest'; readonly digest: Digest }
  /** The version it stands for, where it stands for one. */
  | { readonly by: 'tag'; readonly tag: string; readonly version: string };

/** An address below `/v2/` (distribution specification, "Endpoints"). */
export type Address =
  | { readonly kind: 'registry' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly name: RegistryName }
  | { readonly kind: 'manifest'; readonly name: RegistryName; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly name: RegistryName; readonly digest: Digest }
  /** Without a digest when it is of an algorithm that nothing here is named by. */
  | { readonly kind: 'referrers'; readonly name: RegistryName; readonly digest: Digest | undefined };

/** Reads a path that is `/v2` or below. Throws a `Refusal`: 400 for what the grammar does not know, 404 for what is no address. */
export type AddressReader = (path: string) => Address;

const maxRemembered = 10_000;

/** Remembers what it read, since reading takes longer than answering. */
export function addressReader(): AddressReader {
  const known = new LRUCache<string, Address>({ max: maxRemembered });
  return (path) => {
    let address = known.get(path);
    if (!address) {
      address = readAddress(path);
      if (path.length <= maxRememberedLength) known.set(path, address);
    }
    return address;
  };
}

const maxRememberedLength = 512;

function readAddress(path: string): Address {
  if (path === '/v2' || path === '/v2/') return { kind: 'registry' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  const [, , ...segments] = path.split('/').map(decoded);
  const [what = '', last = ''] = segments.slice(-2);
  const read = readers.get(what);
  if (!read || segments.length < 3) throw nothingHere();
  return read(readName(segments.slice(0, -2)), last);
}

/** By what stands behind the name. */
const readers: ReadonlyMap<string, (name: RegistryName, last: string) => Address> = new Map([
  ['manifests', (name, last) => ({ kind: 'manifest', name, reference: readReference(last) })],
  ['blobs', (name, last) => ({ kind: 'blob', name, digest: known(readDigest(last), 'BLOB_UNKNOWN') })],
  ['referrers', (name, last) => ({ kind: 'referrers', name, digest: readDigest(last) })],
  ['tags', readTags],
]);

function readTags(name: RegistryName, last: string): Address {
  if (last !== 'list') throw nothingHere();
  return { kind: 'tags', name };
}

function nothingHere(): Refusal {
  const advice = 'There are manifests, blobs, referrers and tags/list below /v2/<name>/, and /v2/_catalog.';
  return new Refusal('UNSUPPORTED', new Fault('not-found', 'A registry has nothing at this address.', advice));
}

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw malformed('NAME_INVALID', 'This address has a % that encodes nothing.', 'Write it as %25.');
  }
}

/** A name of one or two segments: charts have no others. */
function readName(segments: readonly string[]): RegistryName {
  const text = segments.join('/');
  if (!isRepository(text) || segments.some((segment) => segment.includes('/'))) {
    const advice = 'Lower case letters and digits, with single dots, dashes and underscores between them.';
    throw malformed('NAME_INVALID', 'The name in this address is not valid.', advice);
  }
  const [first = '', second] = segments;
  if (segments.length > 2) {
    const message = 'There is no such repository here.';
    throw new Refusal('NAME_UNKNOWN', new Fault('not-found', message, 'Charts are at <repository>/<chart>.'));
  }
  return second === undefined
    ? { text, repository: undefined, chart: first }
    : { text, repository: first, chart: second };
}

function readReference(text: string): Reference {
  // a tag has no colon, so that whatever has one is meant as a digest
  if (text.includes(':')) return { by: 'digest', digest: known(readDigest(text), 'MANIFEST_UNKNOWN') };
  if (isTag(text)) return { by: 'tag', tag: text, version: versionOf(text) ?? text };
  const advice = 'Letters, digits, dots, dashes and underscores, at most 128; the + of a version is written as _.';
  throw malformed('MANIFEST_INVALID', 'The tag in this address is not valid.', advice);
}

const sha512 = /^sha512:[0-9a-f]{128}$/;

/** Undefined for one of the other algorithm that the image specification registers: nothing here is named by it. */
function readDigest(text: string): Digest | undefined {
  if (isDigest(text)) return text;
  if (sha512.test(text)) return undefined;
  throw malformed(
    'DIGEST_INVALID',
    'The digest in this address is not valid.',
    'sha256: and 64 lower case hexadecimal digits.',
  );
}

function known(digest: Digest | undefined, code: 'BLOB_UNKNOWN' | 'MANIFEST_UNKNOWN'): Digest {
  if (digest) return digest;
  const message = 'Nothing here is named by its sha512.';
  throw new Refusal(code, new Fault('not-found', message, 'Ask for it by its sha256.'));
}
