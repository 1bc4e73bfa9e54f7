import { describe, expect, it } from 'vitest';

import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { chartMuseum, type ChartMuseumOptions } from '../support/products/chartmuseum.ts';
import { naiveClient } from '../support/products/naive.ts';
import { openNamed } from '../support/products/recipes.ts';
import { basicOf, expectShelf, isUnchanged, shelfOf, toldTo } from '../support/products/shelf.ts';

const environment = {
  CHARTMUSEUM_USER: 'reader',
  CHARTMUSEUM_PASSWORD: 'c4nary-password',
  CHARTMUSEUM_TOKEN: 'c4nary-token',
};
const basic = basicOf('reader', 'c4nary-password');
const tenant = '/acme/prod';

async function world(options: ChartMuseumOptions = {}) {
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0+build.5', 'redis 2.0.0');
  const museum = chartMuseum(shelf, { tenant, authorization: basic, ...options });
  const internet = await openInternet({
    'chartmuseum.corp': museum,
    'cdn.corp': ({ path }) => museum({ path: `${tenant}${path}`, headers: { authorization: basic } } as never),
  });
  return { shelf, internet };
}

describe('ChartMuseum', () => {
  it('is read as its recipe says: one tenant of several, with Basic', async () => {
    const { shelf, internet } = await world();
    const { upstream } = (await openRecipe('ChartMuseum', { internet, environment })).settings;
    await expectShelf(upstream, shelf);
    expect(new Set(internet.requests.map(({ headers }) => headers.authorization))).toEqual(new Set([basic]));
  });

  it('is unchanged when only the time of its index is another, which it is each time', async () => {
    let second = 0;
    const { shelf, internet } = await world({
      now: () => `2026-01-01T00:00:${String((second += 1)).padStart(2, '0')}Z`,
    });
    const { upstream } = (await openRecipe('ChartMuseum', { internet, environment })).settings;
    const listing = await expectShelf(upstream, shelf);
    internet.forget();
    expect(await isUnchanged(upstream, listing)).toBe(true);
    expect(internet.requests.map(({ target }) => target)).toEqual(['/acme/prod/index.yaml']);
    expect(second).toBe(2);
  });

  it('is read with a bearer token', async () => {
    const { shelf, internet } = await world({ authorization: 'Bearer c4nary-token' });
    const { upstream } = (await openNamed('ChartMuseum', 'chartmuseum-bearer', { internet, environment })).settings;
    await expectShelf(upstream, shelf);
  });

  it('has its archives fetched without credentials where chart-url leads elsewhere', async () => {
    const { shelf, internet } = await world({ chartUrl: 'https://cdn.corp' });
    const { upstream } = (await openRecipe('ChartMuseum', { internet, environment })).settings;
    await expectShelf(upstream, shelf);
    expect(internet.to('cdn.corp')).toHaveLength(2 * shelf.length);
    expect(toldTo(internet.to('cdn.corp'))).not.toMatch(/c4nary|authorization/i);
  });

  it('refuses who brings nothing, and says how it wants to be asked', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    expect(await ask('https://chartmuseum.corp/acme/prod/index.yaml')).toEqual({
      status: 401,
      body: '{"error":"unauthorized"}',
    });
  });

  it('refuses wrong credentials with a message that says so', async () => {
    const { internet } = await world();
    const wrong = { ...environment, CHARTMUSEUM_PASSWORD: 'c4nary-wrong' };
    const { upstream } = (await openRecipe('ChartMuseum', { internet, environment: wrong })).settings;
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault).toMatchObject({
      code: 'unauthorized',
      message: 'chartmuseum: the server refused these credentials for GET /acme/prod/index.yaml (401).',
    });
    expect(internet.requests).toHaveLength(1);
  });
});
