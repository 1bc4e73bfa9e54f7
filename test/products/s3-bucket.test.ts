import { request as send } from 'node:http';

import { describe, expect, it } from 'vitest';

import { readAll } from '../../src/lib/bytes.ts';
import { answerAsAmazon, fakeAmazonBucket } from '../support/fake-amazon-s3.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet, type Site, type SiteAnswer } from '../support/internet.ts';
import { naiveClient } from '../support/products/naive.ts';
import { openNamed } from '../support/products/recipes.ts';
import { expectShelf, indexOf, isUnchanged, shelfOf, toldTo, type Shelved } from '../support/products/shelf.ts';
import { realBucket } from '../support/real-bucket.ts';
import { needsTools } from '../support/tools.ts';

const host = 'acme-charts.s3.eu-central-1.amazonaws.com';
const secret = 'c4nary/secret+key';
const environment = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: secret };

function filesOf(shelf: readonly Shelved[], folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const { file, archive, provenance = '' } of shelf) {
    files.set(`${folder}${file}`, archive);
    files.set(`${folder}${file}.prov`, Buffer.from(provenance));
  }
  return files;
}

/** A private bucket; without an index until it gets one. */
async function world(folder = 'stable/') {
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0+build.5', 'redis 2.0.0');
  const bucket = fakeAmazonBucket({
    bucket: 'acme-charts',
    region: 'eu-central-1',
    objects: filesOf(shelf, folder),
    keys: new Map([['AKIAEXAMPLE', { secret }]]),
  });
  const internet = await openInternet({ [host]: (request) => answerAsAmazon(bucket, request) });
  return { shelf, bucket, internet };
}

describe('a bucket on Amazon S3', () => {
  it.each([
    ['relative urls', ({ file }: Shelved) => file],
    ['s3:// urls, as helm-s3 writes them', ({ file }: Shelved) => `s3://acme-charts/stable/${file}`],
    ['https:// urls of its own', ({ file }: Shelved) => `https://${host}/stable/${file}`],
  ])('is read as its recipe says: an index with %s', async (_, urlOf) => {
    const { shelf, bucket, internet } = await world();
    bucket.objects.set('stable/index.yaml', Buffer.from(indexOf(shelf, { urlOf })));
    const { settings, authenticatedBy } = await openNamed('S3 bucket', 's3', { internet, environment });
    const listing = await expectShelf(settings.upstream, shelf);
    internet.forget();
    expect(await isUnchanged(settings.upstream, listing)).toBe(true);
    expect(internet.requests.map(({ target }) => target)).toEqual(['/stable/index.yaml']);
    expect(authenticatedBy()).toMatch(/^AWS/);
  });

  it('is read as its recipe says: archives without an index', async () => {
    const { shelf, internet } = await world('stable/team/a/');
    const { upstream } = (await openNamed('S3 bucket', 's3', { internet, environment })).settings;
    const listing = await expectShelf(upstream, shelf);
    internet.forget();
    expect(await isUnchanged(upstream, listing)).toBe(true);
    expect(internet.requests.map(({ target }) => target)).toEqual([
      '/stable/index.yaml',
      '/?list-type=2&prefix=stable%2F',
    ]);
  });

  it('is told a signature with every request, and never the secret', async () => {
    const { shelf, internet } = await world();
    const { upstream } = (await openNamed('S3 bucket', 's3', { internet, environment })).settings;
    await expectShelf(upstream, shelf);
    for (const { headers } of internet.requests) expect(headers.authorization).toMatch(/^AWS4-HMAC-SHA256 /);
    expect(toldTo(internet.requests)).not.toContain('c4nary');
    expect(JSON.stringify(internet.proxied)).not.toMatch(/AWS4|c4nary/);
  });

  it('refuses who does not sign, who says it with Basic, and who takes a plus for itself', async () => {
    const { bucket, internet } = await world();
    const ask = await naiveClient(internet);
    expect((await ask(`https://${host}/stable/nginx-1.0.0.tgz`)).status).toBe(403);
    expect((await ask(`https://${host}/stable/nginx-1.0.0.tgz`, { authorization: 'Basic eDp5' })).status).toBe(400);
    bucket.keys.clear();
    expect((await ask(`https://${host}/stable/nginx-1.1.0+build.5.tgz`)).status).toBe(404);
    expect((await ask(`https://${host}/stable/nginx-1.1.0%2Bbuild.5.tgz`)).status).toBe(200);
  });

  it.each([
    [
      'the secret key is wrong',
      { ...environment, AWS_SECRET_ACCESS_KEY: 'c4nary-wrong' },
      'unauthorized',
      's3: s3://acme-charts refused these credentials (403 SignatureDoesNotMatch).',
    ],
    [
      'the access key is unknown',
      { ...environment, AWS_ACCESS_KEY_ID: 'AKIAOTHER' },
      'unauthorized',
      's3: s3://acme-charts refused these credentials (403 InvalidAccessKeyId).',
    ],
    [
      'it may not be listed and there is no index',
      environment,
      'forbidden',
      's3: s3://acme-charts does not allow us GET /stable/index.yaml, or nothing is there and we may not list (403).',
    ],
  ])('says so when %s', async (_, given, code, message) => {
    const { bucket, internet } = await world();
    bucket.mayList = false;
    const { upstream } = (await openNamed('S3 bucket', 's3', { internet, environment: given })).settings;
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault.message).toBe(message);
    expect(fault.code).toBe(code);
    expect(JSON.stringify([fault.message, fault.advice, fault.stack])).not.toContain('c4nary');
  });
});

describe.skipIf(needsTools('versitygw'))('a bucket on a server of its own that speaks S3', () => {
  const keys = { MINIO_ACCESS_KEY: 'chartroom-test', MINIO_SECRET_KEY: 'chartroom-test-secret' };

  /** A real server, under the name of the recipe. */
  async function realServer() {
    const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0+build.5');
    const { server, client } = await realBucket();
    for (const [key, bytes] of filesOf(shelf, 'team/')) await client.put(key, bytes);
    return { shelf, client, internet: await openInternet({ 'minio.corp:9000': forwardTo(server.port) }) };
  }

  it('is read as its recipe says, with an index and without one', async () => {
    const { shelf, client, internet } = await realServer();
    const { upstream } = (await openNamed('S3 bucket', 'minio', { internet, environment: keys })).settings;
    expect(await isUnchanged(upstream, await expectShelf(upstream, shelf))).toBe(true);
    await client.put('index.yaml', Buffer.from(indexOf(shelf, { urlOf: ({ file }) => `team/${file}` })));
    expect(await isUnchanged(upstream, await expectShelf(upstream, shelf))).toBe(true);
  });

  it('refuses a wrong secret, and who does not sign', async () => {
    const { internet } = await realServer();
    const wrong = { ...keys, MINIO_SECRET_KEY: 'wrong' };
    const { upstream } = (await openNamed('S3 bucket', 'minio', { internet, environment: wrong })).settings;
    expect((await faultOf(upstream.list(undefined, never))).message).toBe(
      'minio: s3://charts refused these credentials (403 SignatureDoesNotMatch).',
    );
    const unknown = { ...keys, MINIO_ACCESS_KEY: 'AKIAUNKNOWN' };
    const stranger = (await openNamed('S3 bucket', 'minio', { internet, environment: unknown })).settings.upstream;
    expect(await faultOf(stranger.list(undefined, never))).toMatchObject({
      code: 'unauthorized',
      message: 'minio: s3://charts refused these credentials (404 XAdminUserNotFound).',
    });
    const ask = await naiveClient(internet);
    expect((await ask('https://minio.corp:9000/charts/team/nginx-1.0.0.tgz')).status).toBe(403);
  });
});

/** Hands requests on as they are, the name of the host included, since it is signed. */
function forwardTo(port: number): Site {
  return async ({ method, target, headers }) => {
    const { promise, resolve, reject } = Promise.withResolvers<SiteAnswer>();
    const asked = send({ host: '127.0.0.1', port, method, path: target, headers }, (answer) => {
      const { etag = '', 'content-type': type = '' } = answer.headers;
      const status = answer.statusCode ?? 502;
      readAll(answer, 1e7).then((body) => resolve({ status, headers: { etag, 'content-type': type }, body }), reject);
    });
    asked.on('error', reject).end();
    return promise;
  };
}
