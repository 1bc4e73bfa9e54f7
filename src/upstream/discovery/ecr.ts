import { mediaTypes } from '../../formats/oci-manifest.ts';
import { ecrPlaceOf } from '../credentials/aws-ecr-host.ts';
import type { EcrApi } from '../credentials/aws-ecr-listing.ts';
import { eachOf, readTags } from './api.ts';
import { catalogDiscovery } from './catalog.ts';
import type { DiscoveredRepository, Discovery, DiscoveryParts } from './discovery.ts';

const product = 'Amazon ECR';

/** Whether a host is a private registry of Amazon's, in any partition, with FIPS or dual stack. */
export function isEcr(host: string): boolean {
  return ecrPlaceOf(host)?.kind === 'private';
}

/**
 * With the identity that `ecr` signs with: DescribeRepositories, then DescribeImages of each wanted repository, which
 * says what is a chart. With a password alone: the registry's own catalog.
 */
export function ecrDiscovery(parts: DiscoveryParts): Discovery {
  const { ecr } = parts;
  if (!ecr) return catalogDiscovery(parts, product);
  return {
    product,
    repositories: async (isWanted, signal) => {
      const wanted: string[] = [];
      for await (const repository of ecr.repositories(signal)) {
        if (isWanted(repository)) wanted.push(repository);
      }
      return await eachOf(wanted, signal, (repository, either) => chartsIn(ecr, repository, either));
    },
  };
}

async function chartsIn(ecr: EcrApi, repository: string, signal: AbortSignal): Promise<DiscoveredRepository> {
  const tags = [];
  for await (const { tags: names, digest, artifactMediaType, pushedAt } of ecr.images(repository, signal)) {
    if ((artifactMediaType ?? mediaTypes.chartConfig) !== mediaTypes.chartConfig) continue;
    tags.push(...readTags(names, digest, pushedAt?.toISOString()));
  }
  return { repository, tags };
}
