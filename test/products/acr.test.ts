import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/lib/clock.ts';
import { fakeAzure } from '../support/cloud/entra.ts';
import { reachable } from '../support/cloud/trust.ts';
import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet, type Internet } from '../support/internet.ts';
import { acr, type Acr, type AcrOptions } from '../support/products/acr.ts';
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
import { basicOf, isUnchanged } from '../support/products/shelf.ts';

const product = 'Azure Container Registry';
const user = { username: '00000000-1111-2222-3333-444444444444', password: 'acr~canary-0001' };
const environment = { AZURE_CLIENT_ID: user.username, AZURE_CLIENT_SECRET: user.password };

async function openAcr(
  shelf: RegistryShelf,
  options: Partial<AcrOptions> = {},
): Promise<{ readonly azure: Acr; readonly internet: Internet }> {
  const azure = acr(shelf, { ...user, ...options });
  return { azure, internet: await openInternet(azure.sites) };
}

describe('the Azure Container Registry', () => {
  it('is listed, described and fetched with its recipe, images left out', async () => {
    const shelf = smallShelf('helm');
    shelf.push('apps/elsewhere', '1.0.0');
    const { internet } = await openAcr(shelf);
    const recipe = await openRecipe(product, { internet, environment });
    const listing = await listed(recipe);
    expect(namesIn(listing)).toEqual(smallNames);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
    expect(recipe.authenticatedBy()).toBe('user name and password, token of acme.azurecr.io');
    expect(hostsTold(internet, user.password)).toEqual(['acme.azurecr.io']);
  });

  it('is listed and fetched by an application of Azure, whose secret Microsoft alone is told', async () => {
    const entra = fakeAzure(systemClock);
    const azure = acr(smallShelf('helm'), { ...user, entra });
    const internet = await reachable({ ...azure.sites, ...entra.sites });
    const { tenantId, clientId, clientSecret } = entra;
    const auth = { provider: 'azure', tenantId, clientId, clientSecret };
    const recipe = await openUnhurried(product, { internet, environment }, { auth });
    const listing = await listed(recipe);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
    expect(recipe.authenticatedBy()).toBe('Azure application, token of acme.azurecr.io');
    expect(hostsTold(internet, clientSecret)).toEqual(['login.microsoftonline.com']);
    expect([entra.exchanges(), hostsTold(internet, 'canary-entra-1')]).toEqual([1, ['acme.azurecr.io']]);
  });

  it('refuses a token for the content where lists are asked for, and whoever brings it to the storage', async () => {
    const { internet } = await openAcr(smallShelf('helm'));
    const naive = await naiveClient(internet);
    const scope = 'repository:helm/nginx:pull';
    const asked = await naive(`https://acme.azurecr.io/oauth2/token?service=acme.azurecr.io&scope=${scope}`, {
      authorization: basicOf(user.username, user.password),
    });
    const authorization = `Bearer ${(JSON.parse(asked.body) as { access_token: string }).access_token}`;
    const at = (path: string) => naive(`https://acme.azurecr.io${path}`, { authorization });
    expect(await at('/v2/helm/nginx/tags/list')).toMatchObject({ status: 401 });
    const manifest = await at('/v2/helm/nginx/manifests/1.0.0');
    const config = /"config":.*?(sha256:\w+)/.exec(manifest.body)?.[1];
    const blob = await at(`/v2/helm/nginx/blobs/${config}`);
    expect([blob.status, blob.body]).toEqual([400, expect.stringContaining('not given in the correct format')]);
  });

  it('takes 303 requests for 100 charts with 20 versions, and 101 while nothing changed', async () => {
    const shelf = largeShelf('helm', 100, 20);
    const { internet } = await openAcr(shelf);
    const recipe = await openUnhurried(product, { internet, environment });
    const costs = await requestsToList(internet, recipe, () => shelf.push('helm/chart-7', '2.0.0'));
    expect(costs).toEqual({ versions: 2000, cold: 303, unchanged: 101, changed: 101 });
  });

  it('takes 3 requests for each version once, and 2 for the token of a chart', async () => {
    const { internet } = await openAcr(largeShelf('helm', 1, 20));
    const recipe = await openUnhurried(product, { internet, environment });
    const listing = await listed(recipe);
    // the archive of each is two more
    expect(await requestsToFetch(internet, recipe, listing)).toBe(2 + 20 * (3 + 2));
  });

  it('reads all pages of the catalog and of the manifests', async () => {
    const shelf = largeShelf('helm', 1001, 0);
    for (let chart = 0; chart < 1001; chart += 1) shelf.push(`apps/app-${chart}`, '1.0.0');
    for (let patch = 0; patch < 1001; patch += 1) shelf.push('helm/zot', `1.0.${patch}`);
    const { internet } = await openAcr(shelf);
    const listing = await listed(await openUnhurried(product, { internet, environment }));
    expect(namesIn(listing)).toHaveLength(1001);
  });

  it('says when the credentials are wrong, and when they may pull but not list', async () => {
    const shelf = smallShelf('helm');
    const { internet } = await openAcr(shelf);
    const wrong = { ...environment, AZURE_CLIENT_SECRET: 'expired' };
    const refused = await openRecipe(product, { internet, environment: wrong });
    const expired = await faultOf(refused.settings.upstream.list(undefined, never));
    expect([expired.code, expired.message]).toEqual([
      'unauthorized',
      'acr: the token service acme.azurecr.io:443 refused these credentials (401).',
    ]);
    const narrow = await openAcr(shelf, { mayList: false });
    const { settings } = await openRecipe(product, { internet: narrow.internet, environment });
    const fault = await faultOf(settings.upstream.list(undefined, never));
    expect([fault.code, fault.message]).toEqual([
      'unauthorized',
      'acr: the server refused these credentials for GET /acr/v1/_catalog at acme.azurecr.io (401).',
    ]);
    expect(fault.advice).toContain('Name the charts');
    expect(await settings.upstream.describe('helm/nginx:1.0.0', never)).toBeDefined();
  });

  it('renews tokens of the registry that have expired', async () => {
    const { azure, internet } = await openAcr(smallShelf('helm'));
    const recipe = await openUnhurried(product, { internet, environment });
    const listing = await listed(recipe);
    azure.expire();
    expect(await isUnchanged(recipe.settings.upstream, listing)).toBe(true);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
    azure.expire();
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
  });
});
