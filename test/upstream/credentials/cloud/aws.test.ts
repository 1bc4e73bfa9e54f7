import { setImmediate } from 'node:timers/promises';
import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { Secret } from '../../../../src/lib/secret.ts';
import type { AwsSettings } from '../../../../src/upstream/credentials/aws-keys.ts';
import { awsIdentity, ecrLogin } from '../../../../src/upstream/credentials/aws.ts';
import type { Login } from '../../../../src/upstream/credentials/login.ts';
import { ManualClock } from '../../../support/clock.ts';
import { fakeAws, type FakeKeys } from '../../../support/cloud/aws.ts';
import { reachable } from '../../../support/cloud/trust.ts';
import { faultOf } from '../../../support/http.ts';

const hour = 3_600_000;
const roleArn = 'arn:aws:iam::123456789012:role/charts';
const registry = new URL('https://123456789012.dkr.ecr.eu-central-1.amazonaws.com');

const settingsOf = ({ accessKeyId, secretAccessKey }: FakeKeys): AwsSettings => ({
  keys: { accessKeyId: Secret.of(accessKeyId), secretAccessKey: Secret.of(secretAccessKey) },
});

async function world(more: Partial<AwsSettings> = {}, host: URL = registry) {
  const clock = new ManualClock();
  const aws = fakeAws(clock);
  const internet = await reachable(aws.sites);
  const auth = { ...settingsOf(aws.own), ...more };
  const options = { upstream: 'ecr', auth, clock, proxy: internet.settings };
  const source = ecrLogin({ ...options, registry: host });
  const login = async (refused?: Login) => {
    const given = await source.login(refused);
    if (given?.kind !== 'password') throw new Error('no password');
    return given;
  };
  return { clock, aws, internet, options, source, login };
}

describe('a registry of Amazon ECR', () => {
  it('is logged in to with the password that its own region gives for our keys', async () => {
    const { aws, internet, login, source } = await world();
    const { username, password } = await login();
    expect(username).toBe('AWS');
    expect(aws.accepts(password)).toBe(true);
    expect(internet.proxied.map(({ target }) => target)).toEqual(['api.ecr.eu-central-1.amazonaws.com:443']);
    expect(source.description).toBe('AWS keys');
  });

  it('is logged in to as a role that was assumed with our keys', async () => {
    const { aws, login, source } = await world({ roleArn });
    expect(aws.accepts((await login()).password)).toBe(true);
    expect(aws.calls).toEqual({ AssumeRole: 1, GetAuthorizationToken: 1 });
    expect(source.description).toBe(`AWS keys, role ${roleArn}`);
  });

  it('that is public gets its password from the one region that gives it', async () => {
    const { aws, internet, login } = await world({}, new URL('https://public.ecr.aws'));
    expect(aws.accepts((await login()).password)).toBe(true);
    expect(internet.requests.map(({ host }) => host)).toEqual(['api.ecr-public.us-east-1.amazonaws.com']);
  });

  it('never gets an expired password in a week of syncs every two minutes, for one call in ten hours', async () => {
    const { clock, aws, login } = await world({ roleArn });
    const week = 7 * 24 * hour;
    const start = clock.now();
    const failures: number[] = [];
    while (clock.now() - start < week) {
      const { password } = await login();
      if (!aws.accepts(password)) failures.push(clock.now() - start);
      // what is renewed beside the sync takes no time on this clock
      while (aws.isOld(password) && (await login()).password === password) await setImmediate();
      await clock.advance(2 * 60_000);
    }
    expect(failures).toEqual([]);
    // every 9.6 hours, found at the next sync
    expect(aws.calls['GetAuthorizationToken']).toBe(Math.ceil(week / (9.6 * hour)));
  }, 60_000);

  it('goes on with the old password for as long as it is good while no new one can be had', async () => {
    const { clock, aws, login } = await world();
    const { password } = await login();
    aws.instead = () => ({ status: 500, body: '{}' });
    await clock.advance(10 * hour);
    expect((await login()).password).toBe(password);
    await clock.advance(2 * hour);
    expect(await faultOf(login())).toMatchObject({ code: 'upstream-failed', message: 'ecr: AWS failed (500).' });
  }, 30_000);

  it('that refused a password is given another', async () => {
    const { clock, aws, login } = await world();
    const first = await login();
    await clock.advance(60_000);
    const second = await login(first);
    expect(second.password).not.toBe(first.password);
    expect(await login(first)).toEqual(second);
    expect(aws.calls['GetAuthorizationToken']).toBe(2);
  });

  it("that is not Amazon's is told nothing", async () => {
    for (const host of [
      'evil.example',
      '123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example',
      'public.ecr.aws:8443',
    ]) {
      const { internet, login } = await world({}, new URL(`https://${host}`));
      expect(await faultOf(login())).toMatchObject({ code: 'unauthorized' });
      expect(internet.proxied).toEqual([]);
    }
  });

  it("is logged in to with other keys once the role's are refused", async () => {
    const { clock, aws, options, internet } = await world({ roleArn });
    const identity = awsIdentity({ ...options, region: 'eu-central-1' });
    const keys = await identity();
    expect(keys).toMatchObject({ accessKeyId: 'ASIA1', sessionToken: 'canary-session-1' });
    await clock.advance(60_000);
    expect(await identity(keys)).toMatchObject({ accessKeyId: 'ASIA2' });
    expect(internet.to('sts.eu-central-1.amazonaws.com')).toHaveLength(2);
    aws.revoke(aws.own);
    await clock.advance(hour);
    expect(await faultOf(identity())).toMatchObject({ code: 'unauthorized' });
  });
});

describe('what AWS refuses', () => {
  it('is said in one word, with what to check, and without what was sent', async () => {
    const { aws, login } = await world();
    aws.revoke(aws.own);
    const fault = await faultOf(login());
    expect(fault).toMatchObject({
      code: 'unauthorized',
      message: 'ecr: AWS gave no credentials (UnrecognizedClientException).',
      advice: 'Check the keys or the identity of the environment, roleArn, and what it may do.',
    });
    expect(inspect(fault, { depth: 9 })).not.toMatch(/canary|AKIA|Signature=/);
  });

  it('is a role that we may not have', async () => {
    const { aws, login } = await world({ roleArn });
    aws.instead = ({ host }) =>
      host.startsWith('sts')
        ? {
            status: 403,
            headers: { 'content-type': 'text/xml' },
            body: '<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: canary</Message></Error></ErrorResponse>',
          }
        : undefined;
    expect(await faultOf(login())).toMatchObject({
      code: 'unauthorized',
      message: 'ecr: AWS gave no credentials (AccessDenied).',
    });
  });

  it('is keys that cannot be read', async () => {
    const secretAccessKey = new Secret(() => Promise.reject(new Error('gone')));
    const { login } = await world({ keys: { accessKeyId: Secret.of('AKIAOWN'), secretAccessKey } });
    expect(await faultOf(login())).toMatchObject({
      code: 'unauthorized',
      message: 'ecr: a configured credential cannot be read: gone.',
    });
  });

  it('is not asked again for ten seconds', async () => {
    const { clock, aws, login } = await world();
    aws.revoke(aws.own);
    await faultOf(login());
    await faultOf(login());
    expect(aws.calls['GetAuthorizationToken']).toBe(1);
    await clock.advance(10_000);
    await faultOf(login());
    expect(aws.calls['GetAuthorizationToken']).toBe(2);
  });

  it('is too many questions, which is no matter of credentials', async () => {
    const { aws, login } = await world();
    aws.instead = () => ({
      status: 400,
      body: JSON.stringify({ __type: 'ThrottlingException', message: 'Rate exceeded' }),
    });
    expect(await faultOf(login())).toMatchObject({ code: 'rate-limited' });
  }, 30_000);

  it('cannot be known when nobody is there', async () => {
    const { options } = await world();
    const login = ecrLogin({ ...options, registry: new URL('https://123456789012.dkr.ecr.eu-west-9.amazonaws.com') });
    const fault = await faultOf(login.login());
    expect(fault).toMatchObject({
      code: 'upstream-unreachable',
      message: expect.stringMatching(/^ecr: AWS does not answer \(\w+\)\.$/),
    });
  }, 30_000);
});
