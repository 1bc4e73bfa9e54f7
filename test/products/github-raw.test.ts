import { describe, expect, it } from 'vitest';

import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { githubRaw } from '../support/products/github-raw.ts';
import { naiveClient } from '../support/products/naive.ts';
import { basicOf, expectShelf, isUnchanged, shelfOf } from '../support/products/shelf.ts';

const environment = { GITHUB_TOKEN: 'github_pat_c4nary' };

async function world() {
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0');
  const internet = await openInternet({ 'raw.githubusercontent.com': githubRaw(shelf, environment.GITHUB_TOKEN) });
  return { shelf, internet };
}

describe('a private repository on GitHub, raw', () => {
  it('is read as its recipe says, and answers 304 while nothing changed', async () => {
    const { shelf, internet } = await world();
    const { upstream } = (await openRecipe('GitHub raw', { internet, environment })).settings;
    const listing = await expectShelf(upstream, shelf);
    internet.forget();
    expect(await isUnchanged(upstream, listing)).toBe(true);
    expect(internet.requests.map(({ headers }) => headers['if-none-match'])).toEqual([listing.validator.etag]);
    expect(listing.validator.etag).toMatch(/^W\//);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['nothing', {}],
    ['a user name and the token as a password', { authorization: basicOf('me', environment.GITHUB_TOKEN) }],
  ])('has nothing for who brings %s', async (_, headers) => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    expect((await ask('https://raw.githubusercontent.com/acme/charts/main/index.yaml', headers)).status).toBe(404);
  });

  it('answers 404 to a token that has expired, and the advice is to look at the credentials, too', async () => {
    const { internet } = await world();
    const expired = { GITHUB_TOKEN: 'github_pat_c4nary-expired' };
    const { upstream } = (await openRecipe('GitHub raw', { internet, environment: expired })).settings;
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault).toMatchObject({
      code: 'not-a-repository',
      message:
        'github-raw: there is no index.yaml at https://raw.githubusercontent.com/acme/charts/main/index.yaml (404).',
      advice: expect.stringMatching(/credentials/) as string,
    });
  });
});
