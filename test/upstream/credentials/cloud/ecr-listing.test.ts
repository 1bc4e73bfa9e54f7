import { createServer } from 'node:http';

import { describe, expect, it } from 'vitest';

import { Secret } from '../../../../src/lib/secret.ts';
import { ecrApi } from '../../../../src/upstream/credentials/aws-ecr-listing.ts';
import { ManualClock } from '../../../support/clock.ts';
import { fakeAws } from '../../../support/cloud/aws.ts';
import { reachable } from '../../../support/cloud/trust.ts';
import { listen } from '../../../support/fault-upstream.ts';
import { faultOf, never } from '../../../support/http.ts';

const chart = 'application/vnd.cncf.helm.config.v1+json';

async function world(host = '123456789012.dkr.ecr.eu-central-1.amazonaws.com', roleArn?: string) {
  const clock = new ManualClock();
  const aws = fakeAws(clock);
  const internet = await reachable(aws.sites);
  const { accessKeyId, secretAccessKey } = aws.own;
  const auth = { keys: { accessKeyId: Secret.of(accessKeyId), secretAccessKey: Secret.of(secretAccessKey) }, roleArn };
  const registry = new URL(`https://${host}`);
  const api = ecrApi({ upstream: 'ecr', registry, auth, clock, proxy: internet.settings });
  return { clock, aws, internet, api };
}

const allOf = <T>(items: AsyncIterable<T>): Promise<T[]> => Array.fromAsync(items);

describe('the listing of Amazon ECR', () => {
  it('names every repository of the account in the host, page by page', async () => {
    const { aws, api } = await world();
    for (const name of ['charts/a', 'charts/b', 'charts/c', 'd', 'e']) aws.images.set(name, []);
    expect(await allOf(api.repositories(never))).toEqual(['charts/a', 'charts/b', 'charts/c', 'd', 'e']);
    expect(aws.calls).toEqual({ DescribeRepositories: 3 });
  });

  it('shows the tags of a repository with digest, kind and time, and no image without a tag', async () => {
    const { aws, api, internet } = await world();
    const pushed = Date.parse('2026-01-02T03:04:05Z');
    aws.images.set('charts/a', [
      {
        imageTags: ['1.0.0', 'stable'],
        imageDigest: 'sha256:1',
        artifactMediaType: chart,
        imagePushedAt: pushed / 1000,
      },
      { imageDigest: 'sha256:2' },
      {
        imageTags: ['0.9.0'],
        imageDigest: 'sha256:3',
        imageManifestMediaType: 'application/vnd.oci.image.manifest.v1+json',
      },
    ]);
    expect(await allOf(api.images('charts/a', never))).toEqual([
      { tags: ['1.0.0', 'stable'], digest: 'sha256:1', artifactMediaType: chart, pushedAt: new Date(pushed) },
      { tags: ['0.9.0'], digest: 'sha256:3', manifestMediaType: 'application/vnd.oci.image.manifest.v1+json' },
    ]);
    const [question] = internet.requests.map(({ body }) => JSON.parse(body) as unknown);
    expect(question).toMatchObject({ filter: { tagStatus: 'TAGGED' }, maxResults: 1000 });
  });

  it('keeps no connection that hangs when it is given up', async () => {
    const clock = new ManualClock();
    const [asked, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const server = createServer().on('connect', (_, socket) => {
      socket.on('error', () => undefined).on('close', () => left.resolve());
      socket.on('end', () => socket.end()).resume();
      asked.resolve();
    });
    const proxy = { https: Secret.of(`http://127.0.0.1:${await listen(server)}`), noProxy: '' };
    const auth = { keys: { accessKeyId: Secret.of('a'), secretAccessKey: Secret.of('b') } };
    const registry = new URL('https://123456789012.dkr.ecr.eu-central-1.amazonaws.com');
    const leaving = new AbortController();
    const listing = allOf(ecrApi({ upstream: 'ecr', registry, auth, clock, proxy }).repositories(leaving.signal));
    await asked.promise;
    leaving.abort(new Error('left'));
    await expect(listing).rejects.toThrow('left');
    await left.promise;
  });

  it('of a repository that has gone is empty', async () => {
    const { api } = await world();
    expect(await allOf(api.images('gone', never))).toEqual([]);
  });

  it('keeps one connection for many repositories', async () => {
    const { aws, api, internet } = await world();
    aws.images.set('a', []);
    for (let index = 0; index < 20; index += 1) await allOf(api.images('a', never));
    expect(aws.calls['DescribeImages']).toBe(20);
    expect(internet.proxied).toHaveLength(1);
  });

  it('opens another connection after a failure, since the password of the proxy may be another by now', async () => {
    const { clock, aws, api, internet } = await world();
    aws.images.set('a', []);
    await allOf(api.images('a', never));
    aws.instead = () => ({ status: 400, body: JSON.stringify({ __type: 'AccessDeniedException' }) });
    await faultOf(allOf(api.images('a', never)));
    aws.instead = undefined;
    await clock.advance(60_000);
    await allOf(api.images('a', never));
    expect(internet.proxied).toHaveLength(2);
  });

  it('goes on with new keys when those of the role have ended or are not known any more', async () => {
    const { clock, aws, api } = await world(undefined, 'arn:aws:iam::123456789012:role/charts');
    aws.images.set('a', []);
    await allOf(api.repositories(never));
    await clock.advance(2 * 3_600_000);
    expect(await allOf(api.repositories(never))).toEqual(['a']);
    expect(aws.calls['AssumeRole']).toBe(2);
    aws.revoke({ accessKeyId: 'ASIA2', secretAccessKey: '' });
    await clock.advance(60_000);
    expect(await allOf(api.repositories(never))).toEqual(['a']);
    expect(aws.calls['AssumeRole']).toBe(3);
  });

  it('that is not allowed is a fault that names the right that is missing', async () => {
    const { aws, api } = await world();
    aws.instead = () => ({
      status: 400,
      body: JSON.stringify({ __type: 'AccessDeniedException', message: 'User: canary' }),
    });
    expect(await faultOf(allOf(api.repositories(never)))).toMatchObject({
      ...{ code: 'forbidden', message: 'ecr: AWS refused ecr:DescribeRepositories (AccessDeniedException).' },
    });
  });

  it('never is a part: a page that fails fails all of it', async () => {
    const { aws, api } = await world();
    for (const name of ['a', 'b', 'c']) aws.images.set(name, []);
    aws.instead = ({ body }) => (body.includes('nextToken') ? { status: 500, body: '{}' } : undefined);
    expect(await faultOf(allOf(api.repositories(never)))).toMatchObject({ code: 'upstream-failed' });
  });

  it('ends with the reason of whoever gives it up', async () => {
    const { aws, api } = await world();
    const giveUp = new AbortController();
    aws.instead = () => {
      giveUp.abort(new Error('no more'));
      return undefined;
    };
    await expect(allOf(api.repositories(giveUp.signal))).rejects.toThrow('no more');
  });

  it("is not there for the public registry, nor for a host that is not Amazon's", async () => {
    const { api } = await world('public.ecr.aws');
    expect(await faultOf(allOf(api.repositories(never)))).toMatchObject({ code: 'invalid-reference' });
    const other = await world('evil.example');
    expect(await faultOf(allOf(other.api.repositories(never)))).toMatchObject({ code: 'unauthorized' });
    expect(other.internet.proxied).toEqual([]);
  });
});
