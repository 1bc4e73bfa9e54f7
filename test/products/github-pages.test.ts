import { describe, expect, it } from 'vitest';

import { openConfigured, openRecipe, recipeOf } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { githubPages, privatePages } from '../support/products/github-pages.ts';
import { naiveClient } from '../support/products/naive.ts';
import { expectShelf, isUnchanged, shelfOf, toldTo } from '../support/products/shelf.ts';

async function world() {
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0');
  return { shelf, internet: await openInternet(githubPages(shelf)) };
}

describe('GitHub Pages with release assets', () => {
  it('is read as its recipe says, over two more hosts, and answers 304 while nothing changed', async () => {
    const { shelf, internet } = await world();
    const { upstream } = (await openRecipe('GitHub Pages', { internet })).settings;
    const listing = await expectShelf(upstream, shelf);
    expect(internet.to('objects.githubusercontent.com')).toHaveLength(2 * shelf.length);
    internet.forget();
    expect(await isUnchanged(upstream, listing)).toBe(true);
    expect(internet.requests.map(({ headers }) => headers['if-none-match'])).toEqual([listing.validator.etag]);
  });

  it('refuses who carries credentials along to where the bytes are', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    const asset = 'https://github.com/acme/charts/releases/download/nginx-1.0.0/nginx-1.0.0.tgz';
    expect((await ask(asset)).status).toBe(200);
    expect(await ask(asset, { authorization: 'Bearer c4nary-token' })).toMatchObject({
      status: 400,
      body: expect.stringContaining('Only one auth mechanism allowed') as string,
    });
  });

  it.each([
    ['a token', 'auth: { token: c4nary-token }'],
    ['a password', 'auth: { username: me, password: c4nary-password }'],
    ['a header', 'auth: { headers: { X-Token: c4nary-header } }'],
  ])('never gives %s to the hosts that its index and its redirects lead to', async (_, auth) => {
    const { shelf, internet } = await world();
    const recipe = `${(await recipeOf('GitHub Pages')).trimEnd()}\n    ${auth}\n`;
    await expectShelf((await openConfigured(recipe, { internet })).settings.upstream, shelf);
    expect(toldTo(internet.to('acme.github.io'))).toMatch(/c4nary|Basic/);
    for (const host of ['github.com', 'objects.githubusercontent.com']) {
      expect(internet.to(host)).toHaveLength(2 * shelf.length);
      expect(toldTo(internet.to(host))).not.toMatch(/c4nary|authorization|x-token/i);
    }
  });

  it('says that there is a login page in the way when the pages are private', async () => {
    const internet = await openInternet(privatePages());
    const { upstream } = (await openRecipe('GitHub Pages', { internet })).settings;
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      code: 'not-a-repository',
      message: 'github-pages: https://github.com/login answered with a web page, not an index.',
      advice: 'Is the path right? Is a login page in the way?',
    });
  });
});
