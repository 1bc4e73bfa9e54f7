import { mediaTypes } from '../../formats/oci-manifest.ts';
import { eachOf, isRow, readRows, readTags, type ApiListing, type ApiRow } from './api.ts';
import type { DiscoveredRepository, Discovery, DiscoveryParts } from './discovery.ts';
import { cannotBeBrowsed } from './unbrowsable.ts';

const product = 'Azure Container Registry';
const advice =
  'Give the identity the role AcrPull, or Container Registry Repository Reader and Catalog Lister; or name the charts in charts.';

/** Whether a host is a registry of Azure, in any of its clouds. */
export function isAzure(host: string): boolean {
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.azurecr\.(?:io|cn|us)$/.test(host);
}

/**
 * The registry's own API, with the registry's own authorization: `/acr/v1/_catalog`, then the manifests of each wanted
 * repository, which say what is a chart.
 */
export function azureDiscovery(parts: DiscoveryParts): Discovery {
  return {
    product,
    repositories: async (isWanted, signal) => {
      const names = await readNames(parts, signal);
      const found = await eachOf(names.filter(isWanted), signal, (name, either) => chartsIn(parts, name, either));
      return found.filter((one) => one !== undefined);
    },
  };
}

async function readNames(parts: DiscoveryParts, signal: AbortSignal): Promise<readonly string[]> {
  const rows = await readRows({ ...listingOf(parts, '_catalog', signal), rows: 'repositories' });
  if (!rows) throw cannotBeBrowsed(parts.upstream, product);
  return rows.filter((name) => typeof name === 'string');
}

/** Undefined when it was deleted meanwhile. */
async function chartsIn(
  parts: DiscoveryParts,
  repository: string,
  signal: AbortSignal,
): Promise<DiscoveredRepository | undefined> {
  const rows = await readRows({ ...listingOf(parts, `${repository}/_manifests`, signal), rows: 'manifests' });
  const charts = rows?.filter(isRow).filter(isChart);
  const tags = charts?.flatMap((row) => readTags(row['tags'], row['digest'], row['createdTime']));
  return tags && { repository, tags };
}

/** What says nothing of itself may be one. */
function isChart({ configMediaType = mediaTypes.chartConfig }: ApiRow): boolean {
  return configMediaType === mediaTypes.chartConfig;
}

function listingOf({ upstream, http, clock, address }: DiscoveryParts, path: string, signal: AbortSignal): ApiListing {
  return { upstream, http, clock, signal, url: new URL(`/acr/v1/${path}?n=1000`, address.origin), advice };
}
