import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault, faultCodes } from '../../src/chart/fault.ts';
import { ociCodeOf } from '../../src/server/faults.ts';
import { errorIn, openImageDoors } from './oci-doors.ts';

const nobodys = digestOf(Buffer.from('nobody has this'));
const path = '/v2/all/nginx/manifests/1.2.3';

describe('what nobody has', () => {
  test.each([
    ['/v2/nginx/manifests/9.9.9', 'MANIFEST_UNKNOWN'],
    [`/v2/nginx/manifests/${nobodys}`, 'MANIFEST_UNKNOWN'],
    [`/v2/nginx/manifests/sha512:${'0'.repeat(128)}`, 'MANIFEST_UNKNOWN'],
    [`/v2/nginx/blobs/${nobodys}`, 'BLOB_UNKNOWN'],
    [`/v2/nginx/blobs/sha512:${'0'.repeat(128)}`, 'BLOB_UNKNOWN'],
    ['/v2/other/manifests/1.2.3', 'NAME_UNKNOWN'],
    [`/v2/other/blobs/${nobodys}`, 'NAME_UNKNOWN'],
    ['/v2/other/tags/list', 'NAME_UNKNOWN'],
    ['/v2/nobody/nginx/tags/list', 'NAME_UNKNOWN'],
    ['/v2/nobody/nginx/manifests/1.2.3', 'NAME_UNKNOWN'],
    [`/v2/nobody/nginx/referrers/${nobodys}`, 'NAME_UNKNOWN'],
    ['/v2/all/nginx/more/manifests/1.2.3', 'NAME_UNKNOWN'],
  ])('%s: 404 %s, which nobody may keep', async (address, code) => {
    const { ask } = await openImageDoors();
    const answer = await ask(address);

    expect(answer.status).toBe(404);
    expect(errorIn(answer.body).code).toBe(code);
    expect(answer.headers['cache-control']).toBe('no-store');
    const head = await ask(address, { method: 'HEAD' });
    expect({ ...head.headers, date: '' }).toEqual({ ...answer.headers, date: '' });
    expect([head.status, head.body.length]).toEqual([404, 0]);
  });

  test('is not had under another name by its digest', async () => {
    const { ask, images, layerDigest, manifestDigest } = await openImageDoors();
    images.putManifest(Buffer.from('{"other":1}'), ['1.0.0'], { chart: 'other' });

    expect(errorIn((await ask(`/v2/other/blobs/${layerDigest}`)).body).code).toBe('BLOB_UNKNOWN');
    expect(errorIn((await ask(`/v2/other/manifests/${manifestDigest}`)).body).code).toBe('MANIFEST_UNKNOWN');
  });

  test('without a root says where charts are', async () => {
    const { ask, mirror } = await openImageDoors();
    mirror.repositoryNames = ['all', 'edge'];
    mirror.rootless = true;
    const answer = await ask('/v2/nginx/manifests/1.2.3');

    expect(answer.status).toBe(404);
    expect(errorIn(answer.body)).toEqual({
      code: 'NAME_UNKNOWN',
      message: 'No repository answers without its name. Ask for all/nginx or edge/nginx.',
    });
    expect((await ask(path)).status).toBe(200);
  });
});

describe('what the grammar does not know', () => {
  test.each([
    ['/v2/all%2Fnginx/manifests/1.2.3', 'NAME_INVALID'],
    ['/v2/Nginx/tags/list', 'NAME_INVALID'],
    [`/v2/${'n'.repeat(300)}/tags/list`, 'NAME_INVALID'],
    ['/v2/nginx/manifests/1.2.3%ff', 'NAME_INVALID'],
    ['/v2/nginx/manifests/-x', 'MANIFEST_INVALID'],
    ['/v2/nginx/manifests/1.2.3+build.4', 'MANIFEST_INVALID'],
    ['/v2/nginx/manifests/sha256:baddigeststring', 'DIGEST_INVALID'],
    ['/v2/nginx/blobs/1.2.3', 'DIGEST_INVALID'],
    [`/v2/nginx/referrers/${nobodys.toUpperCase()}`, 'DIGEST_INVALID'],
  ])('%.60s: 400 %s, and nobody is asked', async (address, code) => {
    const { ask, images } = await openImageDoors();
    const answer = await ask(address);

    expect(answer.status).toBe(400);
    expect(errorIn(answer.body).code).toBe(code);
    expect(images.asked).toEqual({ tagged: 0, manifest: 0, blob: 0, open: 0, referrers: 0, lists: 0 });
  });
});

describe('a fault', () => {
  test.each(faultCodes)('%s has its status on every address, its code and its words', async (code) => {
    const { ask, images, mirror, manifestDigest, layerDigest } = await openImageDoors();
    const fault = new Fault(code, 'podinfo: something happened.', 'Do something.');
    for (const what of ['1.2.3', manifestDigest, layerDigest, 'all']) images.fail(what, fault);
    mirror.fail('nginx', '1.2.3', fault);
    const usual = await ask('/charts/nginx/nginx-1.2.3.tgz');
    const addresses = [path, `manifests/${manifestDigest}`, `blobs/${layerDigest}`, `referrers/${manifestDigest}`];
    for (const address of [...addresses, '/v2/_catalog']) {
      const answer = await ask(address.startsWith('/') ? address : `/v2/nginx/${address}`);
      expect(answer.status).toBe(usual.status);
      expect(answer.headers['retry-after']).toBe(usual.headers['retry-after']);
      const error = errorIn(answer.body);
      expect(error.message).toBe('podinfo: something happened. Do something.');
      if (code !== 'not-found') expect(error.code).toBe(ociCodeOf(fault));
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
      });
    }
  });

  test('of an upstream that is too slow says when to come again, also when it is found out later', async () => {
    const { ask, images } = await openImageDoors();
    images.waiting = Promise.resolve();
    images.fail('1.2.3', new Fault('unavailable', 'Slow.', '', { timedOut: true, retryAfterMs: 1500 }));
    const answer = await ask(path);

    expect([answer.status, answer.headers['retry-after']]).toEqual([504, '2']);
  });

  test('that nobody foresaw is 500 in general words, and the log says what', async () => {
    const { ask, images, lines } = await openImageDoors();
    images.fail('1.2.3', new TypeError('x is not a function: secret'));
    const answer = await ask(path);

    expect(answer.status).toBe(500);
    expect(errorIn(answer.body)).toEqual({
      code: 'UNKNOWN',
      message: 'Something went wrong here. The log says what.',
    });
    expect(lines).toHaveLength(1);
  });
});
