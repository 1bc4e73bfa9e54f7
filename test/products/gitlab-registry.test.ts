import { describe, expect, it } from 'vitest';

import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { gitlabRegistry, type GitlabRegistryFixture } from '../support/products/gitlab-registry.ts';
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

const [username, token] = ['chartroom', 'glpat-s3cret'];
const environment = { GITLAB_TOKEN: token };
const hosts = ['gitlab.corp', 'registry.gitlab.corp'];

async function world(more: Partial<GitlabRegistryFixture> = {}, [gitlab = '', registry = ''] = hosts) {
  const shelf = smallShelf('platform/charts');
  const fixture = { shelf, projects: ['platform/charts'], groups: ['platform'], username, token, ...more };
  return { shelf: fixture.shelf, internet: await openInternet(gitlabRegistry(registry, gitlab, fixture)) };
}

describe("GitLab's registry", () => {
  it('is listed by the API of its GitLab, described and opened, as its recipe says', async () => {
    const { internet, shelf } = await world();
    shelf.push('platform/other', '1.0.0');
    const { settings, ...opened } = await openUnhurried('GitLab registry', { internet, environment });
    const listing = await listed({ settings, ...opened });
    // an image is told from a chart only when it is looked at
    expect(namesIn(listing)).toEqual([...smallNames, 'some-image 3.0.0']);
    const image = await faultOf(settings.upstream.describe('platform/charts/some-image:3.0.0', never));
    expect(image.code).toBe('not-a-chart');
    const named = await openUnhurried('GitLab registry', { internet, environment }, { charts: ['*', '!some-*'] });
    expect(await fetchAll(named.settings.upstream, await listed(named))).toEqual(smallNames);
    expect(hostsTold(internet, token)).toEqual(['gitlab.corp']);
  });

  it('at gitlab.com needs no more than its url, which may be a group, or below a project', async () => {
    const { internet } = await world({}, ['gitlab.com', 'registry.gitlab.com']);
    for (const path of ['platform', 'platform/charts', 'platform/charts/nginx']) {
      const change = { url: `oci://registry.gitlab.com/${path}`, passCredentials: [], charts: ['nginx'] };
      const opened = await openUnhurried('GitLab registry', { internet, environment }, change);
      expect(namesIn(await listed(opened))).toEqual(['nginx 1.0.0', 'nginx 1.1.0']);
    }
    expect(hostsTold(internet, token)).toEqual(['gitlab.com']);
  });

  it('takes a page of repositories, and for each its tags and a token', async () => {
    const { internet } = await world({ shelf: largeShelf('platform/charts', 100, 20) });
    const opened = await openUnhurried('GitLab registry', { internet, environment });
    const [cold, listing] = await requestsOf(internet, () => listed(opened));
    expect([cold, namesIn(listing).length]).toEqual([302, 2000]);
    const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
    expect([unchanged, same]).toEqual([101, true]);
  });

  it('asks a GitLab elsewhere only where it is trusted', async () => {
    const { internet } = await world();
    const opened = await openUnhurried('GitLab registry', { internet, environment }, { passCredentials: [] });
    const { code, message, advice } = await faultOf(opened.settings.upstream.list(undefined, never));
    expect([code, message]).toEqual([
      'invalid-reference',
      'gitlab: GitLab lists its registry at https://gitlab.corp, which is not trusted with these credentials.',
    ]);
    expect(advice).toContain('Add https://gitlab.corp to passCredentials');
    expect(hostsTold(internet, token)).toEqual([]);
  });

  it('says when a token is wrong, is a deploy token, or sees no such project', async () => {
    const { internet } = await world({ deployToken: true });
    const deploy = await openUnhurried('GitLab registry', { internet, environment });
    const { code, message, advice } = await faultOf(deploy.settings.upstream.list(undefined, never));
    expect([code, message]).toEqual([
      'unauthorized',
      'gitlab: the server refused these credentials for GET /api/v4/projects/platform%2Fcharts/registry/repositories at gitlab.corp (401).',
    ]);
    expect(advice).toContain('not for deploy tokens');
    const named = await openUnhurried(
      'GitLab registry',
      { internet, environment },
      { discover: false, charts: ['nginx'] },
    );
    expect(namesIn(await listed(named))).toEqual(['nginx 1.0.0', 'nginx 1.1.0']);
    const other = await world();
    const change = { url: 'oci://registry.gitlab.corp/other/charts' };
    const lost = await openUnhurried('GitLab registry', { internet: other.internet, environment }, change);
    expect((await faultOf(lost.settings.upstream.list(undefined, never))).message).toBe(
      'gitlab: GitLab shows us no group or project other/charts.',
    );
  });

  it('refuses a catalog to all but administrators, and a password where it wants a token', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    const known = { authorization: basicOf(username, token) };
    const scope = 'service=container_registry&scope=registry:catalog:*';
    const given = await ask(`https://gitlab.corp/jwt/auth?${scope}`, known);
    const bearer = { authorization: `Bearer ${(JSON.parse(given.body) as { token: string }).token}` };
    expect(await ask('https://registry.gitlab.corp/v2/_catalog', bearer)).toMatchObject({ status: 401 });
    expect(await ask('https://registry.gitlab.corp/v2/platform/charts/nginx/tags/list', known)).toMatchObject({
      status: 401,
    });
  });
});
