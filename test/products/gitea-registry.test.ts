import { describe, expect, it } from 'vitest';

import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { giteaRegistry, type GiteaRegistryFixture } from '../support/products/gitea-registry.ts';
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
import { isUnchanged } from '../support/products/shelf.ts';

const product = 'Gitea and Forgejo registry';
const [username, token] = ['chartroom', 'gitea-s3cret'];
const environment = { GITEA_TOKEN: token };

async function world(more: Partial<GiteaRegistryFixture> = {}) {
  const fixture = { shelf: smallShelf('platform'), username, token, ...more };
  return { shelf: fixture.shelf, internet: await openInternet({ 'git.corp': giteaRegistry('git.corp', fixture) }) };
}

describe("Gitea's registry", () => {
  it('is listed by its own API, described and opened, as its recipe says', async () => {
    const { internet, shelf } = await world();
    shelf.push('platform/team/mysql', '1.0.0+build.1');
    shelf.push('other/secret', '1.0.0');
    const opened = await openUnhurried(product, { internet, environment }, { charts: ['**', '!some-image'] });
    const listing = await listed(opened);
    const names = [...smallNames, 'mysql 1.0.0+build.1'].toSorted();
    expect(namesIn(listing)).toEqual(names);
    // what is no tag is not even worth a word
    expect(listing.rejected).toEqual({});
    expect(await fetchAll(opened.settings.upstream, listing)).toEqual(names);
    expect(hostsTold(internet, token)).toEqual(['git.corp']);
  });

  it('without an owner in the url is its whole catalog', async () => {
    const { internet, shelf } = await world();
    shelf.push('other/tools', '1.0.0');
    const opened = await openUnhurried(product, { internet, environment }, { url: 'oci://git.corp' });
    expect(namesIn(await listed(opened))).toEqual([...smallNames, 'some-image 3.0.0', 'tools 1.0.0']);
  });

  it('of a public owner is open to strangers', async () => {
    const { internet } = await world({ publicOwners: ['platform'] });
    const opened = await openUnhurried(product, { internet }, { auth: undefined, charts: ['nginx'] });
    expect(await fetchAll(opened.settings.upstream, await listed(opened))).toEqual(['nginx 1.0.0', 'nginx 1.1.0']);
  });

  it('takes a request for every fifty versions, and one to be known', async () => {
    const { internet, shelf } = await world({ shelf: largeShelf('platform', 100, 20) });
    const opened = await openUnhurried(product, { internet, environment });
    const [cold, listing] = await requestsOf(internet, () => listed(opened));
    expect([cold, namesIn(listing).length]).toEqual([43, 2000]);
    const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
    expect([unchanged, same]).toEqual([42, true]);
    shelf.remove('platform/chart-7', '1.0.0');
    expect(await isUnchanged(opened.settings.upstream, listing)).toBe(false);
  });

  it('says when a token is wrong, and when there is no such owner', async () => {
    const { internet } = await world();
    const wrong = await openUnhurried(product, { internet, environment: { GITEA_TOKEN: 'wrong' } });
    const { code, message } = await faultOf(wrong.settings.upstream.list(undefined, never));
    expect([code, message]).toEqual([
      'unauthorized',
      'gitea: the server refused these credentials for GET /api/v1/packages/platform at git.corp (401).',
    ]);
    const lost = await openUnhurried(product, { internet, environment }, { url: 'oci://git.corp/nobody' });
    expect((await faultOf(lost.settings.upstream.list(undefined, never))).message).toBe(
      'gitea: Gitea shows us no owner nobody.',
    );
  });

  it('refuses who reads a public chart without a token', async () => {
    const { internet } = await world({ publicOwners: ['platform'] });
    const ask = await naiveClient(internet);
    const tags = 'https://git.corp/v2/platform/nginx/tags/list';
    expect(await ask(tags)).toMatchObject({ status: 401 });
    const given = JSON.parse((await ask('https://git.corp/v2/token?scope=*')).body) as { token: string };
    expect(await ask(tags, { authorization: `Bearer ${given.token}` })).toMatchObject({ status: 200 });
  });
});
