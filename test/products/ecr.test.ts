import { describe, expect, it } from 'vitest';

import { reachable } from '../support/cloud/trust.ts';
import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import type { Internet } from '../support/internet.ts';
import { ecr, type Ecr, type EcrOptions } from '../support/products/ecr.ts';
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
import { largeShelf, smallShelf, type RegistryShelf } from '../support/products/registry-shelf.ts';
import { basicOf, isUnchanged } from '../support/products/shelf.ts';

const product = 'Amazon ECR';
const host = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const password = 'ecr-password-first';
const keys = { AWS_ACCESS_KEY_ID: 'AKIACANARY0001', AWS_SECRET_ACCESS_KEY: 'aws/canary+secret0001' };
const environment = { ...keys, ECR_PASSWORD: password };
const byPassword = { auth: { username: 'AWS', password: '${ECR_PASSWORD}' } };

async function openAmazon(
  shelf: RegistryShelf,
  options: Partial<EcrOptions> = {},
): Promise<{ readonly amazon: Ecr; readonly internet: Internet }> {
  const amazon = ecr(shelf, { accessKeyId: keys.AWS_ACCESS_KEY_ID, ...options });
  const internet = await reachable(amazon.sites);
  return { amazon, internet };
}

describe('Amazon ECR', () => {
  it('is listed, described and fetched with its recipe, images left out', async () => {
    const shelf = smallShelf('charts');
    shelf.push('elsewhere/mimir', '1.0.0');
    const { amazon, internet } = await openAmazon(shelf);
    const recipe = await openRecipe(product, { internet, environment });
    const listing = await listed(recipe);
    expect(namesIn(listing)).toEqual(smallNames);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
    expect(recipe.authenticatedBy()).toBe('AWS keys (Basic)');
    expect(amazon.calls.filter((call) => call === 'GetAuthorizationToken')).toHaveLength(1);
    expect(hostsTold(internet, password)).toEqual([host]);
    expect(hostsTold(internet, keys.AWS_SECRET_ACCESS_KEY)).toEqual([]);
  });

  it('is listed with a login password, whatever scheme its url is written with', async () => {
    const shelf = smallShelf('charts');
    const { internet } = await openAmazon(shelf);
    const here = { ...byPassword, url: `https://${host}/charts`, charts: ['nginx', 'loki'] };
    const recipe = await openUnhurried(product, { internet, environment }, here);
    const listing = await listed(recipe);
    expect(namesIn(listing)).toEqual(smallNames);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
    expect(hostsTold(internet, password)).toEqual([host]);
  });

  it('is read to the end of its lists of tags, which have no order', async () => {
    const shelf = largeShelf('charts', 1, 1001);
    const { internet } = await openAmazon(shelf);
    const recipe = await openUnhurried(product, { internet, environment }, byPassword);
    expect(namesIn(await listed(recipe))).toHaveLength(1001);
  });

  it('refuses strangers, more than 1,000 of a list at once, and whoever brings the password along to S3', async () => {
    const { internet } = await openAmazon(smallShelf('charts'));
    const naive = await naiveClient(internet);
    expect(await naive(`https://${host}/v2/charts/nginx/tags/list`)).toMatchObject({ status: 401 });
    const authorization = basicOf('AWS', password);
    const greedy = await naive(`https://${host}/v2/charts/nginx/tags/list?n=10000`, { authorization });
    expect(greedy).toMatchObject({ status: 405 });
    const manifest = await naive(`https://${host}/v2/charts/nginx/manifests/1.0.0`, { authorization });
    const config = /"config":.*?(sha256:\w+)/.exec(manifest.body)?.[1];
    const blob = await naive(`https://${host}/v2/charts/nginx/blobs/${config}`, { authorization });
    expect([blob.status, blob.body]).toEqual([400, expect.stringContaining('Only one auth mechanism allowed')]);
  });

  it('takes 101 requests for 100 charts with 20 versions, and 101 while nothing changed', async () => {
    const shelf = largeShelf('charts', 100, 20);
    const { internet } = await openAmazon(shelf);
    const recipe = await openUnhurried(product, { internet, environment });
    const costs = await requestsToList(internet, recipe, () => shelf.push('charts/chart-7', '1.0.1'));
    expect(costs).toEqual({ versions: 2000, cold: 101, unchanged: 101, changed: 101 });
  });

  it('takes 3 requests for each version once, and 2 for the password and the challenge', async () => {
    const { internet } = await openAmazon(largeShelf('charts', 1, 20));
    const recipe = await openUnhurried(product, { internet, environment });
    const listing = await listed(recipe);
    // the archive of each is two more
    expect(await requestsToFetch(internet, recipe, listing)).toBe(2 + 20 * (3 + 2));
  });

  it('takes one challenge, the catalog and a list of tags for each chart with a password', async () => {
    const { internet } = await openAmazon(largeShelf('charts', 100, 20));
    const recipe = await openUnhurried(product, { internet, environment }, byPassword);
    const [cold, listing] = await requestsOf(internet, () => listed(recipe));
    expect([cold, namesIn(listing).length]).toEqual([102, 2000]);
    expect(await requestsOf(internet, () => isUnchanged(recipe.settings.upstream, listing))).toEqual([101, true]);
  });

  it('says when the keys are wrong, or may not list', async () => {
    const shelf = smallShelf('charts');
    const { internet } = await openAmazon(shelf);
    const wrong = { ...environment, AWS_ACCESS_KEY_ID: 'AKIADELETED' };
    const refused = await openRecipe(product, { internet, environment: wrong });
    const fault = await faultOf(refused.settings.upstream.list(undefined, never));
    expect([fault.code, fault.message]).toEqual([
      'unauthorized',
      'ecr: AWS refused ecr:DescribeRepositories (UnrecognizedClientException).',
    ]);
    const narrow = await openAmazon(shelf, { denied: ['DescribeRepositories'] });
    const { settings } = await openRecipe(product, { internet: narrow.internet, environment });
    const denied = await faultOf(settings.upstream.list(undefined, never));
    expect([denied.code, denied.message]).toEqual([
      'forbidden',
      'ecr: AWS refused ecr:DescribeRepositories (AccessDeniedException).',
    ]);
    expect(denied.advice).toContain('Name the charts');
    expect(await settings.upstream.describe('charts/nginx:1.0.0', never)).toBeDefined();
  });

  it('says when a login password has expired', async () => {
    const { amazon, internet } = await openAmazon(smallShelf('charts'));
    const recipe = await openUnhurried(product, { internet, environment }, byPassword);
    await listed(recipe);
    amazon.renew('ecr-password-second');
    const fault = await faultOf(recipe.settings.upstream.list(undefined, never));
    expect([fault.code, fault.message]).toEqual([
      'unauthorized',
      'ecr: the registry refused these credentials for its list of repositories (403).',
    ]);
  });
});
