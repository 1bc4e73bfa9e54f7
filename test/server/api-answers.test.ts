import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { apiOperations } from '../../src/server/api/routes.ts';
import { breachesOf, operationAt } from '../support/api-description.ts';
import { openApiWorld } from '../support/api-world.ts';

const asked: readonly (readonly [method: string, path: string, status: number])[] = [
  ['GET', '/api/v1/status', 200],
  ['GET', '/api/v1/status?x', 400],
  ['GET', '/api/v1/upstreams/internal', 200],
  ['GET', '/api/v1/upstreams/public', 200],
  ['GET', '/api/v1/upstreams/gone', 200],
  ['GET', '/api/v1/upstreams/fading', 200],
  ['GET', '/api/v1/upstreams/nobody', 404],
  ['POST', '/api/v1/upstreams/public/sync', 200],
  ['POST', '/api/v1/upstreams/public/sync?accept=shrink', 200],
  ['POST', '/api/v1/upstreams/public/sync?accept=all', 400],
  ['POST', '/api/v1/upstreams/gone/sync', 502],
  ['POST', '/api/v1/upstreams/nobody/sync', 404],
  ['POST', '/api/v1/upstreams/public/charts/redis/1.0.0/accept', 400],
  ['POST', '/api/v1/upstreams/public/charts/redis/3.0.0/accept', 404],
  ['POST', '/api/v1/upstreams/public/charts/redis/latest/accept', 400],
  ['GET', '/api/v1/repositories', 200],
  ['GET', '/api/v1/repositories/stable', 200],
  ['GET', '/api/v1/repositories/edge', 200],
  ['GET', '/api/v1/repositories/nobody', 404],
  ['GET', '/api/v1/repositories/stable/charts', 200],
  ['GET', '/api/v1/repositories/edge/charts?limit=2&offset=1', 200],
  ['GET', '/api/v1/repositories/edge/charts?search=database', 200],
  ['GET', '/api/v1/repositories/edge/charts?limit=all', 400],
  ['GET', '/api/v1/repositories/nobody/charts', 404],
  ['GET', '/api/v1/repositories/new', 200],
  ['GET', '/api/v1/repositories/new/charts', 503],
  ['GET', '/api/v1/repositories/new/charts/redis', 503],
  ['GET', '/api/v1/repositories/new/charts/redis/1.0.0', 503],
  ['GET', '/api/v1/repositories/stable/charts/redis', 200],
  ['GET', '/api/v1/repositories/edge/charts/redis', 200],
  ['GET', '/api/v1/repositories/stable/charts/unheard-of', 404],
  ['GET', '/api/v1/repositories/stable/charts/corp-app/1.2.0', 200],
  ['GET', '/api/v1/repositories/stable/charts/redis/1.1.0+build.2', 200],
  ['GET', '/api/v1/repositories/edge/charts/Upper/1.0.0', 200],
  ['GET', '/api/v1/repositories/edge/charts/nginx/1.24.0', 200],
  ['GET', '/api/v1/repositories/edge/charts/kept/1.0.0', 200],
  ['GET', '/api/v1/repositories/edge/charts/lost/1.0.0', 200],
  ['GET', '/api/v1/repositories/stable/charts/nginx/1.24.0', 403],
  ['GET', '/api/v1/repositories/stable/charts/redis/2.0.0-rc.1', 404],
  ['GET', '/api/v1/repositories/stable/charts/corp-app/9.9.9', 404],
  ['GET', '/api/v1/repositories/stable/charts/redis/latest', 400],
  ['GET', '/api/v1/explain?chart=redis', 200],
  ['GET', '/api/v1/explain?chart=redis&version=1.0.0', 200],
  ['GET', '/api/v1/explain?chart=nginx&version=1.24.0&repository=stable', 200],
  ['GET', '/api/v1/explain?chart=corp-app&version=9.9.9', 200],
  ['GET', '/api/v1/explain?chart=redsi', 200],
  ['GET', '/api/v1/explain?chart=redis&repository=nobody', 404],
  ['GET', '/api/v1/explain?chart=-', 400],
  ['GET', '/api/v1/explain', 400],
  ['GET', '/api/v1/explain?chart=kept&version=1.0.0&repository=new', 200],
  ['GET', '/api/v1/upstreams/signed', 200],
  ['GET', '/api/v1/repositories/verified/charts/tool/1.0.0', 200],
  ['GET', '/api/v1/repositories/verified/charts/tool/2.0.0', 403],
  ['GET', '/api/v1/explain?chart=tool&version=2.0.0', 200],
  ['GET', '/api/v1/openapi.json', 200],
  ['POST', '/api/v1/upstreams/fading/charts/kept/1.0.0/accept', 200],
];

describe('every answer of the whole program is as it is described', () => {
  let world: Awaited<ReturnType<typeof openApiWorld>>;
  beforeAll(async () => {
    world = await openApiWorld();
  });
  afterAll(() => world.close());

  test.each(asked)('%s %s: %i', async (method, path, status) => {
    const answer = await world.ask(path, method);

    expect([answer.status, breachesOf(method, path, answer.status, answer.body)]).toEqual([status, []]);
  });

  test('and none of its operations is left out', () => {
    const succeeded = asked.filter(([, , status]) => status === 200);
    const ids = new Set(succeeded.map(([method, path]) => operationAt(method, path)?.id));
    const rest = apiOperations().filter(({ id }) => !ids.has(id));

    expect(rest).toEqual([]);
  });

  test('and what cannot be had is told with what can', async () => {
    const { body } = await world.ask('/api/v1/repositories/edge/charts/lost/1.0.0');

    expect(body).toMatchObject({
      version: '1.0.0',
      upstream: 'fading',
      documents: { fault: { advice: expect.stringContaining('.') } },
    });
  });

  test('and whether it is signed is told, and of what is not why that matters', async () => {
    const key = expect.stringMatching(/^[0-9A-F]{40}$/);
    const signer = 'toolmaker <toolmaker@chartroom.invalid>';
    expect((await world.ask('/api/v1/repositories/verified/charts/tool/1.0.0')).body).toMatchObject({
      provenance: { result: 'valid', mode: 'require', signer, key, available: true },
    });
    expect((await world.ask('/api/v1/repositories/verified/charts/tool/2.0.0')).body).toMatchObject({
      error: { code: 'provenance-invalid', message: expect.stringContaining('has no provenance file') },
    });
    expect((await world.ask('/api/v1/upstreams/signed')).body).toMatchObject({
      provenance: { mode: 'require', valid: 1, missing: 1, invalid: 0, unjudged: 0 },
      unverifiedVersions: [{ chart: 'tool', version: '2.0.0', result: 'missing' }],
    });
  });

  test('and no version has less than it has', async () => {
    const { body } = await world.ask('/api/v1/repositories/stable/charts/corp-app/1.2.0');

    expect(body).toMatchObject({
      repository: 'stable',
      chart: 'corp-app',
      version: '1.2.0',
      appVersion: '7.1',
      upstream: 'internal',
      addresses: {
        http: 'https://charts.corp/charts/corp-app/corp-app-1.2.0.tgz',
        oci: 'oci://charts.corp/corp-app:1.2.0',
      },
      dependencies: [
        {
          name: 'redis',
          available: {
            version: '1.1.0+build.2',
            upstream: 'public',
            addresses: {
              http: 'https://charts.corp/charts/redis/redis-1.1.0+build.2.tgz',
              oci: 'oci://charts.corp/redis:1.1.0_build.2',
            },
          },
        },
        { name: 'unheard-of' },
      ],
      documents: {
        readme: '# corp-app\n\nRuns the company.\n',
        values: 'replicas: 1\n',
        schema: '{ "type": "object" }\n',
      },
    });
  });
});
