import { describe, expect, it } from 'vitest';

import { ManualClock } from '../support/clock.ts';
import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet, type Internet } from '../support/internet.ts';
import { dockerHub, type DockerHub, type DockerHubOptions } from '../support/products/docker-hub.ts';
import {
  fetchAll,
  hostsTold,
  listed,
  namesIn,
  openUnhurried,
  requestsOf,
  requestsToFetch,
  smallNames,
} from '../support/products/hosted-registry.ts';
import { naiveClient } from '../support/products/naive.ts';
import { largeShelf, smallShelf, type RegistryShelf } from '../support/products/registry-shelf.ts';
import { isUnchanged } from '../support/products/shelf.ts';

const user = { username: 'acme-reader', password: 'dckr_pat_canary-0001' };
const environment = { DOCKER_USER: user.username, DOCKER_TOKEN: user.password };

async function openHub(
  shelf: RegistryShelf,
  options: Partial<DockerHubOptions> = {},
): Promise<{ readonly hub: DockerHub; readonly internet: Internet }> {
  const hub = dockerHub(shelf, { namespace: 'acme', ...user, ...options });
  return { hub, internet: await openInternet(hub.sites) };
}

describe('Docker Hub', () => {
  it('is listed, described and fetched with its recipe, private charts too', async () => {
    const { internet } = await openHub(smallShelf('acme'), { hidden: ['acme/loki'] });
    const recipe = await openRecipe('Docker Hub', { internet, environment });
    const listing = await listed(recipe);
    expect(namesIn(listing)).toEqual(smallNames);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
    expect(recipe.authenticatedBy()).toBe('user name and password, token of auth.docker.io');
    expect(hostsTold(internet, user.password)).toEqual(['auth.docker.io', 'hub.docker.com']);
  });

  it('shows what is public to nobody in particular', async () => {
    const { internet } = await openHub(smallShelf('acme'), { hidden: ['acme/loki'] });
    const recipe = await openUnhurried('Docker Hub', { internet, environment }, { auth: undefined });
    const listing = await listed(recipe);
    expect(namesIn(listing)).toEqual(['nginx 1.0.0', 'nginx 1.1.0']);
    expect(await fetchAll(recipe.settings.upstream, listing)).toHaveLength(2);
  });

  it('refuses whoever brings no token, or brings one along to where the blobs are', async () => {
    const shelf = smallShelf('acme');
    const { internet } = await openHub(shelf);
    const naive = await naiveClient(internet);
    const tags = 'https://registry-1.docker.io/v2/acme/nginx/tags/list';
    expect(await naive(tags)).toMatchObject({ status: 401 });
    const scope = 'repository:acme/nginx:pull';
    const { body } = await naive(`https://auth.docker.io/token?service=registry.docker.io&scope=${scope}`);
    const { token } = JSON.parse(body) as { token: string };
    const authorization = `Bearer ${token}`;
    expect(await naive(tags, { authorization })).toMatchObject({ status: 200 });
    const config = /"config":.*?(sha256:\w+)/.exec(
      (await naive('https://registry-1.docker.io/v2/acme/nginx/manifests/1.0.0', { authorization })).body,
    )?.[1];
    const blob = await naive(`https://registry-1.docker.io/v2/acme/nginx/blobs/${config}`, { authorization });
    expect(blob).toEqual({ status: 400, body: 'InvalidArgument: Only one auth mechanism allowed' });
  });

  it('takes 102 requests for 100 charts with 20 versions, 2 while nothing changed, and no pull', async () => {
    const shelf = largeShelf('acme', 100, 20);
    const { hub, internet } = await openHub(shelf, { pulls: 0 });
    const recipe = await openUnhurried('Docker Hub', { internet, environment });
    const [cold, listing] = await requestsOf(internet, () => listed(recipe));
    expect([cold, namesIn(listing).length]).toEqual([102, 2000]);
    expect(await requestsOf(internet, () => isUnchanged(recipe.settings.upstream, listing))).toEqual([2, true]);
    shelf.push('acme/chart-7', '2.0.0');
    hub.pushedAt = '2025-12-02T00:00:00Z';
    expect(await requestsOf(internet, () => isUnchanged(recipe.settings.upstream, listing))).toEqual([102, false]);
  });

  it('takes 3 requests for each version once, and 2 for the token of a chart', async () => {
    const { internet } = await openHub(largeShelf('acme', 1, 20));
    const recipe = await openUnhurried('Docker Hub', { internet, environment });
    const listing = await listed(recipe);
    // the archive of each is two more
    expect(await requestsToFetch(internet, recipe, listing)).toBe(2 + 20 * (3 + 2));
  });

  it('asks again for every list of tags after six hours, since deletions do not show', async () => {
    const shelf = smallShelf('acme');
    const { internet } = await openHub(shelf);
    const clock = new ManualClock();
    const recipe = await openUnhurried('Docker Hub', { internet, environment, clock });
    await listed(recipe);
    shelf.remove('acme/nginx', '1.0.0');
    expect(namesIn(await listed(recipe))).toEqual(smallNames);
    await clock.advance(6 * 60 * 60_000);
    expect(namesIn(await listed(recipe))).not.toContain('nginx 1.0.0');
  });

  it('asks again while the last push is some minutes old, since its tag may not be listed yet', async () => {
    const shelf = smallShelf('acme');
    const { hub, internet } = await openHub(shelf);
    const clock = new ManualClock();
    hub.pushedAt = new Date(clock.now() - 60_000).toISOString();
    const recipe = await openUnhurried('Docker Hub', { internet, environment, clock });
    await listed(recipe);
    shelf.push('acme/nginx', '1.2.0');
    expect(namesIn(await listed(recipe))).toContain('nginx 1.2.0');
    await clock.advance(10 * 60_000);
    await listed(recipe);
    shelf.push('acme/nginx', '1.3.0');
    expect(namesIn(await listed(recipe))).not.toContain('nginx 1.3.0');
  });

  it('says when the credentials are wrong, and when there is no such namespace', async () => {
    const { internet } = await openHub(smallShelf('acme'));
    const wrong = { ...environment, DOCKER_TOKEN: 'dckr_pat_expired' };
    const refused = await openRecipe('Docker Hub', { internet, environment: wrong });
    const fault = await faultOf(refused.settings.upstream.list(undefined, never));
    expect([fault.code, fault.message]).toEqual([
      'unauthorized',
      'docker-hub: the server refused these credentials for POST /v2/auth/token at hub.docker.com (401).',
    ]);
    expect(fault.advice).toContain('Check auth');
    const lost = await openUnhurried('Docker Hub', { internet, environment }, { url: 'oci://docker.io/acne' });
    await expect(lost.settings.upstream.list(undefined, never)).rejects.toMatchObject({
      code: 'invalid-reference',
      message: 'docker-hub: Docker Hub shows us no namespace acne.',
    });
    const nowhere = await openUnhurried('Docker Hub', { internet, environment }, { url: 'oci://docker.io' });
    await expect(nowhere.settings.upstream.list(undefined, never)).rejects.toMatchObject({ code: 'invalid-reference' });
  });

  it('renews a token that has expired, and waits when the pulls are used up', async () => {
    const { hub, internet } = await openHub(smallShelf('acme'), { pulls: 2 });
    const { settings } = await openRecipe('Docker Hub', { internet, environment });
    const source = 'acme/nginx:1.0.0';
    expect(await settings.upstream.describe(source, never)).toBeDefined();
    hub.expire();
    expect(await settings.upstream.describe('acme/nginx:1.1.0', never)).toBeDefined();
    expect(settings.upstream.allowance()).toMatchObject({ remaining: 0, limit: 100 });
    const fault = await faultOf(settings.upstream.describe('acme/loki:1.0.0', never));
    expect([fault.code, fault.retryAfterMs]).toEqual(['rate-limited', 600_000]);
  });
});
