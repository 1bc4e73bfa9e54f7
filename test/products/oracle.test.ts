import { describe, expect, it } from 'vitest';

import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet, type Internet } from '../support/internet.ts';
import {
  fetchAll,
  hostsTold,
  listed,
  namesIn,
  openUnhurried,
  requestsOf,
} from '../support/products/hosted-registry.ts';
import { naiveClient } from '../support/products/naive.ts';
import { oracle, type Oracle } from '../support/products/oracle.ts';
import { largeShelf, RegistryShelf } from '../support/products/registry-shelf.ts';
import { isUnchanged } from '../support/products/shelf.ts';

const product = 'Oracle Cloud';
const user = { username: 'acmetenancy/reader@acme.corp', password: 'ocir(canary)0001' };
const environment = { OCIR_USER: user.username, OCIR_TOKEN: user.password };

function acmeShelf(): RegistryShelf {
  const shelf = new RegistryShelf();
  shelf.push('acmetenancy/nginx', '1.0.0');
  shelf.push('acmetenancy/team/loki', '2.0.0');
  return shelf;
}

async function openOracle(shelf: RegistryShelf): Promise<{ readonly ocir: Oracle; readonly internet: Internet }> {
  const ocir = oracle(shelf, user);
  return { ocir, internet: await openInternet(ocir.sites) };
}

describe("the registry of Oracle's cloud", () => {
  it('is listed, described and fetched with its recipe, and renews tokens that have expired', async () => {
    const { ocir, internet } = await openOracle(acmeShelf());
    const recipe = await openRecipe(product, { internet, environment });
    const listing = await listed(recipe);
    expect(namesIn(listing)).toEqual(['loki 2.0.0', 'nginx 1.0.0']);
    ocir.expire();
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(['loki 2.0.0', 'nginx 1.0.0']);
    expect(recipe.authenticatedBy()).toBe('user name and password, token of fra.ocir.io');
    expect(hostsTold(internet, user.password)).toEqual(['fra.ocir.io']);
  });

  it('cannot be browsed, and says so without asking', async () => {
    const { internet } = await openOracle(acmeShelf());
    const { settings } = await openUnhurried(product, { internet, environment }, { charts: undefined, discover: true });
    const fault = await faultOf(settings.upstream.list(undefined, never));
    expect([fault.code, fault.message]).toEqual(['invalid-reference', 'oracle: Oracle Cloud cannot be browsed.']);
    expect(internet.requests).toHaveLength(0);
  });

  it('refuses strangers, and whoever asks for a catalog', async () => {
    const { internet } = await openOracle(acmeShelf());
    const naive = await naiveClient(internet);
    expect(await naive('https://fra.ocir.io/v2/_catalog')).toMatchObject({ status: 404 });
    expect(await naive('https://fra.ocir.io/v2/acmetenancy/nginx/tags/list')).toMatchObject({ status: 401 });
    expect(await naive('https://fra.ocir.io/20180419/docker/token')).toMatchObject({ status: 401 });
  });

  it('takes 300 requests for 100 charts with 20 versions, and 100 while nothing changed', async () => {
    const { internet } = await openOracle(largeShelf('acmetenancy', 100, 20));
    const charts = Array.from({ length: 100 }, (_, at) => `chart-${at}`);
    const recipe = await openUnhurried(product, { internet, environment }, { charts });
    const [cold, listing] = await requestsOf(internet, () => listed(recipe));
    expect([cold, namesIn(listing).length]).toEqual([300, 2000]);
    expect(await requestsOf(internet, () => isUnchanged(recipe.settings.upstream, listing))).toEqual([100, true]);
  });

  it('says when the credentials are wrong', async () => {
    const { internet } = await openOracle(acmeShelf());
    const wrong = { ...environment, OCIR_USER: 'reader@acme.corp' };
    const { settings } = await openRecipe(product, { internet, environment: wrong });
    const fault = await faultOf(settings.upstream.list(undefined, never));
    expect([fault.code, fault.message]).toEqual([
      'unauthorized',
      'oracle: the token service fra.ocir.io:443 refused these credentials (401).',
    ]);
  });
});
