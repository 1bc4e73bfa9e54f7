import { describe, expect, it } from 'vitest';

import { Catalog } from '../../src/chart/catalog.ts';
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
import { quay, type QuayFixture } from '../support/products/quay.ts';
import { largeShelf, smallShelf } from '../support/products/registry-shelf.ts';
import { basicOf, isUnchanged } from '../support/products/shelf.ts';

const product = 'Quay';
const oauthToken = 'quay-oauth-s3cret';
const robot = { username: 'platform+chartroom', password: 'quay-robot-s3cret' };
const environment = { QUAY_TOKEN: oauthToken };
const asRobot = { auth: { username: robot.username, password: robot.password } };
const charts = ['*', '!some-image'];

async function world(more: Partial<QuayFixture> = {}) {
  const fixture = { shelf: smallShelf('platform'), robot, oauthToken, ...more };
  return { shelf: fixture.shelf, internet: await openInternet({ 'quay.corp': quay('quay.corp', fixture) }) };
}

describe('Quay', () => {
  it('is listed by its own API, described and opened, as its recipe says', async () => {
    const { internet, shelf } = await world();
    shelf.push('other/secret', '1.0.0');
    const opened = await openUnhurried(product, { internet, environment }, { charts });
    const listing = await listed(opened);
    expect(namesIn(listing)).toEqual(smallNames);
    const [claim] = new Catalog(listing.claims).find('nginx', '1.0.0')?.claims ?? [];
    expect(claim?.source).toBe(`platform/nginx:1.0.0@${shelf.tagsOf('platform/nginx')[0]?.digest}`);
    expect(await fetchAll(opened.settings.upstream, listing)).toEqual(smallNames);
    expect(hostsTold(internet, oauthToken)).toEqual(['quay.corp']);
  });

  it('is listed by its catalog for a robot account, over pages of a hundred whose links name another host', async () => {
    const { internet } = await world({ shelf: largeShelf('platform', 120, 1) });
    const opened = await openUnhurried(product, { internet, environment }, asRobot);
    expect(namesIn(await listed(opened))).toHaveLength(120);
    const scopes = internet.requests.flatMap(({ query }) => query.getAll('scope'));
    expect(scopes.filter((scope) => !scope.startsWith('repository:'))).toEqual([]);
    expect(hostsTold(internet, robot.password)).toEqual(['quay.corp']);
  });

  it('is open to strangers where it is public', async () => {
    const { internet } = await world({ isPublic: true });
    const opened = await openUnhurried(product, { internet }, { auth: undefined, charts });
    expect(await fetchAll(opened.settings.upstream, await listed(opened))).toEqual(smallNames);
  });

  it('takes a page of repositories and one of tags for each, and one request to be known', async () => {
    const { internet } = await world({ shelf: largeShelf('platform', 100, 20) });
    const opened = await openUnhurried(product, { internet, environment });
    const [cold, listing] = await requestsOf(internet, () => listed(opened));
    expect([cold, namesIn(listing).length]).toEqual([102, 2000]);
    const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
    expect([unchanged, same]).toEqual([101, true]);
  });

  it('takes two requests more for the first list of each repository from a robot account', async () => {
    const { internet } = await world({ shelf: largeShelf('platform', 100, 20) });
    const opened = await openUnhurried(product, { internet, environment }, asRobot);
    const [cold, listing] = await requestsOf(internet, () => listed(opened));
    expect([cold, namesIn(listing).length]).toEqual([304, 2000]);
    const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
    expect([unchanged, same]).toEqual([101, true]);
  });

  it('says which credentials are wrong', async () => {
    const { internet } = await world();
    const messageOf = async (change: object): Promise<readonly string[]> => {
      const opened = await openUnhurried(product, { internet, environment: { QUAY_TOKEN: 'wrong' } }, change);
      const { code, message } = await faultOf(opened.settings.upstream.list(undefined, never));
      return [code, message];
    };
    expect(await messageOf({})).toEqual([
      'unauthorized',
      'quay: the server refused these credentials for GET /api/v1/repository at quay.corp (401).',
    ]);
    expect(await messageOf({ auth: { username: robot.username, password: 'wrong' } })).toEqual([
      'unauthorized',
      'quay: the token service quay.corp:443 refused these credentials (401).',
    ]);
  });

  it('refuses who asks its token service for a catalog, and a robot at its API', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    const known = { authorization: basicOf(robot.username, robot.password) };
    const service = 'https://quay.corp/v2/auth?service=quay.corp';
    expect(await ask(`${service}&scope=registry:catalog:*`, known)).toMatchObject({ status: 400 });
    expect(await ask(service)).toMatchObject({ status: 401 });
    expect(await ask('https://quay.corp/api/v1/repository?namespace=platform', known)).toMatchObject({ status: 401 });
  });
});
