import type { ChartRepositoryConfig } from '../config/config.ts';
import { chartRepository } from '../upstream/chart-repository.ts';
import type { Upstream } from '../upstream/contract.ts';
import { gitlabAuthorization, gitlabRepository, packagesApi } from '../upstream/gitlab-packages.ts';
import { plainAccess } from './access.ts';
import { accessParts, openClient, reachOf, type ClientParts } from './clients.ts';
import type { Opened, RemoteParts } from './parts.ts';
import { openRegistries } from './registry.ts';
import { indexReaderOn, inspectOn } from './threads.ts';

/** A chart repository as it is configured. */
export function openChartRepository(config: ChartRepositoryConfig, parts: RemoteParts): Opened {
  const { name, maxIndexBytes } = config;
  const url = new URL(config.url);
  const reach = reachOf(config, url);
  const authorization = plainAccess(accessParts(config, reach, parts));
  const http = openClient(config, parts, { reach, homes: reach.trusted, authorization });
  const registries = openRegistries(config, reach, parts);
  const repository = chartRepository({
    name,
    url,
    http,
    openOci: (place, part, signal) => registries.open(place, part, signal),
    maxIndexBytes,
    readIndex: indexReaderOn(parts.catalogs),
  });
  const upstream = completed(repository, config, parts, { reach, authorization });
  return { upstream, authenticatedBy: () => authorization.describe() };
}

/** GitLab's index leaves out what its API knows. */
function completed(
  repository: Upstream,
  config: ChartRepositoryConfig,
  parts: RemoteParts,
  { reach, authorization }: Pick<ClientParts, 'reach' | 'authorization'>,
): Upstream {
  const { name, concurrency, maxArchiveBytes, url } = config;
  const packages = packagesApi(new URL(url));
  if (!packages) return repository;
  const api = openClient(config, parts, {
    reach,
    homes: [packages],
    authorization: gitlabAuthorization(name, authorization),
  });
  return gitlabRepository(repository, {
    name,
    packages,
    api,
    inspect: inspectOn(parts.archives),
    maxArchiveBytes,
    concurrency,
  });
}
