import { readFile } from 'node:fs/promises';

import { ProxyAgent, request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';

import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet, type Internet } from '../support/internet.ts';
import { digitalOcean, type DigitalOcean } from '../support/products/digitalocean.ts';
import {
  fetchAll,
  hostsTold,
  listed,
  namesIn,
  openUnhurried,
  requestsToFetch,
  requestsToList,
  smallNames,
} from '../support/products/hosted-registry.ts';
import { naiveClient } from '../support/products/naive.ts';
import { largeShelf, smallShelf, type RegistryShelf } from '../support/products/registry-shelf.ts';
import { basicOf } from '../support/products/shelf.ts';

const product = 'DigitalOcean';
const token = 'dop_v1_canary0001canary0001canary0001canary0001';
const environment = { DIGITALOCEAN_TOKEN: token };

async function openOcean(shelf: RegistryShelf): Promise<{ readonly ocean: DigitalOcean; readonly internet: Internet }> {
  const ocean = digitalOcean(shelf, { registry: 'acme', token });
  return { ocean, internet: await openInternet(ocean.sites) };
}

/** Asks a token service by POST, as OAuth 2 would have it. */
async function postForm({ proxy, caFile }: Internet, url: string): Promise<number> {
  const dispatcher = new ProxyAgent({ uri: proxy, requestTls: { ca: await readFile(caFile, 'utf8') } });
  onTestFinished(() => dispatcher.close());
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const body = new URLSearchParams({ grant_type: 'password', username: token, password: token }).toString();
  const answer = await request(url, { dispatcher, method: 'POST', headers, body });
  await answer.body.dump();
  return answer.statusCode;
}

describe('DigitalOcean', () => {
  it('is listed, described and fetched with its recipe', async () => {
    const shelf = smallShelf('acme');
    shelf.push('acme/team/mimir', '2.0.0');
    const { internet } = await openOcean(shelf);
    const recipe = await openUnhurried(product, { internet, environment }, { charts: ['*', '!some-image'] });
    const listing = await listed(recipe);
    const all = [...smallNames, 'mimir 2.0.0'].toSorted();
    expect(namesIn(listing)).toEqual(all);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(all);
    expect(recipe.authenticatedBy()).toBe('user name and password, token of api.digitalocean.com');
    expect(hostsTold(internet, token)).toEqual(['api.digitalocean.com']);
  });

  it('refuses whoever asks for a token by POST, and whoever brings one to where the blobs are', async () => {
    const { internet } = await openOcean(smallShelf('acme'));
    const auth = 'https://api.digitalocean.com/v2/registry/auth';
    expect(await postForm(internet, auth)).toBe(405);
    const naive = await naiveClient(internet);
    expect(await naive(auth)).toMatchObject({ status: 401 });
    const asked = await naive(`${auth}?scope=repository:acme/nginx:pull`, { authorization: basicOf(token, token) });
    const authorization = `Bearer ${(JSON.parse(asked.body) as { token: string }).token}`;
    const manifest = await naive('https://registry.digitalocean.com/v2/acme/nginx/manifests/1.0.0', { authorization });
    const config = /"config":.*?(sha256:\w+)/.exec(manifest.body)?.[1];
    const blob = await naive(`https://registry.digitalocean.com/v2/acme/nginx/blobs/${config}`, { authorization });
    expect(blob).toMatchObject({ status: 400 });
  });

  it('takes 101 requests for 100 charts with 20 versions, and 1 while nothing changed', async () => {
    const shelf = largeShelf('acme', 100, 20);
    const { internet } = await openOcean(shelf);
    const recipe = await openUnhurried(product, { internet, environment });
    const costs = await requestsToList(internet, recipe, () => shelf.push('acme/chart-7', '2.0.0'));
    expect(costs).toEqual({ versions: 2000, cold: 101, unchanged: 1, changed: 2 });
  });

  it('takes 3 requests for each version once, and 2 for the token of a chart', async () => {
    const { internet } = await openOcean(largeShelf('acme', 1, 20));
    const recipe = await openUnhurried(product, { internet, environment });
    const listing = await listed(recipe);
    // the archive of each is two more
    expect(await requestsToFetch(internet, recipe, listing)).toBe(2 + 20 * (3 + 2));
  });

  it('reads all pages of repositories and of tags', async () => {
    const shelf = largeShelf('acme', 101, 1);
    for (let patch = 1; patch <= 100; patch += 1) shelf.push('acme/chart-0', `1.0.${patch}`);
    const { internet } = await openOcean(shelf);
    const listing = await listed(await openUnhurried(product, { internet, environment }));
    expect(namesIn(listing)).toHaveLength(201);
  });

  it('says when the token is wrong or of another team, and cannot be browsed without one', async () => {
    const { internet } = await openOcean(smallShelf('acme'));
    const faultWith = async (change: object, variables: Readonly<Record<string, string>> = environment) => {
      const { settings } = await openUnhurried(product, { internet, environment: variables }, change);
      return faultOf(settings.upstream.list(undefined, never));
    };
    const expired = await faultWith({}, { DIGITALOCEAN_TOKEN: 'dop_v1_expired' });
    expect([expired.code, expired.message]).toEqual([
      'unauthorized',
      'digitalocean: the server refused these credentials for GET /v2/registry/acme/repositoriesV2 at api.digitalocean.com (401).',
    ]);
    expect(expired.advice).toContain('as user name and as password');
    const other = await faultWith({ url: 'oci://registry.digitalocean.com/acne' });
    expect(other.message).toBe('digitalocean: DigitalOcean shows us no registry acne.');
    const stranger = await faultWith({ auth: undefined });
    expect([stranger.code, stranger.message]).toEqual([
      'invalid-reference',
      'digitalocean: DigitalOcean cannot be browsed without an API token.',
    ]);
  });

  it('renews a token of the registry that has expired', async () => {
    const { ocean, internet } = await openOcean(smallShelf('acme'));
    const { settings } = await openRecipe(product, { internet, environment });
    expect(await settings.upstream.describe('acme/nginx:1.0.0', never)).toBeDefined();
    ocean.expire();
    expect(await settings.upstream.describe('acme/nginx:1.1.0', never)).toBeDefined();
  });
});
