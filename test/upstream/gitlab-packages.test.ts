import { describe, expect, it } from 'vitest';

import { claimTable } from '../../src/chart/catalog.ts';
import { describeArchive } from '../../src/formats/chart-archive.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { Upstream } from '../../src/upstream/contract.ts';
import type { AuthorizedRequest } from '../../src/upstream/credentials/authorization.ts';
import { passwordLogin } from '../../src/upstream/credentials/login.ts';
import { preemptiveAuthorization } from '../../src/upstream/credentials/preemptive.ts';
import { gitlabAuthorization, gitlabRepository, packagesApi } from '../../src/upstream/gitlab-packages.ts';
import { chartArchive } from '../support/charts.ts';
import { faultUpstream, type Answer } from '../support/fault-upstream.ts';
import { faultOf, httpClientOf, never } from '../support/http.ts';
import { claimsOf } from '../support/indexes.ts';

const project = '/api/v4/projects/42/packages';

/** A repository whose index has 1,000 rows, and the archives that it was given. */
function repositoryWith(archives: Readonly<Record<string, Uint8Array>>): Upstream {
  const rows = Array.from({ length: 1000 }, (_, at) => ({
    chart: 'app',
    version: `1.${at}.0`,
    source: 'x',
    metadata: '{}',
  }));
  const listing = { claims: claimTable(rows), validator: { etag: '"one"' }, rejected: {}, examples: [] };
  return {
    list: async () => listing,
    find: async () => undefined,
    describe: async () => undefined,
    open: async (source) => {
      const bytes = archives[source];
      return (
        bytes && {
          size: bytes.length,
          body: (async function* body() {
            yield bytes;
          })(),
        }
      );
    },
    allowance: () => undefined,
  };
}

async function upstreamWith(archives: Readonly<Record<string, Uint8Array>>, ...pages: readonly Answer[]) {
  const server = await faultUpstream();
  server.on(project, ...pages);
  const upstream = gitlabRepository(repositoryWith(archives), {
    name: 'gitlab',
    packages: new URL(project, server.origin),
    api: httpClientOf(server.origin, { upstream: 'gitlab' }),
    inspect: async (bytes) => describeArchive(bytes),
    maxArchiveBytes: 10_000,
    concurrency: 2,
  });
  return { upstream, server };
}

const page = (...rows: readonly unknown[]): Answer => ({ body: JSON.stringify(rows) });

async function found(upstream: Upstream): Promise<string[]> {
  const listing = await upstream.list(undefined, never);
  if ('unchanged' in listing) throw new Error('unchanged');
  return claimsOf(listing.claims)
    .filter(({ chart }) => chart !== 'app')
    .map(({ chart, version }) => `${chart} ${version}`);
}

describe('the packages of a project in GitLab', () => {
  it.each([
    ['https://gitlab.com/api/v4/projects/42/packages/helm/stable', 'https://gitlab.com/api/v4/projects/42/packages'],
    [
      'https://x.corp/git/api/v4/projects/a%2Fb/packages/helm/dev/',
      'https://x.corp/git/api/v4/projects/a%2Fb/packages',
    ],
    ['https://gitlab.com/api/v4/projects/42/packages/helm', undefined],
    ['https://gitlab.com/api/v4/projects/42/packages/npm/stable', undefined],
    ['https://charts.corp/stable', undefined],
  ])('of %s are at %s', (url, packages) => {
    expect(packagesApi(new URL(url))?.href).toBe(packages);
  });

  it.each<[string, Readonly<Record<string, string>>, Readonly<Record<string, string>>]>([
    ['Basic', { authorization: `Basic ${btoa('me:a:b')}` }, { 'private-token': 'a:b' }],
    ['Basic of a job', { authorization: `Basic ${btoa('gitlab-ci-token:t')}` }, { 'job-token': 't' }],
    ['a bearer token', { authorization: 'Bearer t' }, { authorization: 'Bearer t' }],
    ['a header of its own', { 'private-token': 't' }, { 'private-token': 't' }],
    ['nothing', {}, {}],
  ])('are asked for, where charts are with %s, as the API wants it', async (_, presented, expected) => {
    const inner = {
      present: async () => presented,
      answer: async () => undefined,
      describe: () => 'someone',
      isAnonymous: () => false,
    };
    const authorization = gitlabAuthorization('gitlab', inner);
    expect(await authorization.present({} as AuthorizedRequest)).toEqual(expected);
    expect(authorization.describe()).toBe('someone');
  });

  it('are asked for with the new token as soon as there is one', async () => {
    const server = await faultUpstream({
      otherwise: ({ headers }) => ({ status: headers['private-token'] === 'new' ? 200 : 401 }),
    });
    let reads = 0;
    const password = new Secret(async () => (reads++ === 0 ? 'old' : 'new'));
    const login = passwordLogin('gitlab', Secret.of('me'), password);
    const authorization = gitlabAuthorization('gitlab', preemptiveAuthorization({ upstream: 'gitlab', login }));
    const answer = await httpClientOf(server.origin, { authorization }).get(server.origin);
    await answer.dump();
    expect(answer.status).toBe(200);
    const sent = server.requests.map(({ headers }) => [headers['private-token'], headers.authorization]);
    expect(sent).toEqual([
      ['old', undefined],
      ['new', undefined],
    ]);
  });

  it('are not asked for with a token that no header can hold', async () => {
    const server = await faultUpstream({ otherwise: {} });
    const login = passwordLogin('gitlab', Secret.of('me'), Secret.of('canary\nsecond line'));
    const authorization = gitlabAuthorization('gitlab', preemptiveAuthorization({ upstream: 'gitlab', login }));
    const fault = await faultOf(httpClientOf(server.origin, { authorization }).get(server.origin));
    expect(fault.code).toBe('unauthorized');
    expect(fault.message).toMatch(/cannot be sent: it holds a blank, a line break/);
    expect(fault.message).not.toContain('canary');
    expect(server.requests).toHaveLength(0);
  });

  it('come page by page, oldest first', async () => {
    const archives = {
      'charts/a-1.0.0.tgz': await chartArchive({ name: 'a', version: '1.0.0' }),
      'charts/b-1.0.0%2B5.tgz': await chartArchive({ name: 'b', version: '1.0.0+5' }),
    };
    const first = { ...(page({ name: 'a', version: '1.0.0' }) as object), headers: { 'x-next-page': '2' } };
    const { upstream, server } = await upstreamWith(archives, first, page({ name: 'b', version: '1.0.0+5' }));
    expect(await found(upstream)).toEqual(['a 1.0.0', 'b 1.0.0+5']);
    expect(server.requests.map(({ target }) => target.split('?')[1])).toEqual([
      'package_type=helm&status=default&order_by=created_at&sort=asc&per_page=100&page=1',
      'package_type=helm&status=default&order_by=created_at&sort=asc&per_page=100&page=2',
    ]);
  });

  it('come to the last page also where nobody says that there is another', async () => {
    const archives = { 'charts/a-1.0.0.tgz': await chartArchive({ name: 'a', version: '1.0.0' }) };
    const full = Array.from({ length: 100 }, (_, at) => ({ name: 'app', version: `1.${at}.0` }));
    const { upstream, server } = await upstreamWith(archives, page(...full), page({ name: 'a', version: '1.0.0' }));
    expect([await found(upstream), server.requests.length]).toEqual([['a 1.0.0'], 2]);
  });

  it('are left out when they are no charts, too large, something else, or nothing', async () => {
    const archives = {
      'charts/broken-1.0.0.tgz': Buffer.from('no archive'),
      'charts/large-1.0.0.tgz': Buffer.alloc(10_001),
      'charts/other-1.0.0.tgz': await chartArchive({ name: 'other', version: '2.0.0' }),
    };
    const names = ['broken', 'large', 'other', 'gone'].map((name) => ({ name, version: '1.0.0' }));
    const { upstream } = await upstreamWith(archives, page(...names, { name: 5 }, null));
    expect(await found(upstream)).toEqual([]);
  });

  it.each<[string, Answer, string]>([
    ['fails', { status: 500 }, 'upstream-failed'],
    ['asks for fewer requests', { status: 429 }, 'rate-limited'],
    ['says something else', { body: '{"message":"hello"}' }, 'listing-invalid'],
    ['says what is no JSON', { body: '<!DOCTYPE html>' }, 'listing-invalid'],
  ])('make the listing a fault when the API %s', async (_, answer, code) => {
    const { upstream } = await upstreamWith({}, answer);
    expect((await faultOf(upstream.list(undefined, never))).code).toBe(code);
  });

  it('leave a validator that brings the same listing again only while they are complete', async () => {
    const complete = await upstreamWith({}, page());
    expect(await complete.upstream.list(undefined, never)).toMatchObject({ validator: { etag: '"one"' } });
    const refused = await upstreamWith({}, { status: 403 });
    expect(await refused.upstream.list(undefined, never)).toMatchObject({
      validator: {},
      rejected: { 'not-complete': 1 },
    });
    const { validator } = (await refused.upstream.list(undefined, never)) as { validator: object };
    expect(validator).toEqual({});
  });
});
