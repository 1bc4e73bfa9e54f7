import type { BucketConfig, ChartRepositoryConfig, RegistryConfig } from '../config/config.ts';
import type { Authorization } from '../upstream/credentials/authorization.ts';
import { chooseDiscovery } from '../upstream/discovery/choose.ts';
import type { HttpClient } from '../upstream/http/http.ts';
import type { Reach } from '../upstream/http/reach.ts';
import { registryAddress } from '../upstream/registry/address.ts';
import { ociOpener, type OciOpener } from '../upstream/registry/oci-opener.ts';
import { ociRegistry } from '../upstream/registry/oci-registry.ts';
import { ecrListing, registryAccess } from './access.ts';
import { accessParts, clientOf, openClient, reachOf } from './clients.ts';
import type { Opened, RemoteParts } from './parts.ts';

/** A registry as it is configured. */
export function openRegistry(config: RegistryConfig, parts: RemoteParts): Opened {
  const { name: upstream, charts, concurrency } = config;
  const { clock } = parts;
  const address = registryAddress(upstream, config.url, config.plainHTTP);
  const reach = reachOf(config, address.origin);
  const access = accessParts(config, reach, parts);
  const { authorization, login } = registryAccess(access, address);
  const http = openClient(config, parts, { reach, homes: reach.trusted, authorization });
  const openApi = (origin: URL, presented: Authorization): HttpClient =>
    openClient(config, parts, { reach, homes: [origin], authorization: presented });
  const discovery = { upstream, address, http, reach, login, openApi, clock, ecr: ecrListing(access, address) };
  const discover = config.discover && ((signal: AbortSignal) => chooseDiscovery(discovery, signal));
  return {
    upstream: ociRegistry({ name: upstream, address, charts, http, clock, concurrency, ...(discover && { discover }) }),
    authenticatedBy: () => authorization.describe(),
  };
}

/** Registries that an index names with `oci://`. */
export function openRegistries(
  config: ChartRepositoryConfig | BucketConfig,
  reach: Reach,
  parts: RemoteParts,
): OciOpener {
  const { name: upstream, plainHTTP } = config;
  const openRegistryClient = (origin: URL): HttpClient => {
    const { authorization } = registryAccess(accessParts(config, reach, parts), { origin, path: '' });
    return clientOf(config, parts, { reach, homes: [origin], authorization });
  };
  const registries = ociOpener({ upstream, plainHTTP, openClient: openRegistryClient, clock: parts.clock });
  parts.clients.add(registries);
  return registries;
}
