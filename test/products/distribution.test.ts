import { describe, expect, it } from 'vitest';

import { faultOf, never } from '../support/http.ts';
import { openInternet, type Site } from '../support/internet.ts';
import { distribution, listingDistribution, reader } from '../support/products/distribution.ts';
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
import { largeShelf, smallShelf } from '../support/products/registry-shelf.ts';
import { basicOf, isUnchanged } from '../support/products/shelf.ts';
import { needsTools } from '../support/tools.ts';

const product = 'Distribution';
const host = 'registry.corp';
const environment = { REGISTRY_PASSWORD: reader.password };
const charts = ['*', '!some-image'];
const world = async (site: Site) => openInternet({ [host]: site });

describe.skipIf(needsTools('registry'))('a real distribution', () => {
  it.each(['htpasswd', 'token'] as const)(
    'with %s is listed, described and opened, as its recipe says',
    async (auth) => {
      const shelf = smallShelf('charts');
      shelf.push('charts/team/mysql', '1.0.0+build.1');
      shelf.push('other/secret', '1.0.0');
      const { site } = await distribution(host, auth, shelf);
      const internet = await world(site);
      const opened = await openUnhurried(product, { internet, environment }, { charts });
      const listing = await listed(opened);
      const names = [...smallNames, 'mysql 1.0.0+build.1'].toSorted();
      expect(await fetchAll(opened.settings.upstream, listing)).toEqual(names);
      expect(await isUnchanged(opened.settings.upstream, listing)).toBe(true);
      expect(hostsTold(internet, reader.password)).toEqual([host]);
      // with tokens the password is for their service alone
      const told = internet.requests.filter(({ headers }) => headers.authorization?.startsWith('Basic '));
      expect(told.every(({ path }) => path === '/token')).toBe(auth === 'token');
    },
  );

  it.each([
    ['htpasswd', 103],
    ['token', 304],
  ] as const)(
    'with %s takes a catalog, the tags of each repository, and what it takes to be let in',
    async (auth, first) => {
      const { site } = await listingDistribution(host, auth, largeShelf('charts', 100, 20));
      const internet = await world(site);
      const opened = await openUnhurried(product, { internet, environment });
      const [cold, listing] = await requestsOf(internet, () => listed(opened));
      expect([cold, namesIn(listing).length]).toEqual([first, 2000]);
      const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
      expect([unchanged, same]).toEqual([101, true]);
    },
  );

  it('says which credentials are wrong', async () => {
    const faultWith = async (auth: 'htpasswd' | 'token'): Promise<readonly string[]> => {
      const { site } = await distribution(host, auth, smallShelf('charts'));
      const internet = await world(site);
      const opened = await openUnhurried(product, { internet, environment: { REGISTRY_PASSWORD: 'wrong' } });
      const { code, message } = await faultOf(opened.settings.upstream.list(undefined, never));
      return [code, message];
    };
    expect(await faultWith('htpasswd')).toEqual([
      'unauthorized',
      'registry: the registry refused these credentials for its list of repositories (401).',
    ]);
    expect(await faultWith('token')).toEqual([
      'unauthorized',
      'registry: the token service registry.corp:443 refused these credentials (401).',
    ]);
  });

  it('says that it may be that these credentials cannot browse, when its tokens are refused', async () => {
    const { site, expire } = await distribution(host, 'token', smallShelf('charts'));
    const opened = await openUnhurried(product, { internet: await world(site), environment });
    expire();
    const { code, advice } = await faultOf(opened.settings.upstream.list(undefined, never));
    expect(code).toBe('unauthorized');
    expect(advice).toContain('Name the charts under charts in charts');
  });

  it('whose catalog is turned off says so, once it is known to be a registry', async () => {
    const { site } = await distribution(host, 'htpasswd', smallShelf('charts'));
    const closed: Site = (request) => (request.path === '/v2/_catalog' ? { status: 404, body: '{}' } : site(request));
    const opened = await openUnhurried(product, { internet: await world(closed), environment });
    const { code, message } = await faultOf(opened.settings.upstream.list(undefined, never));
    expect([code, message]).toEqual(['invalid-reference', 'registry: the registry cannot be browsed.']);
    const nothing = await openUnhurried(product, { internet: await world(() => ({ status: 404 })), environment });
    expect((await faultOf(nothing.settings.upstream.list(undefined, never))).code).toBe('not-a-registry');
  });

  it('refuses who asks for more than a thousand repositories at once', async () => {
    const { site } = await distribution(host, 'htpasswd', smallShelf('charts'));
    const ask = await naiveClient(await world(site));
    const known = { authorization: basicOf(reader.username, reader.password) };
    const refused = await ask(`https://${host}/v2/_catalog?n=10000`, known);
    expect([refused.status, refused.body]).toEqual([400, expect.stringContaining('PAGINATION_NUMBER_INVALID')]);
    expect(await ask(`https://${host}/v2/_catalog?n=1000`, known)).toMatchObject({ status: 200 });
  });
});
