import { describe, expect, it } from 'vitest';

import { Catalog } from '../../src/chart/catalog.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { harbor } from '../support/products/harbor.ts';
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
import { largeShelf, smallShelf, type RegistryShelf } from '../support/products/registry-shelf.ts';
import { basicOf, isUnchanged } from '../support/products/shelf.ts';

const [username, password] = ['robot$charts+chartroom', 'harbor-s3cret'];
const environment = { HARBOR_SECRET: password };

async function world(shelf: RegistryShelf = smallShelf('charts'), publicProjects: readonly string[] = []) {
  const { site, tokens } = harbor('harbor.corp', { shelf, username, password, publicProjects });
  return { shelf, tokens, internet: await openInternet({ 'harbor.corp': site }) };
}

describe('Harbor', () => {
  it('is listed by its own API, described and opened, as its recipe says', async () => {
    const { internet, shelf } = await world();
    shelf.push('charts/team/mysql', '1.0.0+build.1');
    shelf.push('other/secret', '1.0.0');
    const opened = await openUnhurried('Harbor', { internet, environment });
    const listing = await listed(opened);
    const names = [...smallNames, 'mysql 1.0.0+build.1'].toSorted();
    expect(namesIn(listing)).toEqual(names);
    expect(internet.requests.filter(({ path }) => /manifests|blobs/.test(path))).toEqual([]);
    expect(await fetchAll(opened.settings.upstream, listing)).toEqual(names);
    expect(hostsTold(internet, password)).toEqual(['harbor.corp']);
  });

  it('says all of Chart.yaml in its listing, and what each tag points to', async () => {
    const { internet, shelf } = await world();
    const listing = await listed(await openUnhurried('Harbor', { internet, environment }));
    const [claim] = new Catalog(listing.claims).find('nginx', '1.1.0')?.claims ?? [];
    const tag = shelf.tagsOf('charts/nginx').find((one) => one.tag === '1.1.0');
    expect(claim).toMatchObject({
      source: `charts/nginx:1.1.0@${tag?.digest}`,
      created: '2026-01-02T03:04:05Z',
      brief: true,
    });
    expect(claim).not.toHaveProperty('digest');
    expect(JSON.parse(claim?.metadata ?? '')).toMatchObject({ name: 'nginx', description: 'of charts/nginx' });
  });

  it('without a project in the url is every project that the account may see', async () => {
    const { internet, shelf } = await world();
    shelf.push('other/tools', '1.0.0');
    const opened = await openUnhurried('Harbor', { internet, environment }, { url: 'oci://harbor.corp' });
    expect(namesIn(await listed(opened))).toEqual([...smallNames, 'tools 1.0.0']);
  });

  it('is open to strangers where a project is public, for whom each chart takes a token, too', async () => {
    const { internet } = await world(smallShelf('charts'), ['charts']);
    const opened = await openUnhurried('Harbor', { internet }, { auth: undefined });
    expect(await fetchAll(opened.settings.upstream, await listed(opened))).toEqual(smallNames);
    const ask = await naiveClient(internet);
    expect(await ask('https://harbor.corp/v2/charts/nginx/tags/list')).toMatchObject({ status: 401 });
    expect(await ask('https://harbor.corp/service/token?service=harbor-registry')).toMatchObject({ status: 401 });
  });

  it('takes a request for each page of repositories and of charts, and one to be known', async () => {
    const { internet, shelf } = await world(largeShelf('charts', 100, 20));
    const opened = await openUnhurried('Harbor', { internet, environment });
    const [cold, listing] = await requestsOf(internet, () => listed(opened));
    expect([cold, namesIn(listing).length]).toEqual([102, 2000]);
    const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
    expect([unchanged, same]).toEqual([101, true]);
    shelf.push('charts/chart-7', '2.0.0');
    expect(await isUnchanged(opened.settings.upstream, listing)).toBe(false);
  });

  it('is open again after its tokens have expired, although it asks for Basic then', async () => {
    const { internet, tokens } = await world();
    const opened = await openUnhurried('Harbor', { internet, environment });
    const listing = await listed(opened);
    await fetchAll(opened.settings.upstream, listing);
    tokens.expire();
    expect(await opened.settings.upstream.find('nginx', '1.0.0', never)).toMatchObject({ version: '1.0.0' });
  });

  it('says which credentials are wrong', async () => {
    const { internet } = await world();
    const wrong = await openUnhurried('Harbor', { internet, environment: { HARBOR_SECRET: 'wrong-s3cret' } });
    const { code, message, advice } = await faultOf(wrong.settings.upstream.list(undefined, never));
    expect([code, message]).toEqual([
      'unauthorized',
      'harbor: the server refused these credentials for GET /api/v2.0/projects/charts/repositories at harbor.corp (401).',
    ]);
    expect(advice).toContain('robot account');
    const lost = await openUnhurried('Harbor', { internet, environment }, { url: 'oci://harbor.corp/lost' });
    expect((await faultOf(lost.settings.upstream.list(undefined, never))).message).toBe(
      'harbor: Harbor shows us no project lost.',
    );
  });

  it('refuses who has a catalog in mind, an old token, or a name that is encoded once', async () => {
    const { internet, shelf } = await world();
    shelf.push('charts/team/mysql', '1.0.0');
    const ask = await naiveClient(internet);
    const api = 'https://harbor.corp/api/v2.0/projects/charts/repositories';
    const known = { authorization: basicOf(username, password) };
    expect(await ask('https://harbor.corp/v2/_catalog')).toMatchObject({ status: 401 });
    expect(await ask('https://harbor.corp/v2/charts/nginx/tags/list', { authorization: 'Bearer old' })).toMatchObject({
      status: 401,
    });
    expect(await ask(`${api}/team%2Fmysql/artifacts`, known)).toMatchObject({ status: 404 });
    expect(await ask(`${api}/team%252Fmysql/artifacts`, known)).toMatchObject({ status: 200 });
    expect(await ask(api, { authorization: 'Bearer token-of-the-registry' })).toMatchObject({ status: 401 });
  });
});
