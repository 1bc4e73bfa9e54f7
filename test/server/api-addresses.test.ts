import { describe, expect, test } from 'vitest';

import { addressesOf, doorsUrl, type DoorsPlace } from '../../src/server/api/addresses.ts';
import { repositoryInfo, versionDetails } from '../support/fake-library.ts';
import { openDoors } from './open-doors.ts';

const place: DoorsPlace = { publicUrl: undefined, address: '127.0.0.1:8080', tls: false, shared: true };

describe('where the front doors are', () => {
  test('is what whoever runs the server says, before anything else', () => {
    const publicUrl = 'https://charts.corp/helm';

    expect(doorsUrl({ ...place, publicUrl }, 'evil.example')).toBe(publicUrl);
    expect(doorsUrl({ ...place, publicUrl, shared: false }, undefined)).toBe(publicUrl);
  });

  test.each([
    ['charts.corp', 'http://charts.corp'],
    ['Charts.Corp:8443', 'http://charts.corp:8443'],
    ['127.0.0.1:9', 'http://127.0.0.1:9'],
    ['[::1]:8080', 'http://[::1]:8080'],
    ['[::1]', 'http://[::1]'],
  ])('is else where the client found the API: %s', (host, url) => {
    expect(doorsUrl(place, host)).toBe(url);
    expect(doorsUrl({ ...place, tls: true }, host)).toBe(url.replace('http:', 'https:'));
  });

  test.each([
    undefined,
    '',
    'a b',
    'user@charts.corp',
    'charts.corp/x',
    'charts.corp:',
    'charts.corp:123456',
    'charts.corp?x',
    '"><script>',
    '[::1',
    '-a',
    'a.',
    'ä.corp',
  ])('is where it listens when the host that came is %j', (host) => {
    expect(doorsUrl(place, host)).toBe('http://127.0.0.1:8080');
    expect(doorsUrl({ ...place, address: '0.0.0.0:8080' }, host)).toBe('http://localhost:8080');
  });

  test('is the port of the doors on the same host where the API has one of its own', () => {
    const apart = { ...place, shared: false };

    expect(doorsUrl(apart, 'charts.corp:9090')).toBe('http://127.0.0.1:8080');
    expect(doorsUrl({ ...apart, address: '0.0.0.0:8080' }, 'Charts.corp:9090')).toBe('http://charts.corp:8080');
    expect(doorsUrl({ ...apart, address: '[::]:8080' }, '[::1]:9090')).toBe('http://[::1]:8080');
  });
});

describe('the addresses of a version', () => {
  const [root, other] = [
    { name: 'stable', root: true },
    { name: 'edge', root: false },
  ];

  test('are below the root for its repository, below their name for others', () => {
    expect(addressesOf('https://charts.corp', root, 'nginx', '1.0.0+a')).toEqual({
      http: 'https://charts.corp/charts/nginx/nginx-1.0.0+a.tgz',
      oci: 'oci://charts.corp/nginx:1.0.0_a',
    });
    expect(addressesOf('http://127.0.0.1:8080', other, 'nginx', '1.0.0')).toEqual({
      http: 'http://127.0.0.1:8080/edge/charts/nginx/nginx-1.0.0.tgz',
      oci: 'oci://127.0.0.1:8080/edge/nginx:1.0.0',
    });
  });

  test('have none for registries where they have no name for it, or the public address has a path', () => {
    expect(addressesOf('https://charts.corp', root, 'Nginx', '1.0.0').oci).toBeNull();
    expect(addressesOf('https://charts.corp/helm', root, 'nginx', '1.0.0')).toEqual({
      http: 'https://charts.corp/helm/charts/nginx/nginx-1.0.0.tgz',
      oci: null,
    });
  });
});

describe('an answer about a version', () => {
  const dependencies = [
    { name: 'common', version: '^2.0.0', available: { version: '2.1.0+x', upstream: 'internal' } },
    { name: 'lost' },
  ];
  const path = '/api/v1/repositories/edge/charts/nginx/1.0.0';

  async function doorsWithVersion(publicUrl?: string, more: Parameters<typeof openDoors>[0] = {}) {
    const doors = await openDoors({ ...more, publicUrl });
    doors.library.list = [repositoryInfo('stable', { root: true }), repositoryInfo('edge')];
    doors.library.details = [versionDetails('nginx', '1.0.0', { dependencies })];
    return doors;
  }

  test('has its addresses, and those of what it needs', async () => {
    const { ask } = await doorsWithVersion('https://charts.corp');
    const answer = JSON.parse((await ask(path)).body.toString()) as object;

    expect(answer).toMatchObject({
      addresses: {
        http: 'https://charts.corp/edge/charts/nginx/nginx-1.0.0.tgz',
        oci: 'oci://charts.corp/edge/nginx:1.0.0',
      },
      dependencies: [
        {
          name: 'common',
          available: {
            version: '2.1.0+x',
            upstream: 'internal',
            addresses: {
              http: 'https://charts.corp/edge/charts/common/common-2.1.0+x.tgz',
              oci: 'oci://charts.corp/edge/common:2.1.0_x',
            },
          },
        },
        { name: 'lost' },
      ],
    });
  });

  test('names the host that the client named, and no other that a proxy or an attacker adds', async () => {
    const { ask } = await doorsWithVersion();
    const headers = { host: 'charts.corp:8443', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' };
    const text = (await ask(path, { headers })).body.toString();

    expect(text).toContain('http://charts.corp:8443/edge/charts/nginx/nginx-1.0.0.tgz');
    expect(text).not.toContain('evil');
  });

  test('names the front doors where the API has a port of its own', async () => {
    const { ask, server } = await doorsWithVersion(undefined, { operations: { host: '127.0.0.1', port: 0 } });
    const text = (await ask(path, { operations: true })).body.toString();

    expect(server.address).not.toBe(server.operationsAddress);
    expect(text).toContain(`http://${server.address}/edge/charts/nginx/nginx-1.0.0.tgz`);
  });
});
