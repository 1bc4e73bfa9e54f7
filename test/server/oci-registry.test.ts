import { describe, expect, test } from 'vitest';

import { errorIn, openImageDoors } from './oci-doors.ts';
import { openDoors, until } from './open-doors.ts';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const path = '/v2/all/nginx/manifests/1.2.3';

describe('the registry', () => {
  test.each(['/v2/', '/v2', '/v2/?x=1'])('says at %s that it is one', async (address) => {
    const { ask } = await openDoors();
    const answer = await ask(address);

    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toBe('{}');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'docker-distribution-api-version': 'registry/2.0',
    });
    expect((await ask(address, { method: 'HEAD' })).headers['content-length']).toBe('2');
  });

  test('has nothing at other addresses, and says so in its own form', async () => {
    const { ask } = await openImageDoors();
    const others = ['/v2/nginx', '/v2/nginx/tags', '/v2/nginx/tags/all', '/v2/nginx/manifests', '/v2/index.yaml'];
    const uploads = [
      '/v2/nginx/blobs/uploads/',
      '/v2/nginx/blobs/uploads/1',
      '/v2/_catalog/',
      '/v2/charts/a/a-1.0.0.tgz',
    ];
    for (const address of [...others, ...uploads]) {
      const answer = await ask(address);
      expect([address, answer.status]).toEqual([address, 404]);
      expect(errorIn(answer.body).code).toBe('UNSUPPORTED');
    }
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'COPY'])('takes no %s', async (method) => {
    const { ask } = await openImageDoors();
    for (const address of ['/v2/', '/v2/_catalog', path, '/v2/nginx/blobs/uploads/', '/v2/no/such/thing/']) {
      const answer = await ask(address, { method });
      expect(answer.status).toBe(405);
      expect(answer.headers).toMatchObject({ allow: 'GET, HEAD', 'cache-control': 'no-store' });
      expect(errorIn(answer.body).code).toBe('UNSUPPORTED');
    }
  });

  test('notes what was asked for in the log', async () => {
    const { ask, lines, manifestDigest, layerDigest } = await openImageDoors({ level: 'info' });
    const asked = [
      ['/v2/', { door: 'registry' }],
      ['/v2/_catalog', { door: 'registry' }],
      ['/v2/nobody', { door: 'registry', status: 404 }],
      ['/v2/nginx/manifests/1.2.3_build.4', { door: 'manifest', repository: 'all', version: '1.2.3+build.4' }],
      [`/v2/all/nginx/manifests/${manifestDigest}`, { door: 'manifest', repository: 'all', chart: 'nginx' }],
      [`/v2/nginx/blobs/${layerDigest}`, { door: 'blob', repository: 'all', chart: 'nginx', bytes: 1000 }],
      ['/v2/nginx/tags/list', { door: 'tags', chart: 'nginx' }],
      [`/v2/nginx/referrers/${manifestDigest}`, { door: 'referrers', chart: 'nginx' }],
    ] as const;
    for (const [at, [address, noted]] of asked.entries()) {
      await ask(address);
      await until(() => lines.length > at);
      expect(lines[at]).toMatchObject({ path: address, ...noted });
    }
  });
});

describe('a manifest', () => {
  test('is its bytes by tag, to be asked about again', async () => {
    const { ask, manifest, manifestDigest } = await openImageDoors();
    for (const address of [path, '/v2/nginx/manifests/1.2.3', '/v2/nginx/manifests/1%2e2.3?ns=docker.io']) {
      const answer = await ask(address);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual(manifest);
      expect(answer.headers).toMatchObject({
        'content-type': manifestType,
        'content-length': String(manifest.length),
        'docker-content-digest': manifestDigest,
        etag: `"${manifestDigest}"`,
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
      });
      expect(answer.headers).not.toHaveProperty('transfer-encoding');
    }
  });

  test('is the same by digest, for ever', async () => {
    const { ask, manifest, manifestDigest } = await openImageDoors();
    const answer = await ask(`/v2/nginx/manifests/${manifestDigest.replace(':', '%3A')}`);

    expect(answer.body).toEqual(manifest);
    expect(answer.headers).toMatchObject({
      'docker-content-digest': manifestDigest,
      'cache-control': 'public, max-age=31536000, immutable',
    });
  });

  test('has the media type it was pushed with', async () => {
    const { ask, images } = await openImageDoors();
    const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
    images.putManifest(Buffer.from('{}'), ['2.0.0'], { mediaType });

    expect((await ask('/v2/nginx/manifests/2.0.0')).headers['content-type']).toBe(mediaType);
  });

  test('with a media type that would forge a header is sent as bytes', async () => {
    const { ask, images } = await openImageDoors();
    images.putManifest(Buffer.from('{}'), ['2.0.0'], { mediaType: 'a/b\r\nSet-Cookie: a=b' });
    const answer = await ask('/v2/nginx/manifests/2.0.0');

    expect(answer.headers['content-type']).toBe('application/octet-stream');
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });

  test('is told to HEAD with the headers of GET', async () => {
    const { ask, manifestDigest } = await openImageDoors();
    for (const address of [path, `/v2/nginx/manifests/${manifestDigest}`]) {
      const [get, head] = [await ask(address), await ask(address, { method: 'HEAD' })];
      expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
      expect(head.body).toHaveLength(0);
    }
  });

  test('is 304 for whoever has it', async () => {
    const { ask, manifestDigest } = await openImageDoors();
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(path, { method, headers: { 'if-none-match': `"x", "${manifestDigest}"` } });
      expect(answer.status).toBe(304);
      expect(answer.headers).toMatchObject({ etag: `"${manifestDigest}"`, 'docker-content-digest': manifestDigest });
    }
  });

  test('that must be fetched first is answered when it is there', async () => {
    const { ask, images, manifest } = await openImageDoors();
    const arrival = Promise.withResolvers<void>();
    images.waiting = arrival.promise;
    const answer = ask(path);
    await until(() => images.asked.tagged === 1);
    arrival.resolve();

    expect((await answer).body).toEqual(manifest);
  });
});

describe('a blob', () => {
  test.each(['memory', 'later'] as const)('is its bytes, immutable (%s)', async (delivery) => {
    const { ask, images, layer, layerDigest } = await openImageDoors();
    images.delivery = delivery;
    const answer = await ask(`/v2/all/nginx/blobs/${layerDigest}`);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(layer);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '1000',
      'docker-content-digest': layerDigest,
      etag: `"${layerDigest}"`,
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers).not.toHaveProperty('content-encoding');
  });

  test('is told to HEAD without opening it', async () => {
    const { ask, images, layerDigest } = await openImageDoors();
    const get = await ask(`/v2/nginx/blobs/${layerDigest}`);
    const head = await ask(`/v2/nginx/blobs/${layerDigest}`, { method: 'HEAD' });

    expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
    expect(images.asked.open).toBe(1);
  });

  test('is 304 for whoever has it, and not opened', async () => {
    const { ask, images, layerDigest } = await openImageDoors();
    const headers = { 'if-none-match': `"${layerDigest}"` };

    expect((await ask(`/v2/nginx/blobs/${layerDigest}`, { headers })).status).toBe(304);
    expect(images.asked.open).toBe(0);
  });

  test.each(['memory', 'later'] as const)('is had in parts (%s)', async (delivery) => {
    const { ask, images, layer, layerDigest } = await openImageDoors();
    images.delivery = delivery;
    const answer = await ask(`/v2/nginx/blobs/${layerDigest}`, { headers: { range: 'bytes=10-19' } });

    expect(answer.status).toBe(206);
    expect(answer.headers).toMatchObject({
      'content-range': 'bytes 10-19/1000',
      'content-length': '10',
      'docker-content-digest': layerDigest,
    });
    expect(answer.body).toEqual(layer.subarray(10, 20));
  });

  test('refuses a range behind its end in the specification’s form', async () => {
    const { ask, layerDigest } = await openImageDoors();
    const answer = await ask(`/v2/nginx/blobs/${layerDigest}`, { headers: { range: 'bytes=1000-' } });

    expect(answer.status).toBe(416);
    expect(answer.headers).toMatchObject({ 'content-range': 'bytes */1000', 'cache-control': 'no-store' });
    expect(errorIn(answer.body).code).toBe('SIZE_INVALID');
  });
});
