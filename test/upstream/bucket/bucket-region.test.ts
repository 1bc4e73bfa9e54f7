import { describe, expect, it } from 'vitest';

import { Secret } from '../../../src/lib/secret.ts';
import type { Upstream } from '../../../src/upstream/contract.ts';
import { bytesOf, listed, namesOf, offered } from '../../contract/upstream-fixture.ts';
import { filesOf, indexOf, openBucket, testKeys } from '../../support/bucket-upstream.ts';
import { answerAsAmazon, fakeAmazonBucket, s3Error, type FakeAmazonBucket } from '../../support/fake-amazon-s3.ts';
import { faultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, never } from '../../support/http.ts';
import { openInternet, type Internet, type Site } from '../../support/internet.ts';

const { accessKeyId, secretAccessKey: secret } = testKeys;
const charts = [await offered('nginx', '1.0.0+build.7')];
const keys = new Map([[accessKeyId, { secret }]]);

function stocked(more: Partial<FakeAmazonBucket>): FakeAmazonBucket {
  const objects = new Map([...filesOf(charts), ['index.yaml', indexOf(charts)] as const]);
  return fakeAmazonBucket({ objects, keys, ...more });
}

/** Amazon, by its real names. */
async function openAmazon(
  url: string,
  hosts: readonly string[],
  site: Site,
): Promise<{ upstream: Upstream; internet: Internet }> {
  const internet = await openInternet(Object.fromEntries(hosts.map((host) => [host, site])));
  const proxy = { https: Secret.of(internet.proxy) };
  const client = { proxy, tls: { caFile: internet.caFile } };
  return { internet, upstream: openBucket(url, { identity: async () => testKeys, client }) };
}

describe('a bucket in another region than was thought', () => {
  const hosts = ['charts.s3.us-east-1.amazonaws.com', 'charts.s3.eu-central-1.amazonaws.com'];

  it('tells its region, which is remembered', async () => {
    const bucket = stocked({ region: 'eu-central-1' });
    const { internet, upstream } = await openAmazon('s3://charts', hosts, (request) => answerAsAmazon(bucket, request));
    expect(namesOf(await listed(upstream))).toEqual(['nginx 1.0.0+build.7']);
    expect(internet.requests.map(({ host }) => host)).toEqual(hosts);
    expect(await bytesOf(upstream, 's3://charts/nginx-1.0.0+build.7.tgz', 'archive')).toEqual(charts[0]?.archive);
    expect(await bytesOf(upstream, `https://${hosts[1]}/nginx-1.0.0+build.7.tgz`, 'archive')).toEqual(
      charts[0]?.archive,
    );
    expect(internet.requests.slice(2).map(({ host }) => host)).toEqual([hosts[1], hosts[1]]);
  });

  it('is found behind a redirect, which is followed without a signature', async () => {
    const bucket = stocked({ region: 'eu-central-1' });
    const { internet, upstream } = await openAmazon('s3://charts', hosts, (request) => {
      if (request.host === hosts[1]) {
        const answer = answerAsAmazon(bucket, request);
        return { ...answer, headers: { ...answer.headers, 'x-amz-bucket-region': 'eu-central-1' } };
      }
      return { status: 307, headers: { location: `https://${hosts[1]}${request.target}` } };
    });
    expect(namesOf(await listed(upstream))).toEqual(['nginx 1.0.0+build.7']);
    const seen = internet.requests.map(({ host, headers }) => [host, headers['authorization'] !== undefined]);
    expect(seen).toEqual([
      [hosts[0], true],
      [hosts[1], false],
      [hosts[1], true],
    ]);
  });

  it('is asked for by path when its name is none of a host', async () => {
    const bucket = stocked({ bucket: 'my.charts', region: 'us-east-1' });
    const host = 's3.us-east-1.amazonaws.com';
    const { internet, upstream } = await openAmazon('s3://my.charts', [host], (one) => answerAsAmazon(bucket, one));
    await listed(upstream);
    expect(internet.requests.map((one) => one.path)).toEqual(['/my.charts/index.yaml']);
  });

  it('tells it to whoever signed for another one at a server of its own', async () => {
    const bucket = stocked({ region: 'garage' });
    const server = await faultUpstream({ otherwise: (request) => answerAsAmazon(bucket, request) });
    const upstream = openBucket('s3://charts', { endpoint: server.origin, identity: async () => testKeys });
    await listed(upstream);
    await listed(upstream);
    expect(server.requests).toHaveLength(3);
  });

  it.each(['evil.corp/', 'eu-central-1.evil.corp', '@evil.corp#', '', 'EU', '-'])(
    'is not looked for in a region called %j',
    async (region) => {
      const { internet, upstream } = await openAmazon('s3://charts', [hosts[0] ?? ''], () =>
        s3Error(301, 'PermanentRedirect', `<Region>${region}</Region>`),
      );
      expect((await faultOf(upstream.list(undefined, never))).message).toContain('is not in region us-east-1');
      expect(internet.proxied).toHaveLength(1);
    },
  );
});
