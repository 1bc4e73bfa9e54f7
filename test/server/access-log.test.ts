import { describe, expect, test } from 'vitest';

import { Secret } from '../../src/lib/secret.ts';
import { openDoors, until } from './open-doors.ts';

const opened = () => openDoors({ level: 'info', adminToken: Secret.of('canary-admin') });

describe('the access log', () => {
  test('has one line for each answer, with what was asked for', async () => {
    const { ask, mirror, lines } = await opened();
    mirror.put('nginx', '1.2.3', Buffer.alloc(1000));
    await ask('/all/charts/nginx/nginx-1.2.3.tgz', { headers: { 'user-agent': 'Helm/4.2.4' } });
    await until(() => lines.length > 0);

    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 30,
      msg: 'request',
      door: 'archive',
      method: 'GET',
      path: '/all/charts/nginx/nginx-1.2.3.tgz',
      status: 200,
      bytes: 1000,
      remote: '127.0.0.1',
      userAgent: 'Helm/4.2.4',
      repository: 'all',
      chart: 'nginx',
      version: '1.2.3',
    });
    expect(lines[0]?.['ms']).toBeGreaterThanOrEqual(0);
    expect(lines[0]).not.toHaveProperty('aborted');
  });

  test.each([
    ['/nothing', 404, 'other'],
    ['/index.yaml', 200, 'index'],
    ['/livez', 200, 'operations'],
    ['/api/v1/status', 200, 'api'],
    ['/', 200, 'welcome'],
    ['/all/', 200, 'welcome'],
    ['/charts/x/x-1.0.0.tgz.prov', 404, 'provenance'],
    ['/%2e%2e/x', 400, 'other'],
  ])('%s: %i, by the door %s', async (path, status, door) => {
    const { ask, lines } = await opened();
    await ask(path);
    await until(() => lines.length > 0);

    expect(lines).toMatchObject([{ path, status, door }]);
  });

  test('notes who left before the end', async () => {
    const { dial, mirror, lines } = await opened();
    mirror.resolving = new Promise(() => {});
    const socket = await dial();
    socket.write('GET /charts/nginx/nginx-1.2.3.tgz HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => mirror.asked.resolve === 1);
    socket.destroy();
    await until(() => lines.length > 0);

    expect(lines).toMatchObject([{ status: 499, aborted: true, remote: '127.0.0.1', bytes: 0 }]);
  });

  test('holds no secret that came with a request', async () => {
    const { ask, say, lines } = await opened();
    const headers = {
      authorization: 'Bearer canary-header',
      cookie: 'session=canary-cookie',
      'x-api-key': 'canary-key',
    };
    await ask('/index.yaml?token=canary-query', { headers });
    await ask('/api/v1/upstreams/x/sync', { method: 'POST', headers: { authorization: 'Bearer canary-admin' } });
    await say(
      'GET http://user:canary-url@charts.corp/index.yaml?t=canary HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    await until(() => lines.length === 3);

    expect(JSON.stringify(lines)).not.toContain('canary');
  });

  test('cannot be forged: whatever a client writes stays inside of one line', async () => {
    const { ask, lines } = await opened();
    const userAgent = 'x","level":60,"msg":"forged \u2028 \\';
    await ask('/%0a{"level":60}', { headers: { 'user-agent': Buffer.from(userAgent).toString('latin1') } });
    await until(() => lines.length > 0);

    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 30, msg: 'request', path: '/%0a{"level":60}' });
  });

  test('keeps long texts short', async () => {
    const { ask, lines } = await opened();
    await ask(`/${'x'.repeat(5000)}`, { headers: { 'user-agent': 'y'.repeat(5000) } });
    await until(() => lines.length > 0);

    expect(JSON.stringify(lines[0]).length).toBeLessThan(1500);
  });

  test('is silent above info', async () => {
    const { ask, lines } = await openDoors({ level: 'warn' });
    await ask('/index.yaml');
    await ask('/nothing');

    expect(lines).toEqual([]);
  });
});
