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
import { largeShelf, smallShelf } from '../support/products/registry-shelf.ts';
import { basicOf, isUnchanged } from '../support/products/shelf.ts';
import { zot, type ZotFixture } from '../support/products/zot.ts';

const [username, password] = ['chartroom', 'zot-s3cret'];
const environment = { ZOT_PASSWORD: password };
const charts = ['*', '!some-image'];

async function world(more: Partial<ZotFixture> = {}) {
  const fixture = { shelf: smallShelf('charts'), username, password, ...more };
  return { shelf: fixture.shelf, internet: await openInternet({ 'zot.corp': zot('zot.corp', fixture) }) };
}

describe('zot', () => {
  it.each([false, true])('is listed, described and opened, as its recipe says (with tokens: %s)', async (tokens) => {
    const { internet, shelf } = await world({ tokens, pageSize: 1 });
    shelf.push('charts/nginx', '1.2.0+build.1');
    const opened = await openUnhurried('zot', { internet, environment }, { charts });
    const names = [...smallNames, 'nginx 1.2.0+build.1'];
    expect(await fetchAll(opened.settings.upstream, await listed(opened))).toEqual(names);
    expect(hostsTold(internet, password)).toEqual(['zot.corp']);
  });

  it.each([
    [false, 103],
    [true, 304],
  ])(
    'takes a catalog, the tags of each repository, and what it takes to be let in (with tokens: %s)',
    async (tokens, first) => {
      const { internet } = await world({ tokens, shelf: largeShelf('charts', 100, 20) });
      const opened = await openUnhurried('zot', { internet, environment });
      const [cold, listing] = await requestsOf(internet, () => listed(opened));
      expect([cold, namesIn(listing).length]).toEqual([first, 2000]);
      const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
      expect([unchanged, same]).toEqual([101, true]);
    },
  );

  it('is a fault, not a part of a list, when a tag goes while it is listed', async () => {
    const shelf = smallShelf('charts');
    const site = zot('zot.corp', { shelf, username, password, pageSize: 1 });
    const internet = await openInternet({
      'zot.corp': (request) => {
        const answer = site(request);
        if (answer.status === 200 && request.path.endsWith('/nginx/tags/list')) shelf.remove('charts/nginx', '1.0.0');
        return answer;
      },
    });
    const opened = await openUnhurried('zot', { internet, environment }, { charts: ['nginx'] });
    const { code, message } = await faultOf(opened.settings.upstream.list(undefined, never));
    expect([code, message]).toEqual([
      'upstream-failed',
      'zot: answered 404 Not Found to GET /v2/charts/nginx/tags/list.',
    ]);
  });

  it('says which credentials are wrong', async () => {
    const { internet } = await world();
    const wrong = await openUnhurried('zot', { internet, environment: { ZOT_PASSWORD: 'wrong' } });
    const { code, message } = await faultOf(wrong.settings.upstream.list(undefined, never));
    expect([code, message]).toEqual([
      'unauthorized',
      'zot: the registry refused these credentials for its list of repositories (401).',
    ]);
  });

  it('refuses who takes its empty scope for one', async () => {
    const { internet } = await world({ tokens: true });
    const ask = await naiveClient(internet);
    const given = await ask('https://zot.corp/token?service=zot.corp&scope=', {
      authorization: basicOf(username, password),
    });
    const bearer = { authorization: `Bearer ${(JSON.parse(given.body) as { token: string }).token}` };
    expect(await ask('https://zot.corp/v2/charts/nginx/tags/list', bearer)).toMatchObject({ status: 401 });
  });
});
