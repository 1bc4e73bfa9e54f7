import { isRow, readRows, readTag } from './api.ts';
import { catalogDiscovery } from './catalog.ts';
import type { DiscoveredRepository, DiscoveredTag, Discovery, DiscoveryParts } from './discovery.ts';
import { ownApi } from './own-api.ts';
import { noSuchOwner } from './unbrowsable.ts';

const product = 'Gitea';
const advice = 'The token needs the right to read packages; it may have expired.';

/**
 * Gitea and Forgejo: the container packages of the owner that the url begins with, one row for each tag. Without an
 * owner the registry's own catalog.
 */
export function giteaDiscovery(parts: DiscoveryParts): Discovery {
  const { upstream, address, clock } = parts;
  const [owner = ''] = address.path.split('/');
  if (owner === '') return catalogDiscovery(parts, product);
  const open = ownApi(parts);
  return {
    product,
    repositories: async (isWanted, signal) => {
      const url = new URL(`/api/v1/packages/${owner}?type=container&limit=50&page=1`, address.origin);
      const rows = await readRows({ upstream, clock, http: open(), signal, url, advice });
      if (!rows) throw noSuchOwner(upstream, product, `owner ${owner}`, advice);
      return byRepository(rows, owner).filter(({ repository }) => isWanted(repository));
    },
  };
}

function byRepository(rows: readonly unknown[], owner: string): readonly DiscoveredRepository[] {
  const found = new Map<string, Map<string, DiscoveredTag>>();
  for (const { name, version, created_at: created, type } of rows.filter(isRow)) {
    // what has no tag is listed by its digest
    const tag = readTag(version, undefined, created);
    if (typeof name !== 'string' || !tag || type !== 'container') continue;
    const repository = `${owner}/${name}`.toLowerCase();
    const tags = found.get(repository) ?? new Map<string, DiscoveredTag>();
    found.set(repository, tags.set(tag.tag, tag));
  }
  return [...found].map(([repository, tags]) => ({ repository, tags: [...tags.values()] }));
}
