import { describe, expect, it } from 'vitest';

import { openConfigured, openRecipe, recipeOf } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { naiveClient } from '../support/products/naive.ts';
import { nexus } from '../support/products/nexus.ts';
import { basicOf, expectShelf, isUnchanged, shelfOf } from '../support/products/shelf.ts';

const environment = { NEXUS_USER: 'reader', NEXUS_PASSWORD: 'c4nary-pässword' };

async function world() {
  const [hosted, proxied] = [await shelfOf('nginx 1.0.0', 'nginx 1.1.0'), await shelfOf('redis 2.0.0')];
  const shelves = { 'helm-hosted': hosted, 'helm-proxy': proxied, 'helm-group': [...hosted, ...proxied] };
  const internet = await openInternet({ 'nexus.corp': nexus(shelves, basicOf('reader', 'c4nary-pässword')) });
  return { shelves, internet };
}

describe('Nexus', () => {
  it('is read as its recipe says, and answers 304 while nothing changed', async () => {
    const { shelves, internet } = await world();
    const { upstream } = (await openRecipe('Nexus', { internet, environment })).settings;
    const listing = await expectShelf(upstream, shelves['helm-group']);
    expect(listing.validator.etag).toBeDefined();
    expect(await isUnchanged(upstream, listing)).toBe(true);
    expect(internet.requests.at(-1)?.headers['if-none-match']).toBe(listing.validator.etag);
  });

  it.each(['helm-hosted', 'helm-proxy', 'helm-group'] as const)('is the same for its repository %s', async (name) => {
    const { shelves, internet } = await world();
    const recipe = (await recipeOf('Nexus')).replace('helm-group', name);
    await expectShelf((await openConfigured(recipe, { internet, environment })).settings.upstream, shelves[name]);
  });

  it('refuses who brings nothing, with a web page', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    expect(await ask('https://nexus.corp/repository/helm-group/index.yaml')).toMatchObject({
      status: 401,
      body: expect.stringContaining('<!DOCTYPE html>') as string,
    });
  });

  it('refuses a wrong password, and the message says so', async () => {
    const { internet } = await world();
    const wrong = { ...environment, NEXUS_PASSWORD: 'c4nary-wrong' };
    const { upstream } = (await openRecipe('Nexus', { internet, environment: wrong })).settings;
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      code: 'unauthorized',
      message: 'nexus: the server refused these credentials for GET /repository/helm-group/index.yaml (401).',
    });
  });

  it('says that there is no index where the repository has another name', async () => {
    const { internet } = await world();
    const recipe = (await recipeOf('Nexus')).replace('helm-group', 'helm-grupo');
    const { upstream } = (await openConfigured(recipe, { internet, environment })).settings;
    expect((await faultOf(upstream.list(undefined, never))).message).toBe(
      'nexus: there is no index.yaml at https://nexus.corp/repository/helm-grupo/index.yaml (404).',
    );
  });
});
