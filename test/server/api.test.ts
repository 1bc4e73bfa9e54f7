import { describe, expect, test } from 'vitest';

import { Secret } from '../../src/lib/secret.ts';
import type { SyncReport } from '../../src/mirror/contract.ts';
import { upstreamStatus } from '../support/fake-mirror.ts';
import { openDoors } from './open-doors.ts';

const sync = '/api/v1/upstreams/podinfo/sync';
const report: SyncReport = {
  upstream: 'podinfo',
  unchanged: false,
  charts: 1,
  versions: 3,
  added: 1,
  withdrawn: 0,
  rewritten: 0,
  rejected: {},
  durationMs: 12,
};

async function doorsWithUpstream(adminToken?: Secret) {
  const doors = await openDoors({ adminToken });
  doors.mirror.upstreams = [upstreamStatus('podinfo'), upstreamStatus('nexus', { state: 'failing' })];
  doors.mirror.syncing = async () => report;
  return doors;
}

describe('reading the API', () => {
  test('shows the status as it is', async () => {
    const { ask, mirror } = await doorsWithUpstream();
    const answer = await ask('/api/v1/status');

    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(JSON.parse(answer.body.toString())).toEqual(mirror.status());
  });

  test('shows one upstream by its name', async () => {
    const { ask } = await doorsWithUpstream();

    expect(JSON.parse((await ask('/api/v1/upstreams/nexus')).body.toString())).toEqual(
      upstreamStatus('nexus', { state: 'failing' }),
    );
  });

  test.each([
    '/api',
    '/api/',
    '/api/v1',
    '/api/v2/status',
    '/api/v1/status/',
    '/api/v1/upstreams',
    '/api/v1/upstreams/nobody',
    '/api/v1/upstreams/__proto__',
  ])('%s is 404 as JSON', async (path) => {
    const { ask } = await doorsWithUpstream();
    const answer = await ask(path);

    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'not-found' } });
  });

  test.each([
    ['DELETE', '/api/v1/status', 'GET, HEAD'],
    ['POST', '/api/v1/upstreams/podinfo', 'GET, HEAD'],
    ['GET', sync, 'POST'],
    ['PUT', sync, 'POST'],
  ])('%s %s is 405 and says what would do', async (method, path, allow) => {
    const { ask, mirror } = await doorsWithUpstream(Secret.of('token'));
    const answer = await ask(path, { method, headers: { authorization: 'Bearer token' } });

    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe(allow);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'bad-request' } });
    expect(mirror.asked.sync).toBe(0);
  });

  test('works with HEAD', async () => {
    const { ask } = await doorsWithUpstream();
    const head = await ask('/api/v1/status', { method: 'HEAD' });

    expect(head.status).toBe(200);
    expect(head.headers['content-length']).toBe((await ask('/api/v1/status')).headers['content-length']);
  });
});

describe('a sync by hand', () => {
  test('answers with what it found', async () => {
    const { ask, mirror } = await doorsWithUpstream(Secret.of('token'));
    const answer = await ask(sync, { method: 'POST', headers: { authorization: 'Bearer token' } });

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual(report);
    expect(mirror.asked.sync).toBe(1);
  });

  test('is taken with a small body, which nobody reads', async () => {
    const { ask } = await doorsWithUpstream(Secret.of('token'));
    const headers = { authorization: 'bearer token', 'content-type': 'application/json' };

    expect((await ask(sync, { method: 'POST', headers, body: '{}' })).status).toBe(200);
  });

  test('of an upstream that is not there is 404', async () => {
    const { ask, mirror } = await doorsWithUpstream(Secret.of('token'));
    const answer = await ask('/api/v1/upstreams/nobody/sync', {
      method: 'POST',
      headers: { authorization: 'Bearer token' },
    });

    expect(answer.status).toBe(404);
    expect(mirror.asked.sync).toBe(0);
  });

  test('with a parameter that means nothing is 400 rather than something else', async () => {
    const { ask, mirror } = await doorsWithUpstream(Secret.of('token'));
    const headers = { authorization: 'Bearer token' };

    expect((await ask(`${sync}?accept=shrink`, { method: 'POST', headers })).status).toBe(400);
    expect(mirror.asked.sync).toBe(0);
  });

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer other',
    'Bearer toke',
    'Bearer tokens',
    'Bearer token token',
    'Basic token',
    'token',
    'Bearer TOKEN',
  ])('with the authorization %j is 401', async (authorization) => {
    const { ask, mirror } = await doorsWithUpstream(Secret.of('token'));
    const answer = await ask(sync, { method: 'POST', headers: authorization === undefined ? {} : { authorization } });

    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="chartroom"');
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'unauthorized' } });
    expect(mirror.asked.sync).toBe(0);
  });

  test('is 403 while no admin token is configured, whatever is sent', async () => {
    const { ask, mirror } = await doorsWithUpstream();
    for (const headers of [{}, { authorization: 'Bearer undefined' }, { authorization: 'Bearer ' }]) {
      const answer = await ask(sync, { method: 'POST', headers });
      expect(answer.status).toBe(403);
      expect(answer.body.toString()).toContain('server.adminToken');
    }
    expect(mirror.asked.sync).toBe(0);
  });

  test.each([
    ['cannot be read', new Secret(async () => Promise.reject(new Error('no such file: /run/secrets/admin')))],
    ['is empty', Secret.of('')],
  ])('is 503 when the admin token %s, never a way in', async (_how, token) => {
    const { ask, mirror } = await doorsWithUpstream(token);
    const answer = await ask(sync, { method: 'POST', headers: { authorization: 'Bearer ' } });

    expect(answer.status).toBe(503);
    expect(answer.body.toString()).not.toContain('/run/secrets');
    expect(mirror.asked.sync).toBe(0);
  });

  test('takes a token that was changed meanwhile', async () => {
    let token = 'old';
    const { ask } = await doorsWithUpstream(new Secret(async () => token));
    const status = async (text: string) =>
      (await ask(sync, { method: 'POST', headers: { authorization: `Bearer ${text}` } })).status;

    expect([await status('old'), await status('new')]).toEqual([200, 401]);
    token = 'new';
    expect([await status('old'), await status('new')]).toEqual([401, 200]);
  });
});
