import { Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import {
  Archives,
  type ArchivesOptions,
  type FoundArchive,
  type ReadArchive,
  readExactly,
  type Rejection,
  rejection,
} from '../archives.ts';
import { chartRepository, type ChartRepositoryOptions } from '../chart-repository.ts';
import type { Upstream } from '../contract.ts';
import type { Authorization } from '../credentials/authorization.ts';
import type { AwsIdentitySource } from '../credentials/aws.ts';
import { S3Signature } from '../credentials/s3-signature.ts';
import { faultOfStatus } from '../http/faults.ts';
import type { HttpClient } from '../http/http.ts';
import {
  type BucketAddress,
  bucketAddress,
  type BucketPlace,
  encodedAnew,
  encodeKey,
  isInBucket,
  placeOf,
} from './address.ts';
import { BucketClient } from './client.ts';
import { findObjects } from './listing.ts';

/** What a bucket as an upstream needs to know. */
export interface BucketOptions
  extends
    Pick<ChartRepositoryOptions, 'name' | 'readIndex' | 'openOci' | 'maxIndexBytes'>,
    Pick<ArchivesOptions, 'maxArchiveBytes' | 'inspect'> {
  /** `s3://bucket[/prefix]` or `gs://bucket[/prefix]`. */
  readonly url: string;
  /** `http(s)://host[:port]` of a server other than Amazon's or Google's own. */
  readonly endpoint: string | undefined;
  /** Of S3: where the bucket is thought to be. Another is learned from the server. */
  readonly region: string;
  /** Signs requests to S3; absent where `authorization` says who we are. */
  readonly identity?: AwsIdentitySource | undefined;
  /** What authenticates where nobody signs. */
  readonly authorization: Authorization;
  /** Opens a client whose only home is that origin. Asked again when the bucket turns out to be in another region. */
  readonly openClient: (home: URL, authorization: Authorization) => HttpClient;
  /** Archives read at once. */
  readonly concurrency: number;
  readonly clock: Clock;
}

/**
 * A bucket of Amazon's, Google's or any server that speaks S3. With an `index.yaml` it is a chart repository whose urls
 * may also be `s3://` or `gs://` ones of the same bucket. Without one, every `*.tgz` below the prefix is read once and
 * asked what it is. We say who we are to this bucket alone, not to others of the same server.
 */
export function bucketUpstream(options: BucketOptions): Upstream {
  const { name, endpoint, maxArchiveBytes, inspect, concurrency } = options;
  const address = bucketAddress(name, options.url);
  const http = openBucketClient(options, address);
  const { home, pages } = placeOf(address, options.region, endpoint);
  const url = new URL(encodeKey(address.prefix), home);
  const archives = new Archives({
    maxArchiveBytes,
    inspect,
    read: (archive, signal) => readArchive(name, http, url, archive, signal),
    width: concurrency,
  });
  return chartRepository({
    ...options,
    url,
    http,
    locate: (named) => locate(name, address, { home, pages }, named),
    listWithoutIndex: async (validator, signal, known) =>
      archives.list(await findObjects({ upstream: name, address, pages, http }, signal), validator, signal, known),
  });
}

function openBucketClient(options: BucketOptions, address: BucketAddress): BucketClient {
  const { name: upstream, endpoint, region, identity, clock } = options;
  const signature = identity && new S3Signature({ identity, region: () => client.region, clock });
  const authorization = signature ?? options.authorization;
  const client = new BucketClient({
    upstream,
    address,
    region,
    placeIn: (where) => placeOf(address, where, endpoint),
    open: (place) => options.openClient(place.home, withinBucket(place, authorization)),
    signature,
  });
  return client;
}

/** Presents nothing to other buckets of the same server. */
function withinBucket(place: BucketPlace, authorization: Authorization): Authorization {
  return {
    present: async (request) => (isInBucket(place, request.url) ? authorization.present(request) : {}),
    answer: async (request, challenge) =>
      isInBucket(place, request.url) ? authorization.answer(request, challenge) : undefined,
    describe: () => authorization.describe(),
    isAnonymous: () => authorization.isAnonymous(),
  };
}

/** Where a url of an index is asked for; undefined for what is none. Faults with 'upstream-failed' for other buckets. */
function locate(upstream: string, { scheme, bucket }: BucketAddress, place: BucketPlace, url: URL): URL | undefined {
  const isBuckets = url.protocol === 's3:' || url.protocol === 'gs:';
  if (isBuckets && (url.protocol !== `${scheme}:` || url.host !== bucket)) throw otherBucket(upstream);
  if (!isBuckets && !isInBucket(place, url)) return url;
  const path = encodedAnew(isBuckets ? place.home.pathname + url.pathname.slice(1) : url.pathname);
  if (path === undefined) return undefined;
  const own = new URL(place.home);
  own.pathname = path;
  own.search = url.search;
  return own;
}

function otherBucket(upstream: string): Fault {
  return new Fault(
    'upstream-failed',
    `${upstream}: its index names an archive in another bucket, where these credentials are not taken.`,
    'Make that bucket an upstream of its own, or have the index name archives of its own bucket.',
  );
}

async function readArchive(
  upstream: string,
  http: HttpClient,
  base: URL,
  { path, size }: FoundArchive,
  signal: AbortSignal,
): Promise<ReadArchive | Rejection> {
  const answer = await http.request({ url: new URL(path, base), signal });
  if (answer.status === 200) return readExactly(answer.body, size);
  await answer.dump();
  if (answer.status === 404) return rejection('vanished', 'vanished before it was read');
  throw faultOfStatus(upstream, answer);
}
