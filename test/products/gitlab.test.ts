import { describe, expect, it } from 'vitest';

import type { Listing, Upstream } from '../../src/upstream/contract.ts';
import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { claimsOf } from '../support/indexes.ts';
import { catalogAfter } from '../support/indexes.ts';
import { openInternet } from '../support/internet.ts';
import { gitlab, type GitlabFixture } from '../support/products/gitlab.ts';
import { naiveClient } from '../support/products/naive.ts';
import { basicOf, bytesOf, expectShelf, isUnchanged, shelfOf } from '../support/products/shelf.ts';

const environment = { GITLAB_USER: 'reader', GITLAB_TOKEN: 'glpat-c4nary' };
const login = { username: 'reader', token: 'glpat-c4nary' };
const versions = (count: number): string[] => Array.from({ length: count }, (_, at) => `app 1.${at}.0`);

async function world(names: readonly string[], more: Partial<GitlabFixture> = {}) {
  const shelf = (await shelfOf(...names)).map((chart) => ({ ...chart, provenance: undefined }));
  const fixture: GitlabFixture = { ...login, shelf, ...more };
  const internet = await openInternet({ 'gitlab.com': (request) => gitlab(fixture)(request) });
  const { upstream } = (await openRecipe('GitLab', { internet, environment })).settings;
  return { shelf, internet, upstream };
}

async function listed(upstream: Upstream, known?: Listing['claims']): Promise<Listing> {
  const listing = await upstream.list(undefined, never, known);
  if ('unchanged' in listing) throw new Error('unchanged');
  return listing;
}

const versionsIn = ({ claims }: Listing): number => claimsOf(claims).length;

describe('GitLab', () => {
  it('is read as its recipe says, with one request while it has fewer than 1,000 packages', async () => {
    const { shelf, internet, upstream } = await world(['nginx 1.0.0', 'nginx 1.1.0', 'redis 2.0.0']);
    const listing = await expectShelf(upstream, shelf);
    internet.forget();
    expect(await isUnchanged(upstream, listing)).toBe(true);
    expect(internet.requests.map(({ target }) => target)).toEqual([
      '/api/v4/projects/42/packages/helm/stable/index.yaml',
    ]);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['nothing', {}],
    ['the header of its API', { 'private-token': 'glpat-c4nary' }],
    ['a bearer token', { authorization: 'Bearer glpat-c4nary' }],
  ])('refuses who asks for charts with %s', async (_, headers) => {
    const { internet } = await world(['nginx 1.0.0']);
    const ask = await naiveClient(internet);
    const index = 'https://gitlab.com/api/v4/projects/42/packages/helm/stable/index.yaml';
    expect((await ask(index, headers)).status).toBe(401);
    expect((await ask(index, { authorization: basicOf('reader', 'glpat-c4nary') })).status).toBe(200);
  });

  it('refuses a token that has expired, and the message says so', async () => {
    const { upstream } = await world(['nginx 1.0.0'], { token: 'another' });
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      code: 'unauthorized',
      message:
        'gitlab: the server refused these credentials for GET /api/v4/projects/42/packages/helm/stable/index.yaml (401).',
    });
  });
});

describe('beyond 1,000 packages GitLab', () => {
  const names = ['old 0.1.0', 'old 0.2.0', ...versions(1000)];

  it('lists the others, too, with the Chart.yaml and the digest of each', async () => {
    const { shelf, internet, upstream } = await world(names);
    const listing = await listed(upstream);
    expect(versionsIn(listing)).toBe(1002);
    expect(listing.rejected).toEqual({});
    const old = claimsOf(listing.claims).find(({ chart, version }) => chart === 'old' && version === '0.1.0');
    expect(old).toMatchObject({
      digest: expect.stringMatching(/^sha256:/) as string,
      metadata: expect.stringContaining('old') as string,
    });
    expect(await bytesOf(upstream, old?.source ?? '', 'archive')).toEqual(shelf[0]?.archive);
    expect(internet.requests.filter(({ path }) => path.endsWith('/packages'))).toHaveLength(11);
  }, 30_000);

  it('is asked for none of those that are known', async () => {
    const { internet, upstream } = await world(names);
    const first = await listed(upstream);
    const again = await world(names);
    internet.forget();
    const second = await listed(again.upstream, catalogAfter(first.claims));
    expect(versionsIn(first)).toBe(1002);
    expect(claimsOf(second.claims)).toEqual(claimsOf(first.claims));
    expect(again.internet.requests.filter(({ path }) => path.endsWith('.tgz'))).toEqual([]);
  }, 30_000);

  it('leaves out what is in another channel', async () => {
    const { upstream } = await world(['old 0.1.0', 'other 1.0.0', ...versions(1000)], {
      otherChannel: ['other-1.0.0.tgz'],
    });
    const listing = await listed(upstream);
    const charts = new Set(claimsOf(listing.claims).map(({ chart }) => chart));
    expect(charts).toEqual(new Set(['app', 'old']));
  }, 30_000);

  it('says that the listing is not complete to a deploy token, and nothing that is known goes missing', async () => {
    const first = await listed((await world(names)).upstream);
    const { upstream } = await world(names, { deployToken: true });
    const cut = await listed(upstream);
    expect([versionsIn(cut), cut.rejected]).toEqual([1000, { 'not-complete': 1 }]);
    expect(cut.examples).toEqual([
      'GitLab lists 1000 packages at most, and its API does not tell us of the others (401)',
    ]);
    expect(versionsIn(await listed(upstream, catalogAfter(first.claims)))).toBe(1002);
  }, 30_000);

  it('has every version for who asks by its exact name', async () => {
    const { upstream } = await world(names, { deployToken: true });
    expect(await upstream.find('old', '0.2.0', never)).toMatchObject({ chart: 'old', version: '0.2.0' });
    expect(await upstream.find('old', '0.3.0', never)).toBeUndefined();
  }, 30_000);

  it('sends the token to no other host, and to its API in a header of its own', async () => {
    const { internet, upstream } = await world(names);
    await listed(upstream);
    const api = internet.requests.filter(({ path }) => path.endsWith('/packages'));
    expect(new Set(api.map(({ headers }) => headers['private-token']))).toEqual(new Set(['glpat-c4nary']));
    expect(api.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
    expect(internet.requests.filter(({ host }) => host !== 'gitlab.com')).toEqual([]);
  }, 30_000);
});
