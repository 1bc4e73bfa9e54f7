import { describe, expect, it } from 'vitest';

import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import {
  fetchAll,
  hostsTold,
  listed,
  namesIn,
  openUnhurried,
  requestsOf,
  smallNames,
} from '../support/products/hosted-registry.ts';
import { naiveClient } from '../support/products/naive.ts';
import { nexusRegistry } from '../support/products/nexus-registry.ts';
import { largeShelf, smallShelf } from '../support/products/registry-shelf.ts';
import { basicOf, isUnchanged } from '../support/products/shelf.ts';

const product = 'Nexus registry';
const [username, password] = ['chartroom', 'nexus-s3cret'];
const environment = { NEXUS_PASSWORD: password };

async function world(shelf = smallShelf('platform')) {
  const site = nexusRegistry({ shelf, username, password });
  return { shelf, internet: await openInternet({ 'nexus.corp:5000': site }) };
}

describe("Nexus's registry", () => {
  it('is listed by its catalog, described and opened, as its recipe says', async () => {
    const { internet } = await world();
    const opened = await openUnhurried(product, { internet, environment }, { charts: ['**', '!some-image'] });
    expect(await fetchAll(opened.settings.upstream, await listed(opened))).toEqual(smallNames);
    expect(hostsTold(internet, password)).toEqual(['nexus.corp:5000']);
  });

  it('takes a catalog, the tags of each repository, and two requests to get to know it', async () => {
    const { internet } = await world(largeShelf('platform', 100, 20));
    const opened = await openUnhurried(product, { internet, environment });
    const [cold, listing] = await requestsOf(internet, () => listed(opened));
    expect([cold, namesIn(listing).length]).toEqual([103, 2000]);
    const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
    expect([unchanged, same]).toEqual([101, true]);
  });

  it('is complete over several pages', async () => {
    const { internet } = await world(largeShelf('platform', 1002, 1));
    const opened = await openUnhurried(product, { internet, environment });
    expect(namesIn(await listed(opened))).toHaveLength(1002);
  });

  it('says that the password is wrong, and what to do where it only lacks the right to browse', async () => {
    const { internet } = await world();
    const wrong = await openUnhurried(product, { internet, environment: { NEXUS_PASSWORD: 'wrong' } });
    const { code, message, advice } = await faultOf(wrong.settings.upstream.list(undefined, never));
    expect([code, message]).toEqual([
      'unauthorized',
      'nexus: the registry refused these credentials for its list of repositories (401).',
    ]);
    expect(advice).toMatch(/^Check auth.*Name the charts under nexus\.corp:5000 in charts/);
  });

  it('refuses who asks for more than a thousand at once, or does not say who asks', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    const known = { authorization: basicOf(username, password) };
    const registry = 'https://nexus.corp:5000/v2';
    expect(await ask(`${registry}/_catalog?n=10000`, known)).toMatchObject({ status: 405 });
    expect(await ask(`${registry}/platform/nginx/tags/list?n=10000`, known)).toMatchObject({ status: 405 });
    expect(await ask(`${registry}/_catalog`)).toMatchObject({ status: 401 });
  });
});
