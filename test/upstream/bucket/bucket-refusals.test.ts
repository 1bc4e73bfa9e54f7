import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { offered } from '../../contract/upstream-fixture.ts';
import { listed, namesOf } from '../../contract/upstream-fixture.ts';
import { filesOf, indexOf, openBucket, testKeys } from '../../support/bucket-upstream.ts';
import { ManualClock } from '../../support/clock.ts';
import { answerAsAmazon, fakeAmazonBucket, s3Error, type FakeAmazonBucket } from '../../support/fake-amazon-s3.ts';
import { answerAsGoogle, fakeGoogleBucket } from '../../support/fake-gcs.ts';
import { faultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, never } from '../../support/http.ts';

const { accessKeyId, secretAccessKey: secret } = testKeys;
const charts = [await offered('nginx', '1.0.0')];

/** `s3://charts` with an index, for whoever has the test's keys. */
async function openS3(more: Partial<FakeAmazonBucket> = {}, options: Parameters<typeof openBucket>[1] = {}) {
  const objects = new Map([...filesOf(charts), ['index.yaml', indexOf(charts)] as const]);
  const bucket = fakeAmazonBucket({ objects, keys: new Map([[accessKeyId, { secret }]]), ...more });
  const server = await faultUpstream({ otherwise: (request) => answerAsAmazon(bucket, request) });
  const upstream = openBucket('s3://charts', { endpoint: server.origin, identity: async () => testKeys, ...options });
  return { bucket, server, upstream };
}

describe('what a bucket of S3 refuses', () => {
  it.each([
    ['NoSuchBucket', 404, 'not-a-repository', 'there is no bucket s3://charts.'],
    [
      'SignatureDoesNotMatch',
      403,
      'unauthorized',
      's3://charts refused these credentials (403 SignatureDoesNotMatch).',
    ],
    ['InvalidAccessKeyId', 403, 'unauthorized', 's3://charts refused these credentials (403 InvalidAccessKeyId).'],
    ['ExpiredToken', 400, 'unauthorized', 's3://charts refused these credentials (400 ExpiredToken).'],
    [
      'RequestTimeTooSkewed',
      403,
      'unauthorized',
      's3://charts refused our signature, since its clock and ours differ (403 RequestTimeTooSkewed).',
    ],
    [
      'PermanentRedirect',
      301,
      'upstream-failed',
      's3://charts is not in region us-east-1, and the server does not say where (301 PermanentRedirect).',
    ],
    [
      'AccessDenied',
      403,
      'forbidden',
      's3://charts does not allow us GET /charts/index.yaml, or nothing is there and we may not list (403).',
    ],
    ['XAdminUserNotFound', 404, 'unauthorized', 's3://charts refused these credentials (404 XAdminUserNotFound).'],
    ['SlowDown', 503, 'rate-limited', 's3://charts asks for fewer requests (503 SlowDown).'],
    ['InternalError', 500, 'upstream-failed', 'answered 500 Internal Server Error to GET /charts/index.yaml.'],
    ['constructor', 400, 'upstream-failed', 'answered 400 Bad Request to GET /charts/index.yaml.'],
  ])('by %s is a fault in words', async (code, status, fault, words) => {
    const { server, upstream } = await openS3();
    server.all(s3Error(status, code));
    const found = await faultOf(upstream.list(undefined, never));
    expect(found.message).toBe(`fixture: ${words}`);
    expect(found.code).toBe(fault);
    expect(inspect(found, { depth: 9 })).not.toMatch(/test\/secret|Signature=|AWS4/);
  });

  it('is an absence only where the server says that nothing is there', async () => {
    const { bucket, upstream } = await openS3();
    expect(await upstream.open('gone.tgz', 'archive', never)).toBeUndefined();
    bucket.mayList = false;
    const fault = await faultOf(upstream.open('gone.tgz', 'archive', never));
    expect(fault.message).toContain('or nothing is there and we may not list (403)');
    expect(fault.advice).toBe('Allow s3:GetObject on its objects and s3:ListBucket on the bucket, and check auth.');
  });

  it('is what it may not list when there is no index', async () => {
    const { bucket, server, upstream } = await openS3();
    bucket.objects.delete('index.yaml');
    server.on('/charts/', s3Error(403, 'AccessDenied'));
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault.message).toBe('fixture: s3://charts does not allow us to list its objects (403).');
  });

  it('is a bucket that is not there only by that code, or by a 404 without any', async () => {
    const server = await faultUpstream();
    const upstream = openBucket('s3://charts', { endpoint: server.origin, identity: async () => testKeys });
    server.all({ status: 404 });
    expect((await faultOf(upstream.list(undefined, never))).message).toBe('fixture: there is no bucket s3://charts.');
    server.all(s3Error(404, 'NoSuchTenant'));
    expect((await faultOf(upstream.list(undefined, never))).code).toBe('upstream-failed');
  });

  it('is nobody else, and the advice is not what a bucket does not take', async () => {
    const { upstream } = await openS3({}, { client: { reach: { allowPrivateNetwork: true } } });
    const other = await faultUpstream({ otherwise: { status: 401 } });
    const fault = await faultOf(upstream.open(`${other.origin}/x.tgz`, 'archive', never));
    expect([fault.code, fault.message, fault.advice]).toEqual([
      'unauthorized',
      `fixture: ${new URL(other.origin).host} asks for credentials for GET /x.tgz, and those of a bucket are sent nowhere else (401).`,
      'Keep these archives in the bucket, or make that place an upstream of its own.',
    ]);
  });

  it('is a signature by a clock that is wrong', async () => {
    const { upstream } = await openS3({}, { clock: new ManualClock(Date.parse('2020-01-01T00:00:00Z')) });
    expect((await faultOf(upstream.list(undefined, never))).message).toContain('RequestTimeTooSkewed');
  });
});

describe('an identity that ended', () => {
  it('is renewed once, and the request repeated', async () => {
    const keys = new Map([
      ['AKIAOLD', { secret: 'old', token: 'old-token', expired: true }],
      ['AKIANEW', { secret: 'new', token: 'new-token' }],
    ]);
    const [older, newer] = [
      { accessKeyId: 'AKIAOLD', secretAccessKey: 'old', sessionToken: 'old-token' },
      { accessKeyId: 'AKIANEW', secretAccessKey: 'new', sessionToken: 'new-token' },
    ];
    const refused: unknown[] = [];
    let present = older;
    const { server, upstream } = await openS3(
      { keys },
      {
        identity: async (one) => {
          if (one) refused.push(one);
          if (one === older) present = newer;
          return present;
        },
      },
    );
    expect(namesOf(await listed(upstream))).toEqual(['nginx 1.0.0']);
    await listed(upstream);
    expect(refused).toEqual([older]);
    expect(server.requests).toHaveLength(3);
  });

  it('is a fault without a second attempt when there is no other', async () => {
    const { server, upstream } = await openS3({ keys: new Map([[accessKeyId, { secret, expired: true }]]) });
    expect((await faultOf(upstream.list(undefined, never))).code).toBe('unauthorized');
    expect(server.requests).toHaveLength(1);
  });
});

describe('a public bucket', () => {
  it('is asked without a signature', async () => {
    const { server, upstream } = await openS3({ keys: new Map() }, { identity: undefined });
    await listed(upstream);
    expect(server.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(Object.keys(server.requests[0]?.headers ?? {}).filter((name) => name.startsWith('x-amz'))).toEqual([]);
  });
});

describe("what a bucket of Google's refuses", () => {
  it.each([
    ['a bucket that is not there', { bucket: 'other' }, 'not-a-repository', 'there is no bucket gs://charts.'],
    [
      'whoever does not say who he is',
      { tokens: new Set(['t']) },
      'forbidden',
      'gs://charts does not allow us GET /charts/index.yaml, or nothing is there and we may not list (403).',
    ],
    [
      'an index that is not there, to whoever may not list',
      { mayList: false },
      'forbidden',
      'gs://charts does not allow us GET /charts/index.yaml, or nothing is there and we may not list (403).',
    ],
  ])('is a fault in words: %s', async (_, more, code, words) => {
    const bucket = fakeGoogleBucket(more);
    const server = await faultUpstream({ otherwise: (request) => answerAsGoogle(bucket, request) });
    const fault = await faultOf(openBucket('gs://charts', { endpoint: server.origin }).list(undefined, never));
    expect(fault.message).toBe(`fixture: ${words}`);
    expect(fault.code).toBe(code);
  });
});
