import { apiWithToken } from './api-access.ts';
import { isRow, readEachRow, readRows, readTag, withQueryOf } from './api.ts';
import type { ApiListing, ApiPage, ApiRow } from './api.ts';
import type { DiscoveredTag, Discovery, DiscoveryParts } from './discovery.ts';
import { RememberedTags, type StampedRepository } from './remembered-tags.ts';
import { cannotBeBrowsed, noSuchOwner, ownerIn } from './unbrowsable.ts';

const product = 'DigitalOcean';
const api = new URL('https://api.digitalocean.com');
const advice = 'Use an API token that may read registries, as user name and as password; or name the charts in charts.';

/** Whether a host is DigitalOcean's registry. */
export function isDigitalOcean(host: string): boolean {
  return host === 'registry.digitalocean.com';
}

/**
 * The registry in the address, by DigitalOcean's API: a page for each 100 repositories, and a page for each 100 tags of
 * those that changed.
 */
export function digitalOceanDiscovery(parts: DiscoveryParts): Discovery {
  const { upstream, clock } = parts;
  const remembered = new RememberedTags(clock);
  const openApi = apiWithToken(parts, api, (login) => (login.kind === 'password' ? login.password : undefined));
  return {
    product,
    repositories: async (isWanted, signal) => {
      const registry = ownerIn(parts, product, 'registry');
      const http = await openApi();
      if (!http) throw cannotBeBrowsed(upstream, product, 'without an API token');
      const listing = { upstream, http, clock, signal, next: pageBehind, advice };
      const rows = await readRows({ ...listing, url: pageOf(`${registry}/repositoriesV2`), rows: 'repositories' });
      if (!rows) throw noSuchOwner(upstream, product, `registry ${registry}`, `Check the url. ${advice}`);
      const stamped = rows.filter(isRow).map((row) => stampedOf(row, registry));
      const mine = stamped.filter(({ repository }) => isWanted(repository));
      return await remembered.read(mine, signal, (repository, either) => {
        const name = encodeURIComponent(repository.slice(registry.length + 1));
        const url = pageOf(`${registry}/repositories/${name}/tags`);
        return readOceanTags({ ...listing, url, rows: 'tags', signal: either });
      });
    },
  };
}

function pageOf(path: string): URL {
  return new URL(`/v2/registry/${path}?per_page=100`, api);
}

/** `links.pages.next`; absent on the last page. */
function pageBehind({ url, body }: ApiPage): URL | undefined {
  const links = isRow(body) ? body['links'] : undefined;
  const pages = isRow(links) ? links['pages'] : undefined;
  return withQueryOf(url, isRow(pages) ? pages['next'] : undefined);
}

function stampedOf(row: ApiRow, registry: string): StampedRepository {
  const latest = isRow(row['latest_manifest']) ? row['latest_manifest'] : {};
  const more = [latest['digest'], row['tag_count'], row['manifest_count']];
  return { repository: `${registry}/${row['name']}`, changedAt: latest['updated_at'], more };
}

async function readOceanTags(listing: ApiListing): Promise<readonly DiscoveredTag[] | undefined> {
  return await readEachRow(listing, ({ tag: name, manifest_digest: digest, updated_at: updated }) => {
    const tag = readTag(name, digest, updated);
    return tag ? [tag] : [];
  });
}
