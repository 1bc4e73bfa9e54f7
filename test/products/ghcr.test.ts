import { describe, expect, it } from 'vitest';

import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet, type Internet } from '../support/internet.ts';
import { ghcr, type Ghcr, type GhcrOptions } from '../support/products/ghcr.ts';
import {
  fetchAll,
  hostsTold,
  listed,
  namesIn,
  openUnhurried,
  requestsOf,
  requestsToFetch,
  requestsToList,
  smallNames,
} from '../support/products/hosted-registry.ts';
import { naiveClient } from '../support/products/naive.ts';
import { json, largeShelf, smallShelf, type RegistryShelf } from '../support/products/registry-shelf.ts';
import { isUnchanged } from '../support/products/shelf.ts';

const product = 'GitHub Container Registry';
const token = 'ghp_canary0001canary0001canary0001canary';
const environment = { GITHUB_USER: 'acme-bot', GITHUB_TOKEN: token };

async function openGitHub(
  shelf: RegistryShelf,
  options: Partial<GhcrOptions> = {},
): Promise<{ readonly github: Ghcr; readonly internet: Internet }> {
  const github = ghcr(shelf, { owner: 'acme', kind: 'orgs', token, ...options });
  return { github, internet: await openInternet(github.sites) };
}

describe('the GitHub Container Registry', () => {
  it('is listed, described and fetched with its recipe, packages in folders too', async () => {
    const shelf = smallShelf('acme');
    shelf.push('acme/team/mimir', '2.0.0+build.1');
    const { internet } = await openGitHub(shelf);
    const recipe = await openUnhurried(product, { internet, environment }, { charts: ['*', 'team/*', '!some-image'] });
    const listing = await listed(recipe);
    const all = ['loki 1.0.0', 'loki 1.1.0', 'mimir 2.0.0+build.1', 'nginx 1.0.0', 'nginx 1.1.0'];
    expect(namesIn(listing)).toEqual(all);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(all);
    expect(recipe.authenticatedBy()).toBe('user name and password, token of ghcr.io');
    expect(hostsTold(internet, token)).toEqual(['api.github.com', 'ghcr.io']);
  });

  it('finds out when it fetches it that an image is no chart', async () => {
    const { internet } = await openGitHub(smallShelf('acme'));
    const { settings } = await openRecipe(product, { internet, environment });
    const fault = await faultOf(settings.upstream.describe('acme/some-image:3.0.0', never));
    expect(fault.code).toBe('not-a-chart');
  });

  it('opens charts that are named to strangers, and cannot be browsed by them', async () => {
    const { internet } = await openGitHub(smallShelf('acme'));
    const named = { auth: undefined, discover: false, charts: ['nginx', 'loki'] };
    const recipe = await openUnhurried(product, { internet, environment }, named);
    const listing = await listed(recipe);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
    const browsing = await openUnhurried(product, { internet, environment }, { auth: undefined });
    const fault = await faultOf(browsing.settings.upstream.list(undefined, never));
    expect([fault.code, fault.message]).toEqual([
      'invalid-reference',
      'ghcr: GitHub cannot be browsed without a token.',
    ]);
    expect(fault.advice).toContain('Name the charts');
  });

  it('lists the packages of a user as those of an organization', async () => {
    const { internet } = await openGitHub(smallShelf('acme'), { kind: 'users' });
    const recipe = await openUnhurried(product, { internet, environment }, { charts: ['nginx'] });
    const [first, listing] = await requestsOf(internet, () => listed(recipe));
    expect([first, namesIn(listing)]).toEqual([3, ['nginx 1.0.0', 'nginx 1.1.0']]);
    expect(await requestsOf(internet, () => isUnchanged(recipe.settings.upstream, listing))).toEqual([1, true]);
  });

  it('refuses whoever has no user agent, asks for a catalog, or brings a token to where the blobs are', async () => {
    const { internet } = await openGitHub(smallShelf('acme'));
    const naive = await naiveClient(internet);
    const packages = 'https://api.github.com/orgs/acme/packages?package_type=container';
    expect(await naive(packages, { authorization: `Bearer ${token}` })).toMatchObject({ status: 403 });
    expect(await naive(packages, { 'user-agent': 'naive' })).toMatchObject({ status: 401 });
    expect(await naive('https://ghcr.io/v2/_catalog')).toMatchObject({ status: 404 });
    const { body } = await naive('https://ghcr.io/token?service=ghcr.io&scope=repository:acme/nginx:pull');
    const authorization = `Bearer ${(JSON.parse(body) as { token: string }).token}`;
    const manifest = await naive('https://ghcr.io/v2/acme/nginx/manifests/1.0.0', { authorization });
    const config = /"config":.*?(sha256:\w+)/.exec(manifest.body)?.[1];
    expect(await naive(`https://ghcr.io/v2/acme/nginx/blobs/${config}`, { authorization })).toMatchObject({
      status: 400,
    });
  });

  it('takes 101 requests for 100 charts with 20 versions, and 1 while nothing changed', async () => {
    const shelf = largeShelf('acme', 100, 20);
    const { internet } = await openGitHub(shelf);
    const recipe = await openUnhurried(product, { internet, environment });
    const costs = await requestsToList(internet, recipe, () => shelf.push('acme/chart-7', '2.0.0'));
    expect(costs).toEqual({ versions: 2000, cold: 101, unchanged: 1, changed: 2 });
  });

  it('takes 3 requests for each version once, and 2 for the token of a chart', async () => {
    const { internet } = await openGitHub(largeShelf('acme', 1, 20));
    const recipe = await openUnhurried(product, { internet, environment });
    const listing = await listed(recipe);
    // the archive of each is two more
    expect(await requestsToFetch(internet, recipe, listing)).toBe(2 + 20 * (3 + 2));
  });

  it('follows pages by their query, whatever their path says', async () => {
    const { internet } = await openGitHub(largeShelf('acme', 101, 1));
    const listing = await listed(await openUnhurried(product, { internet, environment }));
    expect(namesIn(listing)).toHaveLength(101);
    expect(internet.to('api.github.com')[1]?.target).toBe(
      '/orgs/acme/packages?package_type=container&per_page=100&page=2',
    );
  });

  it('says when the token is wrong, lacks a scope, or shows nothing of the owner', async () => {
    const { github, internet } = await openGitHub(smallShelf('acme'));
    const faultWith = async (change: object, variables: Readonly<Record<string, string>> = environment) => {
      const { settings } = await openUnhurried(product, { internet, environment: variables }, change);
      return faultOf(settings.upstream.list(undefined, never));
    };
    const expired = await faultWith({}, { ...environment, GITHUB_TOKEN: 'ghp_expired' });
    expect([expired.code, expired.message]).toEqual([
      'unauthorized',
      'ghcr: the server refused these credentials for GET /orgs/acme/packages at api.github.com (401).',
    ]);
    expect(expired.advice).toContain('read:packages');
    const elsewhere = await faultWith({ url: 'oci://ghcr.io/acne' });
    expect(elsewhere.message).toBe('ghcr: GitHub shows us no packages of acne.');
    github.api = json({ message: 'You need at least read:packages scope to list packages.' }, 403);
    const narrow = await faultWith({});
    expect([narrow.code, narrow.message]).toEqual([
      'forbidden',
      'ghcr: the server does not allow GET /orgs/acme/packages at api.github.com with these credentials (403).',
    ]);
  });

  it('waits as long as GitHub says, in any of its ways', async () => {
    const { github, internet } = await openGitHub(smallShelf('acme'));
    const { settings } = await openRecipe(product, { internet, environment });
    const reset = String(Math.floor(Date.now() / 1000) + 600);
    github.api = json({ message: 'API rate limit exceeded' }, 403, {
      ...{ 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset },
    });
    const listing = await faultOf(settings.upstream.list(undefined, never));
    expect(listing.code).toBe('rate-limited');
    expect(listing.retryAfterMs).toBeGreaterThan(590_000);
    const message = 'retry-after: 880.092µs, allowed: 44000/minute';
    github.manifests = json({ errors: [{ code: 'TOOMANYREQUESTS', message }] }, 429);
    const manifest = await faultOf(settings.upstream.describe('acme/nginx:1.0.0', never));
    expect([manifest.code, manifest.retryAfterMs]).toEqual(['rate-limited', expect.closeTo(1, 0)]);
  });

  it('renews a token of the registry that has expired', async () => {
    const { github, internet } = await openGitHub(smallShelf('acme'));
    const { settings } = await openRecipe(product, { internet, environment });
    expect(await settings.upstream.describe('acme/nginx:1.0.0', never)).toBeDefined();
    github.expire();
    expect(await settings.upstream.describe('acme/nginx:1.1.0', never)).toBeDefined();
  });
});
