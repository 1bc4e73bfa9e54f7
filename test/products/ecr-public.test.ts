import { describe, expect, it } from 'vitest';

import { reachable } from '../support/cloud/trust.ts';
import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { ecrPublic } from '../support/products/ecr-public.ts';
import {
  fetchAll,
  hostsTold,
  listed,
  namesIn,
  openUnhurried,
  requestsOf,
} from '../support/products/hosted-registry.ts';
import { naiveClient } from '../support/products/naive.ts';
import { largeShelf, RegistryShelf } from '../support/products/registry-shelf.ts';
import { isUnchanged } from '../support/products/shelf.ts';

const product = 'Amazon ECR Public';

function acmeShelf(): RegistryShelf {
  const shelf = new RegistryShelf();
  shelf.push('acme/nginx', '1.0.0');
  shelf.push('acme/team/loki', '2.0.0');
  return shelf;
}

describe('Amazon ECR Public', () => {
  it('is listed, described and fetched with its recipe, by strangers', async () => {
    const internet = await openInternet(ecrPublic(acmeShelf()).sites);
    const recipe = await openRecipe(product, { internet });
    const listing = await listed(recipe);
    expect(namesIn(listing)).toEqual(['loki 2.0.0', 'nginx 1.0.0']);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(['loki 2.0.0', 'nginx 1.0.0']);
    expect(recipe.authenticatedBy()).toBe('anonymous, token of public.ecr.aws');
  });

  it('is fetched by whoever signs in with keys of AWS', async () => {
    const internet = await reachable(ecrPublic(acmeShelf()).sites);
    const auth = { provider: 'aws', accessKeyId: 'AKIACANARY0001', secretAccessKey: 'aws/canary+secret0001' };
    const recipe = await openUnhurried(product, { internet }, { auth });
    expect(await fetchAll(recipe.settings.upstream, await listed(recipe))).toHaveLength(2);
    expect(recipe.authenticatedBy()).toBe('AWS keys, token of public.ecr.aws');
    expect(hostsTold(internet, 'ecr-public-password')).toEqual(['public.ecr.aws']);
  });

  it('cannot be browsed, and says so without asking', async () => {
    const internet = await openInternet(ecrPublic(acmeShelf()).sites);
    const { settings } = await openUnhurried(product, { internet }, { charts: undefined, discover: true });
    const fault = await faultOf(settings.upstream.list(undefined, never));
    expect([fault.code, fault.message]).toEqual([
      'invalid-reference',
      'ecr-public: Amazon ECR Public cannot be browsed.',
    ]);
    expect(fault.advice).toContain('Name the charts');
    expect(internet.requests).toHaveLength(0);
  });

  it('refuses whoever asks for a catalog, or brings a token to where the blobs are', async () => {
    const internet = await openInternet(ecrPublic(acmeShelf()).sites);
    const naive = await naiveClient(internet);
    expect(await naive('https://public.ecr.aws/v2/acme/nginx/tags/list')).toMatchObject({ status: 401 });
    const { body } = await naive('https://public.ecr.aws/token/?service=public.ecr.aws&scope=aws');
    const authorization = `Bearer ${(JSON.parse(body) as { token: string }).token}`;
    expect(await naive('https://public.ecr.aws/v2/_catalog', { authorization })).toMatchObject({ status: 404 });
    const manifest = await naive('https://public.ecr.aws/v2/acme/nginx/manifests/1.0.0', { authorization });
    const config = /"config":.*?(sha256:\w+)/.exec(manifest.body)?.[1];
    const blob = await naive(`https://public.ecr.aws/v2/acme/nginx/blobs/${config}`, { authorization });
    expect(blob).toMatchObject({ status: 400 });
  });

  it('takes 201 requests for 100 charts with 20 versions, and 100 while nothing changed', async () => {
    const amazon = ecrPublic(largeShelf('acme', 100, 20));
    const internet = await openInternet(amazon.sites);
    const charts = Array.from({ length: 100 }, (_, at) => `chart-${at}`);
    const recipe = await openUnhurried(product, { internet }, { charts });
    const [cold, listing] = await requestsOf(internet, () => listed(recipe));
    // every repository shows its own challenge once, and those that are asked at once share the token
    expect([cold, namesIn(listing).length]).toEqual([201, 2000]);
    const { upstream } = recipe.settings;
    expect(await requestsOf(internet, () => isUnchanged(upstream, listing))).toEqual([100, true]);
    amazon.expire();
    expect(await isUnchanged(upstream, listing)).toBe(true);
  });
});
