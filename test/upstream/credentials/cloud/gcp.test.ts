import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { googleBearer, googleLogin, googleTokens } from '../../../../src/upstream/credentials/gcp.ts';
import { ManualClock } from '../../../support/clock.ts';
import { fakeGoogle, googleMetadata } from '../../../support/cloud/google.ts';
import { findIn } from '../../../support/cloud/run-child.ts';
import { reachable } from '../../../support/cloud/trust.ts';
import { faultUpstream, type Script } from '../../../support/fault-upstream.ts';
import { faultOf } from '../../../support/http.ts';
import { temporaryFolder } from '../../../support/temp.ts';

const minute = 60_000;
const readOnly = 'https://www.googleapis.com/auth/cloud-platform.read-only';
const registry = new URL('https://europe-west1-docker.pkg.dev');

async function world() {
  // the library knows the machine's clock alone
  const clock = new ManualClock(Date.now());
  const google = fakeGoogle();
  const internet = await reachable(google.sites);
  const folder = await temporaryFolder();
  const keyFile = join(folder, 'key.json');
  const write = (key: unknown) => writeFile(keyFile, typeof key === 'string' ? key : JSON.stringify(key));
  await write(google.serviceAccount);
  const tokens = googleTokens({ upstream: 'gar', auth: { keyFile }, clock, proxy: internet.settings });
  const federated = {
    ...{
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p',
    },
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: 'https://sts.googleapis.com/v1/token',
    credential_source: { file: join(folder, 'subject') },
  };
  await writeFile(federated.credential_source.file, google.subjectToken);
  return { clock, google, internet, keyFile, write, tokens, federated };
}

const impersonated = (source: unknown) => ({
  type: 'impersonated_service_account',
  service_account_impersonation_url:
    'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/charts@p.iam.gserviceaccount.com:generateAccessToken',
  source_credentials: source,
});

describe('a Google key file', () => {
  it('of a service account gives tokens that may only read, to a registry and to the APIs', async () => {
    const { google, internet, tokens } = await world();
    const token = await tokens.token();
    expect(google.given).toEqual([{ token, scope: readOnly }]);
    expect(await googleLogin(tokens, 'gar', registry).login()).toEqual({
      ...{ kind: 'password', username: 'oauth2accesstoken', password: token },
    });
    expect(await googleBearer(tokens).login()).toEqual({ kind: 'bearer', token });
    expect(internet.proxied.map(({ target }) => target)).toEqual(['oauth2.googleapis.com:443']);
  });

  it('of a user gives tokens', async () => {
    const { google, write, tokens } = await world();
    await write(google.user);
    expect(await tokens.token()).toBe('canary-access-1');
  });

  it('of a federated identity gives tokens for what its source says now', async () => {
    const { google, write, tokens, federated } = await world();
    await write(federated);
    expect(await tokens.token()).toBe('canary-access-1');
    expect(google.given[0]?.scope).toBe(readOnly);
  });

  it('of somebody who acts for a service account gives tokens of the latter, all asked for through the proxy', async () => {
    const { google, internet, write, tokens } = await world();
    await write(impersonated(google.user));
    expect(await tokens.token()).toBe('canary-access-2');
    expect(google.given[1]?.scope).toBe(readOnly);
    const targets = internet.proxied.map(({ target }) => target);
    expect(new Set(targets)).toEqual(new Set(['oauth2.googleapis.com:443', 'iamcredentials.googleapis.com:443']));
  });

  it('is read again for a new token, which is got at 80 % of an hour', async () => {
    const { clock, google, write, tokens } = await world();
    const first = await tokens.token();
    await clock.advance(47 * minute);
    expect(await tokens.token()).toBe(first);
    await write(google.user);
    await clock.advance(12.5 * minute);
    expect(await tokens.token()).toBe('canary-access-2');
    expect(google.given[1]?.scope).toBeUndefined();
  });

  it('gives another token for one that was refused', async () => {
    const { clock, tokens } = await world();
    const login = googleLogin(tokens, 'gar', registry);
    const first = await login.login();
    await clock.advance(minute);
    expect(await login.login(first)).toMatchObject({ password: 'canary-access-2' });
    await clock.advance(minute);
    expect(await googleBearer(tokens).login({ kind: 'bearer', token: 'canary-access-2' })).toMatchObject({
      token: 'canary-access-3',
    });
  });

  it('that Google does not know any more is a fault in one word, without what was sent', async () => {
    const { google, tokens } = await world();
    google.revoke();
    const fault = await faultOf(tokens.token());
    expect(fault).toMatchObject({
      ...{ code: 'unauthorized', message: 'gar: Google gave no credentials (invalid_grant).' },
      advice: 'Check keyFile; the key may be revoked.',
    });
    expect(inspect(fault, { depth: 9 })).not.toMatch(/canary|assertion|PRIVATE/);
  });

  it.each([
    ['is missing', undefined, 'cannot be read'],
    ['is not JSON', '-----BEGIN', 'is not JSON'],
    ['is a list', '[]', 'is of no type that is known'],
  ])('that %s is a fault, never an anonymous attempt', async (_, text, what) => {
    const { internet, keyFile, write, tokens, clock } = await world();
    if (text !== undefined) await write(text);
    const missing = googleTokens({
      upstream: 'gar',
      auth: { keyFile: `${keyFile}.no` },
      clock,
      proxy: internet.settings,
    });
    const fault = await faultOf((text === undefined ? missing : tokens).token());
    expect(fault).toMatchObject({ code: 'unauthorized', message: `gar: the Google key file ${what}.` });
    expect(internet.proxied).toEqual([]);
  });
});

describe('what a Google key file asks of us', () => {
  const evil = 'https://evil.example/token';
  const cases: readonly (readonly [string, (key: Readonly<Record<string, unknown>>) => unknown])[] = [
    ['a token_url', (key) => ({ ...key, token_url: evil })],
    ['a tokenUrl', (key) => ({ ...key, tokenUrl: evil })],
    ['a token_url without TLS', (key) => ({ ...key, token_url: 'http://sts.googleapis.com/v1/token' })],
    ['a token_url at another port', (key) => ({ ...key, token_url: 'https://sts.googleapis.com:8443/v1/token' })],
    [
      'a token_url that only looks like it',
      (key) => ({ ...key, token_url: 'https://sts.googleapis.com.evil.example/' }),
    ],
    ['a token_url with another user', (key) => ({ ...key, token_url: 'https://sts.googleapis.com@evil.example/' })],
    ['a token_uri', (key) => ({ ...key, token_uri: evil })],
    ['an endpoint', (key) => ({ ...impersonated(key), endpoint: evil })],
    ['an impersonation url', (key) => ({ ...key, service_account_impersonation_url: `${evil}/a:generateAccessToken` })],
    ['a universe', (key) => ({ ...key, universe_domain: 'evil.example' })],
    ['a universe in camel case', (key) => ({ ...key, universeDomain: 'evil.example' })],
    ['a source behind it that has one', (key) => impersonated({ ...key, token_url: evil })],
    ['a program', (key) => ({ ...key, credential_source: { executable: { command: '/bin/true' } } })],
    ['a program in camel case', (key) => ({ ...key, credentialSource: { executable: { command: '/bin/true' } } })],
  ];

  it.each(cases)('is refused before anything is sent when it is %s of somebody else', async (_, change) => {
    const { internet, write, tokens, federated } = await world();
    await write(change(federated));
    expect(await faultOf(tokens.token())).toMatchObject({ code: 'unauthorized' });
    expect(internet.proxied).toEqual([]);
  });
});

describe("a registry that is not Google's", () => {
  it.each(['evil.example', 'gcr.io.evil.example', 'evilgcr.io', 'europe-docker.pkg.dev.evil.example', 'gcr.io:8443'])(
    'is told nothing: %s',
    async (host) => {
      const { google, tokens } = await world();
      const login = googleLogin(tokens, 'gar', new URL(`https://${host}`));
      expect(await faultOf(login.login())).toMatchObject({ code: 'unauthorized' });
      expect(google.given).toEqual([]);
    },
  );
});

describe('the Google identity of the environment', { timeout: 60_000 }, () => {
  it('is the file that GOOGLE_APPLICATION_CREDENTIALS names', async () => {
    const { internet, keyFile, write, google } = await world();
    expect(await findIn({ GOOGLE_APPLICATION_CREDENTIALS: keyFile }, { cloud: 'gcp' }, internet)).toEqual({
      found: 'canary-access-1',
    });
    await write({ ...google.serviceAccount, universe_domain: 'evil.example' });
    expect(await findIn({ GOOGLE_APPLICATION_CREDENTIALS: keyFile }, { cloud: 'gcp' }, internet)).toMatchObject({
      fault: { code: 'unauthorized' },
    });
  });

  it("is the node's or pod's, from the metadata service, asked directly", async () => {
    const { internet } = await world();
    const metadata = await faultUpstream({ otherwise: (request) => googleMetadata(request) as Script });
    const environment = { HTTP_PROXY: internet.proxy, GCE_METADATA_HOST: new URL(metadata.origin).host };
    expect(await findIn(environment, { cloud: 'gcp' }, internet)).toEqual({ found: 'canary-node' });
    expect(internet.proxied).toEqual([]);
    const scopes = metadata.requests.map(({ target }) => new URL(target, 'http://m').searchParams.get('scopes'));
    expect(scopes).toContain(readOnly);
  });

  it('is a fault that says so when there is none', async () => {
    const { internet } = await world();
    expect(await findIn({ METADATA_SERVER_DETECTION: 'none' }, { cloud: 'gcp' }, internet)).toEqual({
      fault: {
        ...{ code: 'unauthorized', message: 'here: Google gave no credentials (for no reason that it names).' },
        advice: 'Set keyFile, or check the identity of the machine.',
      },
    });
  });
});
