import { artifactRegistryDiscovery, isArtifactRegistry } from './artifact-registry.ts';
import { azureDiscovery, isAzure } from './azure.ts';
import { digitalOceanDiscovery, isDigitalOcean } from './digitalocean.ts';
import type { Discovery, DiscoveryParts } from './discovery.ts';
import { dockerHubDiscovery, isDockerHub } from './docker-hub.ts';
import { ecrDiscovery, isEcr } from './ecr.ts';
import { ghcrDiscovery, isGhcr } from './ghcr.ts';
import { ecrPublicDiscovery, isEcrPublic, isOracle, oracleDiscovery } from './unbrowsable.ts';

/** Products that are known by the host of their registry, which is theirs alone. */
const hosted: readonly (readonly [
  isHost: (host: string) => boolean,
  discovery: (parts: DiscoveryParts) => Discovery,
])[] = [
  [isEcr, ecrDiscovery],
  [isEcrPublic, ecrPublicDiscovery],
  [isArtifactRegistry, artifactRegistryDiscovery],
  [isAzure, azureDiscovery],
  [isDockerHub, dockerHubDiscovery],
  [isGhcr, ghcrDiscovery],
  [isDigitalOcean, digitalOceanDiscovery],
  [isOracle, oracleDiscovery],
];

/** The discovery of a hosted product, told from its host name over TLS without asking it; undefined for any other registry. */
export function hostedDiscovery(parts: DiscoveryParts): Discovery | undefined {
  const { protocol, hostname, port } = parts.address.origin;
  if (protocol !== 'https:' || port !== '') return undefined;
  return hosted.find(([isHost]) => isHost(hostname))?.[1](parts);
}
