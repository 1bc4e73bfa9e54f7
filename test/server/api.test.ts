import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import type { Holding } from '../../src/chart/holding.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { SyncReport } from '../../src/mirror/contract/operator.ts';
import { upstreamStatus } from '../support/fake-mirror.ts';
import { openDoors } from './open-doors.ts';

const sync = '/api/v1/upstreams/podinfo/sync';
const accept = '/api/v1/upstreams/podinfo/charts/demo/1.0.0/accept';
const [one, other] = [Buffer.from('one'), Buffer.from('other')];
const report: SyncReport = {
  upstream: 'podinfo',
  unchanged: false,
  charts: 1,
  versions: 3,
  added: 1,
  withdrawn: 0,
  rewritten: 0,
  changed: 0,
  rejected: {},
  durationMs: 12,
};

const descriptor = { mediaType: 'application/gzip', digest: digestOf(other), size: other.length };
const holding: Holding = {
  chart: 'demo',
  version: '1.0.0',
  archive: descriptor,
  manifest: { ...descriptor, mediaType: 'application/vnd.oci.image.manifest.v1+json' },
  heldAt: '2026-01-01T00:00:00Z',
  acceptedAt: '2026-01-01T00:00:00.000Z',
};

async function doorsWithUpstream(adminToken?: Secret) {
  const doors = await openDoors({ adminToken });
  doors.mirror.upstreams = [upstreamStatus('podinfo'), upstreamStatus('nexus', { state: 'failing' })];
  doors.mirror.syncing = async () => report;
  doors.mirror.accepting = async () => holding;
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

  test('shows one upstream by its name, with what failed and what was rewritten', async () => {
    const { ask, mirror } = await doorsWithUpstream();
    const fault = { code: 'upstream-failed', message: 'nexus: answered 500.', advice: 'Wait.' } as const;
    const failed = { chart: 'demo', version: '1.0.0', fault, attempts: 3, nextAttempt: '2026-01-01T01:00:00Z' };
    const rewritten = { chart: 'demo', version: '2.0.0', held: digestOf(one), claimed: digestOf(other) };
    const contested = { repository: 'all', chart: 'demo', owner: 'podinfo' };
    mirror.failedVersions = [failed];
    mirror.contestedNames = [contested];
    mirror.rewrittenVersions = [rewritten];
    const answer = await ask('/api/v1/upstreams/nexus');

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual({
      ...upstreamStatus('nexus', { state: 'failing' }),
      failedVersions: [failed],
      rewrittenVersions: [rewritten],
      contestedNames: [contested],
    });
  });

  test('shows the lists of one upstream in no other place', async () => {
    const { ask } = await doorsWithUpstream();

    expect((await ask('/api/v1/status')).body.toString()).not.toContain('Versions"');
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
    '/api/v1/upstreams/podinfo/charts/demo/1.0.0',
    '/api/v1/upstreams/podinfo/charts/demo/1.0.0/acceptance',
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
    ['GET', accept, 'POST'],
    ['HEAD', accept, 'POST'],
    ['DELETE', accept, 'POST'],
  ])('%s %s is 405 and says what would do', async (method, path, allow) => {
    const { ask, mirror } = await doorsWithUpstream(Secret.of('token'));
    const answer = await ask(path, { method, headers: { authorization: 'Bearer token' } });

    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe(allow);
    if (method !== 'HEAD') {
      expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'bad-request' } });
    }
    expect(mirror.asked).toMatchObject({ sync: 0, accept: 0 });
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
    expect(mirror.acceptedShrink).toBe(false);
  });

  test('lets a shrunken listing through when it is asked to', async () => {
    const { ask, mirror } = await doorsWithUpstream(Secret.of('token'));
    const answer = await ask(`${sync}?accept=shrink`, { method: 'POST', headers: { authorization: 'Bearer token' } });

    expect(answer.status).toBe(200);
    expect(mirror.acceptedShrink).toBe(true);
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

  test.each([
    '?x=1',
    '?accept',
    '?accept=',
    '?accept=all',
    '?accept=Shrink',
    '?accept=shrink&x=1',
    '?accept=shrink&accept=shrink',
    '?acceptShrink=true',
    '?__proto__=shrink',
    '?%zz',
  ])('with %s, which means nothing, is 400 rather than something else', async (query) => {
    const { ask, mirror } = await doorsWithUpstream(Secret.of('token'));
    const answer = await ask(sync + query, { method: 'POST', headers: { authorization: 'Bearer token' } });

    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'bad-request' } });
    expect(mirror.asked.sync).toBe(0);
  });
});

describe.each([
  ['a sync', sync],
  ['an accept', accept],
])('%s by hand', (_what, path) => {
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
    const answer = await ask(path, { method: 'POST', headers: authorization === undefined ? {} : { authorization } });

    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="chartroom"');
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'unauthorized' } });
    expect(mirror.asked).toMatchObject({ sync: 0, accept: 0 });
  });

  test('is 403 while no admin token is configured, whatever is sent', async () => {
    const { ask, mirror } = await doorsWithUpstream();
    for (const headers of [{}, { authorization: 'Bearer undefined' }, { authorization: 'Bearer ' }]) {
      const answer = await ask(path, { method: 'POST', headers });
      expect(answer.status).toBe(403);
      expect(answer.body.toString()).toContain('server.adminToken');
    }
    expect(mirror.asked).toMatchObject({ sync: 0, accept: 0 });
  });

  test.each([
    ['cannot be read', new Secret(async () => Promise.reject(new Error('no such file: /run/secrets/admin')))],
    ['is empty', Secret.of('')],
  ])('is 503 when the admin token %s, never a way in', async (_how, token) => {
    const { ask, mirror } = await doorsWithUpstream(token);
    const answer = await ask(path, { method: 'POST', headers: { authorization: 'Bearer ' } });

    expect(answer.status).toBe(503);
    expect(answer.body.toString()).not.toContain('/run/secrets');
    expect(mirror.asked).toMatchObject({ sync: 0, accept: 0 });
  });

  test('takes a token that was changed meanwhile', async () => {
    let token = 'old';
    const { ask } = await doorsWithUpstream(new Secret(async () => token));
    const status = async (text: string) =>
      (await ask(path, { method: 'POST', headers: { authorization: `Bearer ${text}` } })).status;

    expect([await status('old'), await status('new')]).toEqual([200, 401]);
    token = 'new';
    expect([await status('old'), await status('new')]).toEqual([401, 200]);
  });
});

test('the API says in plain words what is missing where nothing is to be explained', async () => {
  const { ask } = await openDoors();

  for (const [query, message] of [
    ['', 'The parameter chart is missing.'],
    ['?chart=', 'The chart in this address is not valid.'],
  ]) {
    const answer = await ask(`/api/v1/explain${query}`);
    expect(answer.status).toBe(400);
    const { error } = JSON.parse(String(answer.body)) as { readonly error: unknown };
    expect(error).toEqual({ code: 'bad-request', message, advice: 'Name the chart to explain.' });
  }
});
