import { gzipSync } from 'node:zlib';

import { beforeAll, describe, expect, it } from 'vitest';

import { offered, type OfferedChart } from '../../contract/upstream-fixture.ts';
import { bytesOf, listed, namesOf } from '../../contract/upstream-fixture.ts';
import { filesOf, indexOf, openBucket, testKeys } from '../../support/bucket-upstream.ts';
import { answerAsAmazon, fakeAmazonBucket } from '../../support/fake-amazon-s3.ts';
import { answerAsGoogle, fakeGoogleBucket } from '../../support/fake-gcs.ts';
import { faultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, never } from '../../support/http.ts';

let charts: readonly OfferedChart[];
beforeAll(async () => {
  charts = [await offered('nginx', '1.0.0'), await offered('loki', '0.3.0+build.7')];
});

/** `s3://charts/stable` with an index, on a server where every request must be signed. */
async function openS3(index: Buffer = indexOf(charts)) {
  const { accessKeyId, secretAccessKey } = testKeys;
  const bucket = fakeAmazonBucket({ keys: new Map([[accessKeyId, { secret: secretAccessKey }]]) });
  for (const [key, bytes] of filesOf(charts, 'stable/')) bucket.objects.set(key, bytes);
  bucket.objects.set('stable/index.yaml', index);
  const server = await faultUpstream({ otherwise: (request) => answerAsAmazon(bucket, request) });
  const upstream = openBucket('s3://charts/stable', { endpoint: server.origin, identity: async () => testKeys });
  return { bucket, server, upstream };
}

describe('a bucket with an index', () => {
  it('costs one request, and one without a body while nothing changed', async () => {
    const { server, upstream } = await openS3();
    const { validator } = await listed(upstream);
    expect(server.requests.map(({ target }) => target)).toEqual(['/charts/stable/index.yaml']);
    expect(await upstream.list(validator, never)).toEqual({ unchanged: true, validator });
    expect(server.requests[1]?.headers['if-none-match']).toBe(validator.etag);
    expect(server.requests).toHaveLength(2);
  });

  it.each(['s3://charts/stable/loki-0.3.0+build.7.tgz', 's3://charts/stable/loki-0.3.0%2Bbuild.7.tgz'])(
    'opens %s of its own bucket, signed, its plus encoded',
    async (source) => {
      const { server, upstream } = await openS3();
      expect(await bytesOf(upstream, source, 'archive')).toEqual(charts[1]?.archive);
      expect(server.requests.at(-1)?.target).toBe('/charts/stable/loki-0.3.0%2Bbuild.7.tgz');
    },
  );

  it('opens absolute urls of its own bucket, signed', async () => {
    const { server, upstream } = await openS3();
    const source = `${server.origin}/charts/stable/loki-0.3.0+build.7.tgz`;
    expect(await bytesOf(upstream, source, 'archive')).toEqual(charts[1]?.archive);
  });

  it.each(['s3://other/nginx-1.0.0.tgz', 'gs://charts/stable/nginx-1.0.0.tgz', 's3://charts:9/stable/nginx-1.0.0.tgz'])(
    'refuses to look for %s in another bucket',
    async (source) => {
      const { server, upstream } = await openS3();
      const fault = await faultOf(upstream.open(source, 'archive', never));
      expect(fault).toMatchObject({ code: 'upstream-failed' });
      expect(fault.message).toBe(
        'fixture: its index names an archive in another bucket, where these credentials are not taken.',
      );
      expect(server.requests).toHaveLength(0);
    },
  );

  it.each([
    '../../other/secret.tgz',
    '/other/secret.tgz',
    '%2e%2e/%2e%2e/other/secret.tgz',
    's3://charts/../other/secret.tgz',
    's3://charts/%2e%2e/other/secret.tgz',
    's3://charts///other/secret.tgz',
    '/charts-other/secret.tgz',
  ])('signs nothing for a neighbour that its index names by %s', async (source) => {
    const { server, upstream } = await openS3();
    await upstream.open(source, 'archive', never).catch(() => undefined);
    for (const { target, headers } of server.requests) {
      const isOwn = target.startsWith('/charts/') && !new URL(target, server.origin).pathname.startsWith('/other');
      expect(isOwn || headers['authorization'] === undefined).toBe(true);
    }
  });

  it.each(['..%2F..%2Fother/secret.tgz', 's3://charts/..%2fother/secret.tgz', 'a%2f%2e%2e%2f%2e%2e%2fother/x.tgz'])(
    'asks nobody for %s',
    async (source) => {
      const { server, upstream } = await openS3();
      expect((await faultOf(upstream.open(source, 'archive', never))).message).toContain('at a url that is none');
      expect(server.requests).toHaveLength(0);
    },
  );

  it('signs nothing for another server', async () => {
    const { upstream } = await openS3();
    const other = await faultUpstream({ otherwise: { status: 404 } });
    await upstream.open(`${other.origin}/charts/stable/x.tgz`, 'archive', never).catch(() => undefined);
    expect(other.requests.every(({ headers }) => headers['authorization'] === undefined)).toBe(true);
  });

  it('is one of bare archives when its index goes, and has an index again when it comes back', async () => {
    const { bucket, upstream } = await openS3(indexOf(charts.slice(0, 1)));
    const first = await listed(upstream);
    bucket.objects.delete('stable/index.yaml');
    const second = await upstream.list(first.validator, never);
    if ('unchanged' in second) throw new Error('unchanged');
    expect(namesOf(second)).toEqual(['loki 0.3.0+build.7', 'nginx 1.0.0']);
    bucket.objects.set('stable/index.yaml', indexOf(charts.slice(0, 1)));
    const third = await upstream.list(second.validator, never);
    expect('unchanged' in third ? [] : namesOf(third)).toEqual(['nginx 1.0.0']);
  });
});

describe("a bucket of Google's with an index", () => {
  it('gets what is stored as gzip as it is stored: an index unpacked by us, an archive not at all', async () => {
    const bucket = fakeGoogleBucket();
    const [nginx] = charts;
    bucket.objects.set('index.yaml', { bytes: gzipSync(indexOf(charts)), gzip: true });
    bucket.objects.set('nginx-1.0.0.tgz', { bytes: nginx?.archive ?? Buffer.alloc(0), gzip: true });
    const server = await faultUpstream({ otherwise: (request) => answerAsGoogle(bucket, request) });
    const upstream = openBucket('gs://charts', { endpoint: server.origin });
    expect(namesOf(await listed(upstream))).toEqual(['loki 0.3.0+build.7', 'nginx 1.0.0']);
    expect(await bytesOf(upstream, 'gs://charts/nginx-1.0.0.tgz', 'archive')).toEqual(nginx?.archive);
    expect(await bytesOf(upstream, 'nginx-1.0.0.tgz', 'archive')).toEqual(nginx?.archive);
  });
});
