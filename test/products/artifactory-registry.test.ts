import { describe, expect, it } from 'vitest';

import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { artifactoryRegistry, type ArtifactoryRegistryFixture } from '../support/products/artifactory-registry.ts';
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

const product = 'Artifactory registry';
const [username, token] = ['chartroom', 'artifactory-s3cret'];
const environment = { ARTIFACTORY_TOKEN: token };
const charts = ['**', '!some-image'];
const keys = [
  { key: 'helm-oci-local', type: 'LOCAL', packageType: 'HelmOCI' },
  { key: 'helm-remote', type: 'REMOTE', packageType: 'HelmOCI' },
];

async function world(more: Partial<ArtifactoryRegistryFixture> = {}) {
  const fixture = { shelf: smallShelf('helm-oci-local'), username, token, keys, ...more };
  return { shelf: fixture.shelf, internet: await openInternet({ 'artifactory.corp': artifactoryRegistry(fixture) }) };
}

describe("Artifactory's registry", () => {
  it.each([false, true])(
    'is listed, described and opened as its recipe says (names with their key: %s)',
    async (prefixed) => {
      const { internet, shelf } = await world({ prefixed, pageSize: 15 });
      for (let minor = 0; minor < 40; minor += 1) shelf.push('helm-oci-local/team/mysql', `2.${minor}.0`);
      shelf.push('docker-local/secret', '1.0.0');
      const opened = await openUnhurried(product, { internet, environment }, { charts });
      const listing = await listed(opened);
      // over pages whose links have lost the key
      expect(namesIn(listing)).toHaveLength(44);
      expect(await fetchAll(opened.settings.upstream, listing)).toEqual(namesIn(listing));
      expect(hostsTold(internet, token)).toEqual(['artifactory.corp']);
    },
  );

  it('takes a catalog and the tags of each repository, and some to get to know it', async () => {
    const { internet } = await world({ shelf: largeShelf('helm-oci-local', 100, 20) });
    const opened = await openUnhurried(product, { internet, environment });
    const [cold, listing] = await requestsOf(internet, () => listed(opened));
    expect([cold, namesIn(listing).length]).toEqual([107, 2000]);
    const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
    expect([unchanged, same]).toEqual([101, true]);
  });

  it('says when a token is wrong, and that a remote repository lists nothing', async () => {
    const { internet } = await world();
    const wrong = await openUnhurried(product, { internet, environment: { ARTIFACTORY_TOKEN: 'wrong' } });
    const { code, message } = await faultOf(wrong.settings.upstream.list(undefined, never));
    expect([code, message]).toEqual([
      'unauthorized',
      'artifactory: the server refused these credentials for GET /artifactory/api/repositories at artifactory.corp (401).',
    ]);
    const url = 'oci://artifactory.corp/helm-remote';
    const remote = await openUnhurried(product, { internet, environment }, { url });
    const silent = await faultOf(remote.settings.upstream.list(undefined, never));
    expect([silent.code, silent.message, silent.advice]).toEqual([
      'no-charts-found',
      'artifactory: Artifactory lists nothing of helm-remote, which shows what other registries have.',
      'Name the charts in charts, and leave out discover.',
    ]);
  });

  it('leads who follows its links to nowhere', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    const known = { authorization: basicOf(username, token) };
    const next = 'https://artifactory.corp/v2/nginx/tags/list?last=1.0.0&n=1';
    expect(await ask(next, known)).toMatchObject({ status: 404 });
    expect(await ask('https://artifactory.corp/v2/helm-oci-local/nginx/tags/list')).toMatchObject({ status: 401 });
  });

  it.each([
    ['a bearer token', { token }],
    ['a header', { headers: { Authorization: `Bearer ${token}` } }],
  ])('opens to %s, too', async (_, auth) => {
    const { internet } = await world();
    const opened = await openUnhurried(product, { internet, environment }, { auth, charts });
    expect(await fetchAll(opened.settings.upstream, await listed(opened))).toEqual(smallNames);
    expect(hostsTold(internet, token)).toEqual(['artifactory.corp']);
  });
});
