import { describe, expect, test } from 'vitest';

import { digestOf, hexOf } from '../../src/chart/digest.ts';
import { requestedRange } from '../../src/server/range.ts';
import { openDoors } from './open-doors.ts';

const archive = Buffer.from(Array.from({ length: 1000 }, (_, at) => at % 251));
const etag = `"${hexOf(digestOf(archive))}"`;
const path = '/charts/nginx/nginx-1.2.3.tgz';

async function doorsWithChart(delivery: 'memory' | 'later' = 'memory') {
  const doors = await openDoors();
  doors.mirror.put('nginx', '1.2.3', archive, {
    provenance: Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----'),
    delivery,
  });
  return doors;
}

describe('an archive', () => {
  test.each(['memory', 'later'] as const)('is its bytes, immutable under the digest as ETag (%s)', async (delivery) => {
    const { ask } = await doorsWithChart(delivery);
    const answer = await ask(path);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(archive);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/gzip',
      'content-length': '1000',
      etag,
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers).not.toHaveProperty('content-encoding');
  });

  test('answers below the name of its repository too', async () => {
    const { ask } = await doorsWithChart();

    expect((await ask(`/all${path}`)).body).toEqual(archive);
    expect((await ask(`/other${path}`)).status).toBe(404);
  });

  test.each([[etag], [`W/${etag}`], ['*'], [`"x", ${etag}`]])(
    'is 304 for If-None-Match %j, and is not opened',
    async (header) => {
      const { ask, mirror } = await doorsWithChart();
      const answer = await ask(path, { headers: { 'if-none-match': header, range: 'bytes=0-1' } });

      expect(answer.status).toBe(304);
      expect(answer.headers).toMatchObject({ etag, 'cache-control': 'public, max-age=31536000, immutable' });
      expect(mirror.asked.open).toBe(0);
    },
  );

  test('tells HEAD the same headers as GET without opening anything', async () => {
    const { ask, mirror } = await doorsWithChart('later');
    const get = await ask(path);
    const head = await ask(path, { method: 'HEAD' });

    expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
    expect(head.body).toHaveLength(0);
    expect(mirror.asked.open).toBe(1);
  });

  test('is the whole of it for a HEAD with a range, since ranges are for GET', async () => {
    const { ask } = await doorsWithChart();
    const head = await ask(path, { method: 'HEAD', headers: { range: 'bytes=0-1' } });

    expect(head.status).toBe(200);
    expect(head.headers['content-length']).toBe('1000');
  });

  test.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-9', 0, 9],
    ['bytes=990-', 990, 999],
    ['bytes=-5', 995, 999],
    ['bytes=-5000', 0, 999],
    ['bytes=998-99999999999999999999', 998, 999],
    ['Bytes=1-2', 1, 2],
  ])('answers the range %s with that part', async (range, start, end) => {
    for (const delivery of ['memory', 'later'] as const) {
      const { ask } = await doorsWithChart(delivery);
      const answer = await ask(path, { headers: { range } });

      expect(answer.status).toBe(206);
      expect(answer.headers).toMatchObject({
        'content-range': `bytes ${start}-${end}/1000`,
        'content-length': String(end - start + 1),
        etag,
      });
      expect(answer.body).toEqual(archive.subarray(start, end + 1));
    }
  });

  test.each(['bytes=1000-', 'bytes=99999999999-', 'bytes=-0', 'bytes=1000-1001'])(
    'answers the range %s, which it cannot satisfy, with 416',
    async (range) => {
      const { ask, mirror } = await doorsWithChart();
      const answer = await ask(path, { headers: { range } });

      expect(answer.status).toBe(416);
      expect(answer.headers).toMatchObject({ 'content-range': 'bytes */1000', 'cache-control': 'no-store' });
      expect(mirror.asked.open).toBe(0);
    },
  );

  test.each([
    'bytes=5-2',
    'bytes=-',
    'bytes=',
    'bytes=a-b',
    'bytes=0-1,5-6',
    'items=0-1',
    'bytes 0-1',
    'bytes=0x1-2',
    'bytes=+1-2',
    `bytes=${Array.from({ length: 1000 }, () => '0-0').join(',')}`,
  ])('ignores the range %.30s', async (range) => {
    const { ask } = await doorsWithChart();
    const answer = await ask(path, { headers: { range } });

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(archive);
  });

  test('honours If-Range: a part of the bytes it names, all of others', async () => {
    const { ask } = await doorsWithChart();
    const status = async (ifRange: string) =>
      (await ask(path, { headers: { range: 'bytes=0-9', 'if-range': ifRange } })).status;

    expect(await status(etag)).toBe(206);
    expect(await status('"other"')).toBe(200);
    expect(await status(`W/${etag}`)).toBe(200);
    expect(await status('Thu, 01 Jan 2026 00:00:00 GMT')).toBe(200);
  });

  test('has no satisfiable range when it is empty', () => {
    expect(requestedRange({ range: 'bytes=0-' }, etag, 0)).toBe('unsatisfiable');
    expect(requestedRange({ range: 'bytes=-1' }, etag, 0)).toBe('unsatisfiable');
  });

  test('joined from its ranges is the archive again', async () => {
    const { ask } = await doorsWithChart('later');
    const parts: Buffer[] = [];
    for (let at = 0; at < 1000; at += 300) {
      parts.push((await ask(path, { headers: { range: `bytes=${at}-${at + 299}` } })).body);
    }
    expect(Buffer.concat(parts)).toEqual(archive);
  });

  test.each([
    '/charts/app/app-1.0.0+build.1.tgz',
    '/charts/app/app-1.0.0%2Bbuild.1.tgz',
    '/charts/app/app-1.0.0%2bbuild.1.tgz',
  ])('with build metadata answers at %s', async (address) => {
    const { ask, mirror } = await openDoors();
    mirror.put('app', '1.0.0+build.1', archive);

    expect((await ask(address)).body).toEqual(archive);
  });

  test('is found although chart and version could be split in another place', async () => {
    const { ask, mirror } = await openDoors();
    mirror.put('a', '1.0.0-2', Buffer.from('first'));
    mirror.put('a-1.0.0', '2', Buffer.from('second'));

    for (let round = 0; round < 2; round += 1) {
      expect((await ask('/charts/a/a-1.0.0-2.tgz')).body.toString()).toBe('first');
      expect((await ask('/charts/a-1.0.0/a-1.0.0-2.tgz')).body.toString()).toBe('second');
    }
  });

  test.each([
    ['/charts/nginx/other-1.2.3.tgz', 404],
    ['/charts/other/nginx-1.2.3.tgz', 404],
    ['/charts/nginx/nginx-1.2.3.tar.gz', 404],
    ['/charts/nginx/nginx-1.2.3.tgz.sig', 404],
    ['/charts/nginx/nginx-1.2.3.tgz/', 404],
    ['/charts/nginx/1.2.3.tgz', 404],
    ['/charts/nginx/nginx-9.9.9.tgz', 404],
    ['/charts/nginx/nginx-latest.tgz', 400],
    ['/charts/nginx/nginx-.tgz', 400],
    ['/charts/nginx/nginx-1.2.3.4.tgz', 400],
    ['/charts/.nginx/.nginx-1.2.3.tgz', 400],
    ['/charts/..%2fnginx/..%2fnginx-1.2.3.tgz', 400],
    [`/charts/${'n'.repeat(300)}/${'n'.repeat(300)}-1.2.3.tgz`, 400],
  ])('%s: %i', async (address, status) => {
    const { ask } = await doorsWithChart();
    const answer = await ask(address);

    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' });
  });

  test('that is no longer offered when it is opened is not found', async () => {
    const { ask, mirror } = await doorsWithChart();
    mirror.stopOffering('nginx', '1.2.3');

    expect((await ask(path)).status).toBe(404);
  });

  test('that must be fetched first is answered when it is there', async () => {
    const { ask, mirror } = await doorsWithChart('later');
    const arrival = Promise.withResolvers<void>();
    mirror.resolving = arrival.promise;
    const answer = ask(path);
    arrival.resolve();

    expect((await answer).body).toEqual(archive);
  });
});

describe('a provenance file', () => {
  test('is its bytes, to be asked about again', async () => {
    const { ask } = await doorsWithChart();
    const answer = await ask(`${path}.prov`);

    expect(answer.body.toString()).toBe('-----BEGIN PGP SIGNED MESSAGE-----');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/pgp-signature',
      'content-length': '34',
      'cache-control': 'no-cache',
      etag: `"${hexOf(digestOf(answer.body))}"`,
    });
    const again = await ask(`/all${path}.prov`, { headers: { 'if-none-match': answer.headers.etag ?? '' } });
    expect(again.status).toBe(304);
    expect((await ask(`${path}.prov`, { method: 'HEAD' })).headers['content-length']).toBe('34');
  });

  test('that upstream does not have is 404, which nobody may keep', async () => {
    const { ask, mirror } = await openDoors();
    mirror.put('nginx', '1.2.3', archive);
    const answer = await ask(`${path}.prov`);

    expect(answer.status).toBe(404);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body.toString()).toContain('nginx 1.2.3 has no provenance file.');
  });
});
