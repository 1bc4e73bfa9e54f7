import type { Login } from '../credentials/login.ts';
import type { HttpClient } from '../http/http.ts';
import { apiWithToken } from './api-access.ts';
import { eachOf, isRow, readRows, readTag, type ApiListing, type ApiPage } from './api.ts';
import { catalogDiscovery } from './catalog.ts';
import type { DiscoveredRepository, DiscoveredTag, Discovery, DiscoveryParts } from './discovery.ts';
import { noSuchOwner, ownerIn } from './unbrowsable.ts';

const product = 'Quay';
const advice = 'The token needs the right to view repositories; it may have expired.';

/**
 * Quay's own API for strangers, who see what is public, and for OAuth tokens (as `token`, or as the password of
 * `$oauthtoken`): the repositories of the organization that the url begins with, then the tags of each. A robot account
 * opens the registry alone: its catalog, which has what the robot may see.
 */
export function quayDiscovery(parts: DiscoveryParts): Discovery {
  const catalog = catalogDiscovery(parts, product);
  const open = apiWithToken(parts, parts.address.origin, tokenOf);
  return {
    product,
    repositories: async (isWanted, signal) => {
      const http = parts.login ? await open() : parts.http;
      if (!http) return await catalog.repositories(isWanted, signal);
      return await readRepositories(parts, http, isWanted, signal);
    },
  };
}

function tokenOf(login: Login): string | undefined {
  if (login.kind === 'bearer') return login.token;
  return login.kind === 'password' && login.username === '$oauthtoken' ? login.password : undefined;
}

async function readRepositories(
  parts: DiscoveryParts,
  http: HttpClient,
  isWanted: (repository: string) => boolean,
  signal: AbortSignal,
): Promise<readonly DiscoveredRepository[]> {
  const { upstream, clock, address } = parts;
  const namespace = ownerIn(parts, product, 'organization');
  const listing = { upstream, clock, http, advice };
  const url = new URL(`/api/v1/repository?namespace=${namespace}&public=true`, address.origin);
  const rows = await readRows({ ...listing, signal, url, rows: 'repositories', next: pageBehind });
  if (!rows) throw noSuchOwner(upstream, product, `organization ${namespace}`, `Check the url. ${advice}`);
  const names = rows.filter(isRow).map(({ name }) => `${namespace}/${String(name)}`);
  return await eachOf(names.filter(isWanted), signal, async (repository, either) => {
    const tags = new URL(`/api/v1/repository/${repository}/tag/?limit=100&page=1&onlyActiveTags=true`, address.origin);
    return { repository, tags: await readAllTags({ ...listing, signal: either, url: tags }) };
  });
}

/** None of one that was deleted meanwhile. */
async function readAllTags(listing: ApiListing): Promise<readonly DiscoveredTag[]> {
  const rows = (await readRows({ ...listing, rows: 'tags', next: numberedPageBehind })) ?? [];
  const tags = rows.filter(isRow).flatMap((row) => readTag(row['name'], row['manifest_digest'], undefined) ?? []);
  return [...new Map(tags.map((tag) => [tag.tag, tag])).values()];
}

function pageBehind({ url, body }: ApiPage): URL | undefined {
  const token = isRow(body) ? body['next_page'] : undefined;
  if (typeof token !== 'string' || token === '') return undefined;
  const next = new URL(url);
  next.searchParams.set('next_page', token);
  return next;
}

function numberedPageBehind({ url, body }: ApiPage): URL | undefined {
  if (!isRow(body) || body['has_additional'] !== true) return undefined;
  const next = new URL(url);
  next.searchParams.set('page', String(Number(url.searchParams.get('page')) + 1));
  return next;
}
