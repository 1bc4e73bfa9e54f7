import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { Secret } from '../../src/lib/secret.ts';
import { upstreamStatus } from '../support/fake-mirror.ts';
import { segments } from './hostile-segments.ts';
import { openDoors, type OpenDoors } from './open-doors.ts';

async function doorsWithChart(): Promise<OpenDoors> {
  const doors = await openDoors({ adminToken: Secret.of('token') });
  doors.mirror.put('nginx', '1.2.3', Buffer.from('archive'));
  doors.mirror.upstreams = [upstreamStatus('podinfo')];
  return doors;
}

/** Sends one request with a target that no client library would let pass; answers with the status. */
async function statusOf(doors: OpenDoors, target: string, head = 'GET', more = ''): Promise<number> {
  const text = await doors.say(`${head} ${target} HTTP/1.1\r\nHost: charts.corp\r\nConnection: close\r\n${more}\r\n`);
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
}

describe('a path that is an attack', () => {
  const targets = segments.flatMap((segment) => [
    `/${segment}`,
    `/${segment}/index.yaml`,
    `/charts/nginx/${segment}`,
    `/charts/${segment}/${segment}-1.2.3.tgz`,
    `/all/charts/nginx/${segment}`,
    `/${segment}/charts/nginx/nginx-9.9.9.tgz`,
    `/api/${segment}`,
    `/api/v1/upstreams/${segment}`,
    `/api/v1/upstreams/podinfo/charts/demo/1.0.0/${segment}`,
    `/v2/${segment}/manifests/1.2.3`,
  ]);

  test('is 400 or 404, never anything of the server', async () => {
    const doors = await doorsWithChart();
    const found: string[] = [];
    for (const target of targets) {
      const status = await statusOf(doors, target);
      if (status !== 400 && status !== 404) found.push(`${target}: ${status}`);
    }

    expect(found).toEqual([]);
    expect(doors.mirror.asked.open).toBe(0);
    expect(doors.lines).toEqual([]);
  });

  test('is 400 or 404 too for one who may change things, and changes nothing', async () => {
    const doors = await doorsWithChart();
    doors.mirror.accepting = async () => {
      throw new Fault('not-found', 'podinfo: has no such version.', '');
    };
    const found: string[] = [];
    for (const segment of segments) {
      for (const target of [
        `/api/v1/upstreams/${segment}/sync`,
        `/api/v1/upstreams/${segment}/charts/demo/1.0.0/accept`,
        `/api/v1/upstreams/podinfo/charts/${segment}/1.0.0/accept`,
        `/api/v1/upstreams/podinfo/charts/demo/${segment}/accept`,
        `/api/v1/upstreams/podinfo/sync?accept=${segment}`,
      ]) {
        const status = await statusOf(doors, target, 'POST', 'Authorization: Bearer token\r\nContent-Length: 0\r\n');
        if (status !== 400 && status !== 404) found.push(`${target}: ${status}`);
      }
    }

    expect(found).toEqual([]);
    // only what may be a chart's name: constructor
    expect(doors.mirror.asked).toMatchObject({ sync: 0, accept: 1 });
  });

  test.each([
    '//index.yaml',
    '/index.yaml/',
    '/./',
    '/./index.yaml',
    '/%2E/index.yaml',
    '/charts/nginx/../nginx/nginx-1.2.3.tgz',
    '/charts/.%2e/charts/nginx/nginx-1.2.3.tgz',
    '/INDEX.yaml',
    '/index.yaml;x',
    '\\index.yaml',
    '/a\\..\\index.yaml',
    'http://evil/../index.yaml',
  ])('%s is 400 or 404, though it could be read as the index', async (target) => {
    expect([400, 404]).toContain(await statusOf(await doorsWithChart(), target));
  });

  test('does not make the dots of a query one', async () => {
    expect(await statusOf(await doorsWithChart(), '/index.yaml?from=/../')).toBe(200);
  });
});

describe('an address that needs the admin token', () => {
  const protectedPath = '/api/v1/upstreams/podinfo/sync';
  const acceptPath = '/api/v1/upstreams/podinfo/charts/demo/1.0.0/accept';
  const rewritings = [
    protectedPath,
    `${protectedPath}?accept=shrink`,
    acceptPath,
    `/${acceptPath}`,
    `${acceptPath}/`,
    `${acceptPath}?x=1`,
    '/api/v1/upstreams/podinfo/charts/demo/1.0.0%2faccept',
    '/api/v1/upstreams/podinfo/charts/demo/../demo/1.0.0/accept',
    '/api/v1/upstreams/podinfo/charts/%64emo/1.0.0/%61ccept',
    `/${protectedPath}`,
    '/api//v1/upstreams/podinfo/sync',
    '/api/./v1/upstreams/podinfo/sync',
    '/api/v1/upstreams/podinfo/../podinfo/sync',
    '/api/v1/upstreams/podinfo%2fsync',
    '/api%2fv1/upstreams/podinfo/sync',
    '/%61pi/v1/upstreams/podinfo/sync',
    '/api/v1/upstreams/%70odinfo/sync',
    `${protectedPath}/`,
    `${protectedPath};x`,
    `${protectedPath}?x=1`,
    `${protectedPath}#x`,
    '/API/v1/upstreams/podinfo/sync',
    '/api/v1/upstreams/PODINFO/sync',
    '/charts/../api/v1/upstreams/podinfo/sync',
    '/%2e%2e/api/v1/upstreams/podinfo/sync',
    'http://evil/api/v1/upstreams/podinfo/sync',
    '/api/v1/upstreams/podinfo/sync%00',
    '/api/v1/upstreams/podinfo/sync%20',
  ];

  test.each(rewritings)('is not had without one by writing it %s', async (target) => {
    const doors = await doorsWithChart();
    const status = await statusOf(doors, target, 'POST', 'Content-Length: 0\r\n');

    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(doors.mirror.asked).toMatchObject({ sync: 0, accept: 0 });
  });
});

describe('a method that would change something', () => {
  const paths = [
    '/index.yaml',
    '/all/index.yaml',
    '/charts/nginx/nginx-1.2.3.tgz',
    '/v2/nginx/blobs/uploads/',
    '/',
    '/livez',
  ];

  test.each(['PUT', 'POST', 'PATCH', 'DELETE', 'COPY', 'TRACE', 'OPTIONS', 'PROPFIND'])('%s is 405', async (method) => {
    const { ask } = await doorsWithChart();
    for (const path of paths) {
      const answer = await ask(path, { method, headers: { 'x-http-method-override': 'GET' } });
      expect(answer.status).toBe(405);
      expect(answer.headers).toMatchObject({ allow: 'GET, HEAD', 'cache-control': 'no-store' });
    }
  });

  test('cannot be smuggled in by a header', async () => {
    const doors = await doorsWithChart();
    const headers = { 'x-http-method-override': 'POST', authorization: 'Bearer token' };

    expect((await doors.ask('/api/v1/upstreams/podinfo/sync', { headers })).status).toBe(405);
    expect(doors.mirror.asked.sync).toBe(0);
  });
});

describe('a host that is an attack', () => {
  test.each(['a/b', 'evil\tx', 'a b', '[::1', 'evil:99999999'])('%j is 400', async (host) => {
    const { say } = await doorsWithChart();

    expect(await say(`GET /index.yaml HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 400 /,
    );
  });

  test('missing is 400 in HTTP/1.1, and no trouble for the probes of HTTP/1.0', async () => {
    const { say } = await doorsWithChart();

    expect(await say('GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await say('GET /livez HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('never comes back, in no header and no body', async () => {
    const { say } = await doorsWithChart();
    const request =
      'Host: evil.example\r\nHost: evil2.example\r\nX-Forwarded-Host: evil3.example\r\nConnection: close\r\n\r\n';
    for (const target of [
      '/',
      '/index.yaml',
      '/nothing',
      '/charts/nginx/nginx-1.2.3.tgz',
      'http://evil.example/index.yaml',
    ]) {
      expect(await say(`GET ${target} HTTP/1.1\r\n${request}`)).not.toContain('evil');
    }
  });
});

describe('a request that two servers could read differently', () => {
  const host = 'Host: charts.corp\r\n';

  test.each([
    [
      'length and chunks',
      `POST /index.yaml HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two lengths', `POST /index.yaml HTTP/1.1\r\n${host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
    ['a coding nobody knows', `POST /index.yaml HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\nhello`],
    ['a bare line feed', `GET /index.yaml HTTP/1.1\n${host}\r\n\r\n`],
    ['a folded header', `GET /index.yaml HTTP/1.1\r\n${host}X-A: b\r\n c\r\nX-D : e\r\n\r\n`],
    ['a promise of a body that is none', `GET /index.yaml HTTP/1.1\r\n${host}Expect: 100-continue\r\n\r\n`],
  ])('by %s is 400, and its connection ends', async (_what, bytes) => {
    const { say } = await doorsWithChart();
    const text = await say(`${bytes}GET /livez HTTP/1.1\r\n${host}\r\n`);

    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test('by pipelining is answered in order, each with its own bytes', async () => {
    const { say } = await doorsWithChart();
    const text = await say(
      `GET /livez HTTP/1.1\r\n${host}\r\nGET /charts/nginx/nginx-1.2.3.tgz HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    );

    expect(text.split('HTTP/1.1 200 ').map((part) => part.trim().split('\r\n').at(-1))).toEqual(['', 'ok', 'archive']);
  });
});

describe('a request that is too much', () => {
  test.each([
    ['a request line of 17 KB', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['10,000 headers', `GET / HTTP/1.1\r\nHost: a\r\n${'X-A: b\r\n'.repeat(10_000)}\r\n`],
  ])('by %s is 431', async (_what, bytes) => {
    const { say } = await doorsWithChart();

    expect(await say(bytes)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test.each([
    ['GET', `Content-Length: ${2 ** 30}`],
    ['GET', 'Transfer-Encoding: chunked'],
    ['HEAD', 'Content-Length: 1'],
    ['PUT', `Content-Length: ${2 ** 30}`],
    ['POST', 'Transfer-Encoding: chunked'],
  ])('by the body of a %s (%s) is answered without reading it', async (method, header) => {
    const { dial } = await doorsWithChart();
    const socket = await dial();
    socket.write(`${method} /index.yaml HTTP/1.1\r\nHost: charts.corp\r\n${header}\r\n\r\n`);
    let sentBytes = 0;
    const chunk = header.startsWith('Content')
      ? Buffer.alloc(65_536)
      : Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
    const push = (): void => {
      while (!socket.destroyed && sentBytes < 2 ** 30) {
        sentBytes += chunk.length;
        if (!socket.write(chunk)) return;
      }
    };
    socket.on('drain', push);
    socket.resume();
    push();
    await new Promise((resolve) => socket.once('close', resolve));

    // What the kernel's buffers of both sides take.
    expect(sentBytes).toBeLessThan(32 * 2 ** 20);
  });
});

test('no other site is let in', async () => {
  const { ask } = await doorsWithChart();
  const answer = await ask('/api/v1/status', { headers: { origin: 'https://evil' } });

  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});
