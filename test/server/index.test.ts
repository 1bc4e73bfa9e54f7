import { gunzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { prefersGzip } from '../../src/server/conditions.ts';
import { renderingOf } from '../support/fake-mirror.ts';
import { openDoors } from './open-doors.ts';

const identity = Buffer.from(JSON.stringify({ apiVersion: 'v1', entries: { nginx: [{ version: '1.2.3' }] } }));
const index = renderingOf(identity);

async function doorsWithIndex() {
  const doors = await openDoors();
  doors.mirror.index = index;
  return doors;
}

describe('the index', () => {
  test('is the finished rendering, with everything a cache needs to know', async () => {
    const { ask } = await doorsWithIndex();
    const answer = await ask('/index.yaml');

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(identity);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/yaml; charset=utf-8',
      'content-length': String(identity.length),
      'cache-control': 'no-cache',
      etag: `"${index.etag}"`,
      vary: 'Accept-Encoding',
    });
    expect(answer.headers).not.toHaveProperty('content-encoding');
  });

  test('is sent in as many pieces as it stands in, and comes as one', async () => {
    const { ask, mirror } = await doorsWithIndex();
    // more than a socket takes at once, some of it shared with threads
    const shared = Buffer.from(new SharedArrayBuffer(3_000_000)).fill('y');
    const pieces = [Buffer.alloc(2_000_000, 'x'), shared, Buffer.from('z')];
    mirror.index = { ...index, identity: pieces };
    const answer = await ask('/index.yaml');
    expect(answer.body.equals(Buffer.concat(pieces))).toBe(true);
    expect(answer.headers).toMatchObject({ 'content-length': '5000001', etag: `"${index.etag}"` });

    const head = await ask('/index.yaml', { method: 'HEAD' });
    expect(head.body).toHaveLength(0);
    expect(head.headers).toMatchObject({ 'content-length': '5000001', etag: `"${index.etag}"` });
    expect((await ask('/index.yaml')).body).toHaveLength(5_000_001);
  });

  test('is gzip for a client that asks for it, under an ETag of its own', async () => {
    const { ask } = await doorsWithIndex();
    const answer = await ask('/index.yaml', { headers: { 'accept-encoding': 'gzip' } });

    expect(gunzipSync(answer.body)).toEqual(identity);
    expect(answer.headers).toMatchObject({
      'content-encoding': 'gzip',
      'content-length': String(index.gzip.length),
      etag: `"${index.etag}-gzip"`,
      vary: 'Accept-Encoding',
    });
  });

  test.each([
    [undefined, false],
    ['', false],
    ['gzip', true],
    ['GZIP', true],
    ['x-gzip', true],
    ['deflate, gzip;q=0.5', true],
    ['gzip; q=0', false],
    ['gzip;q=0.000', false],
    ['gzip;q=nonsense', false],
    ['*', true],
    ['*;q=0', false],
    ['*, gzip;q=0', false],
    ['identity', false],
    ['gzip;q=0.5, identity;q=1', false],
    ['gzip;q=1.0, identity; q=0.5', true],
    ['identity;q=0, gzip', true],
    ['br, deflate', false],
    ['__proto__', false],
  ])('Accept-Encoding %j: gzip is %s', (header, gzip) => {
    expect(prefersGzip(header)).toBe(gzip);
  });

  const etag = `"${index.etag}"`;

  test.each([
    [etag],
    [`W/${etag}`],
    ['*'],
    [` * `],
    [`"other", ${etag}`],
    [`"other",W/${etag} ,"third"`],
    [`"a, b", ${etag}`],
  ])('If-None-Match %j: 304 without a body', async (header) => {
    const { ask } = await doorsWithIndex();
    const answer = await ask('/index.yaml', { headers: { 'if-none-match': header } });

    expect(answer.status).toBe(304);
    expect(answer.body).toHaveLength(0);
    expect(answer.headers).toMatchObject({ etag, vary: 'Accept-Encoding', 'cache-control': 'no-cache' });
  });

  test.each([['"other"'], [index.etag], [`"${index.etag}-gzip"`], [`"${index.etag}`], [''], ['"a", *']])(
    'If-None-Match %j: the whole index',
    async (header) => {
      const { ask } = await doorsWithIndex();
      const answer = await ask('/index.yaml', { headers: { 'if-none-match': header } });

      expect(answer.status).toBe(200);
      expect(answer.body).toEqual(identity);
    },
  );

  test('is 304 for the compressed form only by the ETag of the compressed form', async () => {
    const { ask } = await doorsWithIndex();
    const asking = (tag: string) => ({ headers: { 'accept-encoding': 'gzip', 'if-none-match': tag } });

    expect((await ask('/index.yaml', asking(`"${index.etag}-gzip"`))).status).toBe(304);
    expect((await ask('/index.yaml', asking(etag))).status).toBe(200);
  });

  test('tells HEAD the same headers as GET, and sends no body', async () => {
    const { ask } = await doorsWithIndex();
    for (const headers of [{}, { 'accept-encoding': 'gzip' }, { 'if-none-match': etag }]) {
      const get = await ask('/index.yaml', { headers });
      const head = await ask('/index.yaml', { method: 'HEAD', headers });

      expect(head.status).toBe(get.status);
      expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
      expect(head.body).toHaveLength(0);
    }
  });

  test('answers below the name of each repository, and at the root for the one that has it', async () => {
    const { ask, mirror } = await doorsWithIndex();
    mirror.repositoryNames = ['stable', 'edge'];

    expect((await ask('/stable/index.yaml')).status).toBe(200);
    expect((await ask('/edge/index.yaml')).status).toBe(200);
    expect((await ask('/index.yaml')).status).toBe(200);
    expect((await ask('/other/index.yaml')).status).toBe(404);
    expect((await ask('/charts/index.yaml')).status).toBe(404);

    mirror.rootless = true;
    const answer = await ask('/index.yaml');
    expect(answer.status).toBe(404);
    expect(answer.body.toString()).toContain('/stable/, /edge/');
  });

  test('is 503 with Retry-After while nothing was ever listed, rather than empty', async () => {
    const { ask, mirror } = await openDoors();
    mirror.index = new Fault('unavailable', 'None of the upstreams has been listed yet.', 'Try again soon.');
    const answer = await ask('/index.yaml');

    expect(answer.status).toBe(503);
    expect(answer.headers).toMatchObject({ 'retry-after': '5', 'cache-control': 'no-store' });
    expect(answer.body.toString()).toBe('None of the upstreams has been listed yet. Try again soon.\n');
  });

  test('has the same bytes whatever host the client names', async () => {
    const { ask } = await doorsWithIndex();
    for (const headers of [
      { host: 'evil' },
      { host: 'charts.corp', 'x-forwarded-host': 'evil' },
      { host: 'EVIL:80' },
    ]) {
      const answer = await ask('/index.yaml', { headers });
      expect(answer.body).toEqual(identity);
      expect(JSON.stringify(answer.headers).toLowerCase()).not.toContain('evil');
    }
  });
});
