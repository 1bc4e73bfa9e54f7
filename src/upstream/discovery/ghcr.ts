import type { Login } from '../credentials/login.ts';
import { apiWithToken } from './api-access.ts';
import { isRow, readEachRow, readRows, readTags, type ApiListing, type ApiRow } from './api.ts';
import type { DiscoveredTag, Discovery, DiscoveryParts } from './discovery.ts';
import { RememberedTags, type StampedRepository } from './remembered-tags.ts';
import { cannotBeBrowsed, noSuchOwner, ownerIn } from './unbrowsable.ts';

const product = 'GitHub';
const api = new URL('https://api.github.com');
const advice =
  'Use a classic personal access token with the scope read:packages, allowed for single sign-on; or name the charts in charts.';

/** Whether a host is GitHub's registry. */
export function isGhcr(host: string): boolean {
  return host === 'ghcr.io';
}

/**
 * The packages of the owner in the address, by GitHub's API, which wants a token also for public ones: a page for each
 * 100 packages, and a page for each 100 versions of those that changed.
 */
export function ghcrDiscovery(parts: DiscoveryParts): Discovery {
  const { upstream, clock } = parts;
  const remembered = new RememberedTags(clock);
  const openApi = apiWithToken(parts, api, personalToken);
  let kind: OwnerKind = 'orgs';
  return {
    product,
    repositories: async (isWanted, signal) => {
      const owner = ownerIn(parts, product, 'owner');
      const http = await openApi();
      if (!http) throw cannotBeBrowsed(upstream, product, 'without a token');
      const listing = { upstream, http, clock, signal, headers: { accept: 'application/vnd.github+json' }, advice };
      const found = await readPackages(listing, owner, kind);
      if (!found) throw noSuchOwner(upstream, product, `packages of ${owner}`, advice);
      ({ kind } = found);
      const stamped = found.rows.map((row) => stampedOf(row, owner));
      const mine = stamped.filter(({ repository }) => isWanted(repository));
      return await remembered.read(mine, signal, (repository, either) => {
        const name = encodeURIComponent(repository.slice(owner.length + 1));
        const url = packagesOf(kind, owner, `/container/${name}/versions?per_page=100`);
        return readVersions({ ...listing, url, signal: either });
      });
    },
  };
}

type OwnerKind = 'orgs' | 'users';

function packagesOf(kind: OwnerKind, owner: string, more: string): URL {
  return new URL(`/${kind}/${owner}/packages${more}`, api);
}

/** An owner is an organization or a user: the other is asked for where the first is not known. */
async function readPackages(
  listing: Omit<ApiListing, 'url'>,
  owner: string,
  first: OwnerKind,
): Promise<{ readonly rows: readonly ApiRow[]; readonly kind: OwnerKind } | undefined> {
  for (const kind of [first, first === 'orgs' ? 'users' : 'orgs'] as const) {
    const url = packagesOf(kind, owner, '?package_type=container&per_page=100');
    const rows = await readRows({ ...listing, url });
    if (rows) return { rows: rows.filter(isRow), kind };
  }
  return undefined;
}

function stampedOf({ name, updated_at: changedAt, version_count: more }: ApiRow, owner: string): StampedRepository {
  return { repository: `${owner}/${name}`, changedAt, more };
}

async function readVersions(listing: ApiListing): Promise<readonly DiscoveredTag[] | undefined> {
  return await readEachRow(listing, ({ name, metadata, created_at: created }) => {
    const container = isRow(metadata) ? metadata['container'] : undefined;
    return readTags(isRow(container) ? container['tags'] : undefined, name, created);
  });
}

/** What the registry takes as a password, or in base64 as a bearer token. */
function personalToken(login: Login): string | undefined {
  if (login.kind === 'password') return login.password;
  return login.kind === 'bearer' ? Buffer.from(login.token, 'base64').toString() : undefined;
}
