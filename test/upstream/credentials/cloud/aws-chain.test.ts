import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../../../src/lib/clock.ts';
import { fakeAws, type FakeKeys } from '../../../support/cloud/aws.ts';
import { findIn } from '../../../support/cloud/run-child.ts';
import { faultUpstream, type SeenRequest, type Script } from '../../../support/fault-upstream.ts';
import { openInternet } from '../../../support/internet.ts';
import { temporaryFolder } from '../../../support/temp.ts';

const roleArn = 'arn:aws:iam::123456789012:role/charts';

async function world() {
  const aws = fakeAws(systemClock);
  const internet = await openInternet(aws.sites);
  const folder = await temporaryFolder();
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  return { aws, internet, file };
}

/** As the metadata services write them. */
function metadataOf({ accessKeyId, secretAccessKey, sessionToken, expiresMs = 0 }: FakeKeys): Script {
  const [AccessKeyId, SecretAccessKey, Token] = [accessKeyId, secretAccessKey, sessionToken];
  return {
    body: JSON.stringify({
      Code: 'Success',
      AccessKeyId,
      SecretAccessKey,
      Token,
      Expiration: new Date(expiresMs).toISOString(),
    }),
  };
}

const found = (accessKeyId: string) => ({ found: expect.objectContaining({ accessKeyId }) });

describe('the AWS identity of the environment', { timeout: 60_000 }, () => {
  it('is what the variables say', async () => {
    const { internet } = await world();
    const environment = { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'x', AWS_SESSION_TOKEN: 'y' };
    expect(await findIn(environment, { cloud: 'aws' }, internet)).toEqual({
      found: { accessKeyId: 'AKIAENV', secretAccessKey: 'x', sessionToken: 'y' },
    });
  });

  it('is the profile of a file, also one that assumes a role', async () => {
    const { aws, internet, file } = await world();
    const { accessKeyId, secretAccessKey } = aws.own;
    const environment = {
      AWS_SHARED_CREDENTIALS_FILE: await file(
        'credentials',
        `[base]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n`,
      ),
      AWS_CONFIG_FILE: await file('config', `[profile charts]\nrole_arn=${roleArn}\nsource_profile=base\n`),
    };
    expect(await findIn({ ...environment, AWS_PROFILE: 'base' }, { cloud: 'aws' }, internet)).toEqual(found('AKIAOWN'));
    expect(await findIn({ ...environment, AWS_PROFILE: 'charts' }, { cloud: 'aws' }, internet)).toEqual(found('ASIA1'));
  });

  it('is the web identity of a pod, exchanged at STS through the proxy', async () => {
    const { aws, internet, file } = await world();
    const environment = { AWS_WEB_IDENTITY_TOKEN_FILE: await file('token', aws.webIdentity), AWS_ROLE_ARN: roleArn };
    expect(await findIn(environment, { cloud: 'aws' }, internet)).toEqual(found('ASIA1'));
    expect(internet.proxied.map(({ target }) => target)).toEqual(['sts.eu-central-1.amazonaws.com:443']);
    const environment2 = { ...environment, AWS_WEB_IDENTITY_TOKEN_FILE: await file('other', 'stale') };
    expect(await findIn(environment2, { cloud: 'aws' }, internet)).toMatchObject({
      fault: { code: 'unauthorized', message: 'here: AWS gave no credentials (InvalidIdentityTokenException).' },
    });
  });

  it("is what the container's service gives for the token in a file, asked directly", async () => {
    const { aws, internet, file } = await world();
    const pod = await faultUpstream();
    pod.on('/v1/credentials', ({ headers }: SeenRequest) =>
      headers.authorization === 'canary-pod-token' ? metadataOf(aws.issue()) : { status: 401, body: '{}' },
    );
    const environment = {
      HTTP_PROXY: internet.proxy,
      HTTPS_PROXY: internet.proxy,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${pod.origin}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: await file('pod', 'canary-pod-token'),
    };
    expect(await findIn(environment, { cloud: 'aws' }, internet)).toEqual(found('ASIA1'));
    expect(internet.proxied).toEqual([]);
  });

  it('is the role of the instance (IMDSv2), asked directly, and with it a role that is assumed', async () => {
    const { aws, internet } = await world();
    const imds = await faultUpstream();
    const path = '/latest/meta-data/iam/security-credentials';
    const guarded = (answer: () => Script) => (request: SeenRequest) =>
      request.headers['x-aws-ec2-metadata-token'] === 'session' ? answer() : { status: 401 };
    imds.on('/latest/api/token', ({ method }: SeenRequest) =>
      method === 'PUT' ? { body: 'session' } : { status: 405 },
    );
    imds.on(
      `${path}/`,
      guarded(() => ({ body: 'node-role' })),
    );
    imds.on(
      `${path}/node-role`,
      guarded(() => metadataOf(aws.issue())),
    );
    const environment = { HTTP_PROXY: internet.proxy, AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.origin };
    expect(await findIn(environment, { cloud: 'aws' }, internet)).toEqual(found('ASIA1'));
    expect(internet.proxied).toEqual([]);
    expect(await findIn(environment, { cloud: 'aws', roleArn }, internet)).toEqual(found('ASIA3'));
    expect(aws.calls).toEqual({ AssumeRole: 1 });
  });

  it('is a fault that says so when there is none', async () => {
    const { internet } = await world();
    const environment = { AWS_EC2_METADATA_DISABLED: 'true' };
    expect(await findIn(environment, { cloud: 'aws' }, internet)).toEqual({
      fault: {
        code: 'unauthorized',
        message: 'here: AWS gave no credentials (CredentialsProviderError).',
        advice: 'Check the keys or the identity of the environment, roleArn, and what it may do.',
      },
    });
  });
});
