import { describe, expect, it } from 'vitest';

import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { artifactory, type ArtifactoryOptions } from '../support/products/artifactory.ts';
import { naiveClient } from '../support/products/naive.ts';
import { openNamed } from '../support/products/recipes.ts';
import { basicOf, bytesOf, expectShelf, fileAt, isUnchanged, shelfOf, toldTo } from '../support/products/shelf.ts';

const environment = {
  ARTIFACTORY_USER: 'reader',
  ARTIFACTORY_TOKEN: 'c4nary-token',
  ARTIFACTORY_API_KEY: 'c4nary-key',
};

const withPort: ArtifactoryOptions['urls'] = {
  'helm-local': ({ file }) => `https://artifactory.corp:443/artifactory/helm-local/${file}`,
  'helm-virtual': ({ file }) => `https://artifactory.corp:443/artifactory/helm-virtual/${file}`,
};

async function world(urls = withPort) {
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0', 'redis 2.0.0');
  const knows: ArtifactoryOptions['knows'] = (headers) =>
    headers['x-jfrog-art-api'] === 'c4nary-key' ||
    [basicOf('reader', 'c4nary-token'), 'Bearer c4nary-token'].includes(headers.authorization ?? '');
  const internet = await openInternet({
    'artifactory.corp': artifactory(shelf, { knows, urls }),
    'charts.elsewhere.example': ({ path }) => fileAt(shelf, path) ?? { status: 404 },
  });
  return { shelf, internet };
}

describe('Artifactory', () => {
  it.each(['artifactory', 'artifactory-password', 'artifactory-key'])(
    'is read as its recipe says by %s, although its urls say :443',
    async (name) => {
      const { shelf, internet } = await world();
      const { upstream } = (await openNamed('Artifactory', name, { internet, environment })).settings;
      const listing = await expectShelf(upstream, shelf);
      expect(await isUnchanged(upstream, listing)).toBe(true);
    },
  );

  it('refuses who takes :443 for another place and leaves the credentials at home', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    const authorization = 'Bearer c4nary-token';
    const index = 'https://artifactory.corp/artifactory/api/helm/helm-local/index.yaml';
    expect((await ask(index, { authorization })).status).toBe(200);
    expect((await ask('https://artifactory.corp:443/artifactory/helm-local/nginx-1.0.0.tgz')).status).toBe(401);
  });

  it('has what its index calls local:// beside the index', async () => {
    const { shelf, internet } = await world({ 'helm-virtual': ({ file }) => `local://${file}` });
    const { upstream } = (await openRecipe('Artifactory', { internet, environment })).settings;
    await expectShelf(upstream, shelf);
    expect(internet.requests.map(({ path }) => path)).toContain('/artifactory/api/helm/helm-virtual/nginx-1.0.0.tgz');
  });

  it.each(['artifactory', 'artifactory-key'])(
    'gives no credential of %s to the servers that a remote repository stands for',
    async (name) => {
      const url: ArtifactoryOptions['urls'][string] = ({ file }) => `https://charts.elsewhere.example/${file}`;
      const { shelf, internet } = await world({ 'helm-virtual': url, 'helm-local': url });
      const { upstream } = (await openNamed('Artifactory', name, { internet, environment })).settings;
      await expectShelf(upstream, shelf);
      expect(internet.to('charts.elsewhere.example')).toHaveLength(2 * shelf.length);
      expect(toldTo(internet.to('charts.elsewhere.example'))).not.toMatch(/c4nary|jfrog|authorization/i);
    },
  );

  it('knows that an archive is gone from a failure', async () => {
    const { internet } = await world();
    const { upstream } = (await openRecipe('Artifactory', { internet, environment })).settings;
    expect(await bytesOf(upstream, 'nginx-9.9.9.tgz', 'archive')).toBeUndefined();
  });

  it('refuses a token that was revoked, and the message says so', async () => {
    const { internet } = await world();
    const revoked = { ...environment, ARTIFACTORY_TOKEN: 'c4nary-revoked' };
    const { upstream } = (await openRecipe('Artifactory', { internet, environment: revoked })).settings;
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault).toMatchObject({
      code: 'unauthorized',
      message:
        'artifactory: the server refused these credentials for GET /artifactory/api/helm/helm-virtual/index.yaml (401).',
    });
  });
});
