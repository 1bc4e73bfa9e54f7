import type { BucketConfig } from '../config/config.ts';
import { bucketAddress, placeOf } from '../upstream/bucket/address.ts';
import { bucketUpstream } from '../upstream/bucket/bucket.ts';
import { bucketAccess, bucketRegion } from './access.ts';
import { accessParts, openClient, reachOf } from './clients.ts';
import type { Opened, RemoteParts } from './parts.ts';
import { openRegistries } from './registry.ts';
import { indexReaderOn, inspectOn } from './threads.ts';

/** A bucket as it is configured. */
export function openBucket(config: BucketConfig, parts: RemoteParts): Opened {
  const { name, url, endpoint, concurrency, maxIndexBytes, maxArchiveBytes } = config;
  const region = bucketRegion(config);
  const reach = reachOf(config, placeOf(bucketAddress(name, url), region, endpoint).home);
  const { identity, authorization, description } = bucketAccess(accessParts(config, reach, parts));
  const registries = openRegistries(config, reach, parts);
  const upstream = bucketUpstream({
    name,
    url,
    endpoint,
    region,
    identity,
    authorization,
    // another region's place is the upstream's own, too
    openClient: (home, presented) =>
      openClient(config, parts, { reach: reachOf(config, home), homes: [home], authorization: presented }),
    openOci: (place, part, signal) => registries.open(place, part, signal),
    readIndex: indexReaderOn(parts.catalogs),
    inspect: inspectOn(parts.archives),
    maxIndexBytes,
    maxArchiveBytes,
    concurrency,
    clock: parts.clock,
  });
  return { upstream, authenticatedBy: description };
}
