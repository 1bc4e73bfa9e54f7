import { beforeAll, describe, expect, it } from 'vitest';

import { offered, type OfferedChart } from '../../contract/upstream-fixture.ts';
import { bytesOf, listed, namesOf, rowsOf } from '../../contract/upstream-fixture.ts';
import { filesOf, openBucket, testKeys } from '../../support/bucket-upstream.ts';
import { chartArchive } from '../../support/charts.ts';
import { answerAsAmazon, fakeAmazonBucket, s3Error } from '../../support/fake-amazon-s3.ts';
import { answerAsGoogle, fakeGoogleBucket } from '../../support/fake-gcs.ts';
import { faultUpstream, type Script } from '../../support/fault-upstream.ts';
import { faultOf, never } from '../../support/http.ts';

let nginx: OfferedChart;
let loki: OfferedChart;
beforeAll(async () => {
  [nginx, loki] = [await offered('nginx', '1.0.0'), await offered('loki', '2.0.0')];
});

/** `s3://charts/stable` without an index. */
async function openBare(files: Readonly<Record<string, Buffer>>, more: Parameters<typeof openBucket>[1] = {}) {
  const { accessKeyId, secretAccessKey } = testKeys;
  const bucket = fakeAmazonBucket({ keys: new Map([[accessKeyId, { secret: secretAccessKey }]]), pageSize: 3 });
  for (const [key, bytes] of Object.entries(files)) bucket.objects.set(key, bytes);
  const server = await faultUpstream({ otherwise: (request) => answerAsAmazon(bucket, request) });
  const open = () =>
    openBucket('s3://charts/stable', { endpoint: server.origin, identity: async () => testKeys, ...more });
  const archives = () => server.requests.filter(({ target }) => target.endsWith('.tgz')).length;
  return { bucket, server, open, upstream: open(), archives };
}

/** What is asked for when the archive of a row is. */
function pathOf({ claims }: ReturnType<typeof rowsOf>[number]): string | undefined {
  return claims[0]?.source.split('#')[0];
}

describe('a bucket of bare archives', () => {
  it('lists every archive below its prefix, however deep, and nothing beside it', async () => {
    const { upstream } = await openBare({
      'stable/a/b/nginx.tgz': nginx.archive,
      'stable/README.md': Buffer.from('# charts'),
      'stable/nginx.tgz.prov': Buffer.from('signed'),
      'stable-2/loki.tgz': loki.archive,
      'loki.tgz': loki.archive,
    });
    expect(rowsOf(await listed(upstream)).map(pathOf)).toEqual(['a/b/nginx.tgz']);
  });

  it('reads each archive once, and after a restart none while the listing is the same', async () => {
    const { bucket, open, upstream, archives } = await openBare({ 'stable/nginx.tgz': nginx.archive });
    const { validator } = await listed(upstream);
    await listed(upstream);
    expect(archives()).toBe(1);
    expect(await open().list(validator, never)).toEqual({ unchanged: true, validator });
    expect(archives()).toBe(1);
    bucket.objects.set('stable/loki.tgz', loki.archive);
    const more = await upstream.list(validator, never);
    expect('unchanged' in more ? [] : namesOf(more)).toEqual(['loki 2.0.0', 'nginx 1.0.0']);
    expect(archives()).toBe(2);
  });

  it('reads after a restart only what it does not know from the last listing', async () => {
    const { bucket, open, archives } = await openBare({ 'stable/nginx.tgz': nginx.archive });
    const { validator, claims } = await listed(open());
    bucket.objects.set('stable/loki.tgz', loki.archive);
    const more = await open().list(validator, never, claims);
    expect('unchanged' in more ? [] : namesOf(more)).toEqual(['loki 2.0.0', 'nginx 1.0.0']);
    expect(archives()).toBe(2);
    bucket.objects.set('stable/nginx.tgz', loki.archive);
    await open().list(more.validator, never, 'unchanged' in more ? claims : more.claims);
    expect(archives()).toBe(3);
  });

  it('knows archives that are put anew by their bytes', async () => {
    const { server, upstream } = await openBare({ 'stable/nginx.tgz': nginx.archive });
    const first = await listed(upstream);
    server.distort((answer, { target }) =>
      target.includes('list-type') ? { ...answer, body: String(answer.body).replaceAll('&quot;', '&quot;0') } : answer,
    );
    const again = await listed(upstream);
    const digestsOf = (listing: typeof first) => rowsOf(listing).map((row) => row.claims[0]?.digest);
    expect(digestsOf(again)).toEqual(digestsOf(first));
    expect(again.validator.content).not.toBe(first.validator.content);
  });

  it.each(['ünïcode näme.tgz', "we'ird (1)!*.tgz", 'a:b.tgz', 'x%2Fy.tgz', 'a&<b>.tgz', 'a+b?c#d.tgz', ' .tgz'])(
    'opens an archive named %s',
    async (name) => {
      const { upstream } = await openBare({
        [`stable/${name}`]: nginx.archive,
        [`stable/${name}.prov`]: Buffer.from('p'),
      });
      const source = rowsOf(await listed(upstream))[0]?.claims[0]?.source ?? '';
      expect(await bytesOf(upstream, source, 'archive')).toEqual(nginx.archive);
      expect(await bytesOf(upstream, source, 'provenance')).toEqual(Buffer.from('p'));
    },
  );

  it('leaves alone names that a url would change, and says so', async () => {
    const { server, upstream } = await openBare({
      'stable//evil.corp/nginx.tgz': nginx.archive,
      'stable/../../other/nginx.tgz': nginx.archive,
      'stable/loki.tgz': loki.archive,
    });
    const listing = await listed(upstream);
    expect(namesOf(listing)).toEqual(['loki 2.0.0']);
    expect(listing.rejected).toEqual({ 'bad-path': 2 });
    expect(listing.examples[0]).toBe('../../other/nginx.tgz: has a name that cannot be written down');
    expect(server.requests.every(({ target }) => target.startsWith('/charts/'))).toBe(true);
  });

  it('never lets a bad archive cost the others, and counts each', async () => {
    const { upstream, archives } = await openBare(
      {
        'stable/a.tgz': nginx.archive,
        'stable/b-again.tgz': nginx.archive,
        'stable/c-broken.tgz': Buffer.from('no archive'),
        'stable/d-large.tgz': Buffer.alloc(20_000),
        'stable/e-name.tgz': await chartArchive({ name: 'no name', version: '1.0.0' }),
      },
      { maxArchiveBytes: 10_000 },
    );
    const listing = await listed(upstream);
    expect(rowsOf(listing).map(pathOf)).toEqual(['a.tgz']);
    expect(listing.rejected).toEqual({ duplicate: 1, 'archive-invalid': 1, 'too-large': 1, 'bad-name': 1 });
    expect(archives()).toBe(4);
  });

  it('looks again at an archive that vanished or was replaced while it was listed', async () => {
    const { server, upstream } = await openBare({ 'stable/nginx.tgz': nginx.archive, 'stable/loki.tgz': loki.archive });
    server.on('/charts/stable/nginx.tgz', s3Error(404, 'NoSuchKey'));
    server.on('/charts/stable/loki.tgz', { body: Buffer.concat([loki.archive, loki.archive]) });
    const listing = await listed(upstream);
    expect(listing.rejected).toEqual({ vanished: 1, 'still-written': 1 });
    expect(listing.validator.content).toBeUndefined();
    server.off('/charts/stable/nginx.tgz');
    server.off('/charts/stable/loki.tgz');
    const again = await upstream.list(listing.validator, never);
    expect('unchanged' in again ? [] : namesOf(again)).toEqual(['loki 2.0.0', 'nginx 1.0.0']);
  });

  it('lists nothing when one archive is refused, and says which', async () => {
    const { server, upstream } = await openBare({ 'stable/nginx.tgz': nginx.archive, 'stable/loki.tgz': loki.archive });
    server.on('/charts/stable/nginx.tgz', s3Error(403, 'AccessDenied'));
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault.code).toBe('forbidden');
    expect(fault.message).toContain('GET /charts/stable/nginx.tgz');
  });
});

describe('the listing of a bucket', () => {
  const xml = (inside: string): Script => ({ body: `<ListBucketResult>${inside}</ListBucketResult>` });
  it.each([
    ['no listing', { body: '<html>hello</html>' }, 'is none'],
    ['cut short without a place to go on', xml('<IsTruncated>true</IsTruncated>'), 'is none'],
    [
      'going in a circle',
      xml('<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>'),
      'goes in a circle',
    ],
    ['larger than any page', { body: Buffer.alloc(9 * 1024 * 1024, ' ') }, 'has a page of more than'],
  ])('is refused when it is %s', async (_, script: Script, words) => {
    const { server, upstream } = await openBare({});
    server.on('/charts/', script);
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault.code).toBe('listing-invalid');
    expect(fault.message).toContain(words);
  });

  it("is refused when Google's is not what Google writes", async () => {
    const server = await faultUpstream();
    server.on('/storage/v1/b/charts/o', { body: '<html>hello</html>' });
    const fault = await faultOf(openBucket('gs://charts', { endpoint: server.origin }).list(undefined, never));
    expect(fault).toMatchObject({ code: 'listing-invalid' });
  });
});

describe('the requests for 100 charts with 20 versions each, without an index', () => {
  const versions = Array.from({ length: 20 }, (_, at) => `1.${at}.0`);
  const names = Array.from({ length: 100 }, (_, at) => `chart-${at}`);
  let charts: readonly OfferedChart[];
  beforeAll(async () => {
    charts = await Promise.all(names.flatMap((name) => versions.map((version) => offered(name, version))));
  });

  it('are one for the index that is not there, one for each 1,000 objects, and one for each new archive, at Amazon', async () => {
    const bucket = fakeAmazonBucket({ objects: filesOf(charts) });
    const server = await faultUpstream({ otherwise: (request) => answerAsAmazon(bucket, request) });
    const upstream = openBucket('s3://charts', { endpoint: server.origin });
    const listing = await listed(upstream);
    expect(namesOf(listing)).toHaveLength(2000);
    expect(server.requests).toHaveLength(1 + 2 + 2000);
    expect(await upstream.list(listing.validator, never)).toHaveProperty('unchanged');
    expect(server.requests).toHaveLength(1 + 2 + 2000 + 1 + 2);
  });

  it('are as many at Google', async () => {
    const objects = new Map([...filesOf(charts)].map(([key, bytes]) => [key, { bytes }] as const));
    const bucket = fakeGoogleBucket({ objects });
    const server = await faultUpstream({ otherwise: (request) => answerAsGoogle(bucket, request) });
    const upstream = openBucket('gs://charts', { endpoint: server.origin });
    expect(await upstream.list((await listed(upstream)).validator, never)).toHaveProperty('unchanged');
    expect(server.requests).toHaveLength(1 + 2 + 2000 + 1 + 2);
  });
});
