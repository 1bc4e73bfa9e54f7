import { describe, expect, it } from 'vitest';

import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { claimsOf } from '../support/indexes.ts';
import { openInternet } from '../support/internet.ts';
import { gitea } from '../support/products/gitea.ts';
import { naiveClient } from '../support/products/naive.ts';
import { basicOf, bytesOf, expectShelf, isUnchanged, shelfOf } from '../support/products/shelf.ts';

const environment = { GITEA_USER: 'reader', GITEA_TOKEN: 'c4nary-token' };
const authorization = basicOf('reader', 'c4nary-token');

async function world(rootUrl = 'https://git.corp/') {
  const shelf = (await shelfOf('nginx 1.0.0', 'redis 2.0.0')).map((chart) => ({ ...chart, provenance: undefined }));
  let second = 0;
  const now = (): string => `2026-01-01T00:00:${String((second += 1)).padStart(2, '0')}Z`;
  const internet = await openInternet({ 'git.corp': gitea(shelf, { owner: 'acme', authorization, rootUrl, now }) });
  return { shelf, internet };
}

describe('Gitea', () => {
  it('is read as its recipe says, although it names no digests', async () => {
    const { shelf, internet } = await world();
    const { upstream } = (await openRecipe('Gitea and Forgejo', { internet, environment })).settings;
    const { claims } = await expectShelf(upstream, shelf);
    expect(claimsOf(claims).map(({ digest }) => digest)).toEqual([undefined, undefined]);
  });

  it('is unchanged although each of its answers was made at another time', async () => {
    const { shelf, internet } = await world();
    const { upstream } = (await openRecipe('Gitea and Forgejo', { internet, environment })).settings;
    const listing = await expectShelf(upstream, shelf);
    expect(await isUnchanged(upstream, listing)).toBe(true);
    const ask = await naiveClient(internet);
    const bodies = [1, 2].map(
      async () => (await ask('https://git.corp/api/packages/acme/helm/index.yaml', { authorization })).body,
    );
    expect(await bodies[0]).not.toBe(await bodies[1]);
  });

  it('refuses who brings nothing', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    expect((await ask('https://git.corp/api/packages/acme/helm/index.yaml')).status).toBe(401);
  });

  it('refuses a wrong token, and the message says so', async () => {
    const { internet } = await world();
    const { upstream } = (
      await openRecipe('Gitea and Forgejo', { internet, environment: { ...environment, GITEA_TOKEN: 'no' } })
    ).settings;
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      code: 'unauthorized',
      message: 'gitea: the server refused these credentials for GET /api/packages/acme/helm/index.yaml (401).',
    });
  });

  it('with a wrong ROOT_URL leads to this machine, which is named and not dialled', async () => {
    const { internet } = await world('http://localhost:3000/');
    const { upstream } = (await openRecipe('Gitea and Forgejo', { internet, environment })).settings;
    const listing = await upstream.list(undefined, never);
    if ('unchanged' in listing) throw new Error('unchanged');
    const [first] = claimsOf(listing.claims);
    const fault = await faultOf(bytesOf(upstream, first?.source ?? '', 'archive'));
    expect(fault.message).toContain('localhost:3000');
    expect(internet.proxied.map(({ target }) => target)).not.toContainEqual(expect.stringContaining('localhost'));
  });
});
