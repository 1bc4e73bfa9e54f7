import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../../../src/lib/clock.ts';
import { Secret } from '../../../../src/lib/secret.ts';
import { azureLogin } from '../../../../src/upstream/credentials/azure.ts';
import type { Login } from '../../../../src/upstream/credentials/login.ts';
import { ManualClock } from '../../../support/clock.ts';
import { fakeAzure } from '../../../support/cloud/entra.ts';
import { findIn } from '../../../support/cloud/run-child.ts';
import { reachable } from '../../../support/cloud/trust.ts';
import { openConfigured } from '../../../support/configured.ts';
import { faultUpstream, type SeenRequest } from '../../../support/fault-upstream.ts';
import { faultOf, never } from '../../../support/http.ts';
import { temporaryFolder } from '../../../support/temp.ts';

const minute = 60_000;
const hour = 60 * minute;
const ofRegistries = 'https://containerregistry.azure.net/.default';
const ofResources = 'https://management.azure.com/.default';

async function world(more: { secret?: string; host?: string } = {}) {
  const clock = new ManualClock(Date.now());
  const azure = fakeAzure(clock);
  const internet = await reachable(azure.sites);
  const secret = { text: more.secret ?? azure.clientSecret };
  const { tenantId, clientId } = azure;
  const auth = { tenantId, clientId, clientSecret: new Secret(async () => secret.text) };
  const registry = new URL(`https://${more.host ?? 'contoso.azurecr.io'}`);
  const source = azureLogin({ upstream: 'acr', registry, auth, clock, proxy: internet.settings, ask: azure.exchange });
  const login = async (refused?: Login) => {
    const given = await source.login(refused);
    if (given?.kind !== 'identity') throw new Error('no identity token');
    return given;
  };
  return { clock, azure, internet, secret, source, login };
}

describe('a registry of Azure', () => {
  it('is logged in to with the refresh token that it gives for a token of the application', async () => {
    const { azure, internet, login, source } = await world();
    expect(azure.accepts((await login()).token)).toBe(true);
    expect(azure.given).toEqual({ [ofRegistries]: 1 });
    expect(new Set(internet.proxied.map(({ target }) => target))).toEqual(new Set(['login.microsoftonline.com:443']));
    expect(source.description).toBe('Azure application');
  });

  it('that takes tokens of the resource manager only is logged in to with one of those, from then on at once', async () => {
    const { clock, azure, login } = await world();
    azure.scopes.delete(ofRegistries);
    expect(azure.accepts((await login()).token)).toBe(true);
    await clock.advance(3 * hour);
    expect(azure.accepts((await login()).token)).toBe(true);
    expect(azure.given).toEqual({ [ofRegistries]: 1, [ofResources]: 2 });
  });

  it('gets a new refresh token at 80 % of three hours, with a new token of the application', async () => {
    const { clock, azure, login } = await world();
    const first = await login();
    await clock.advance(140 * minute);
    expect(await login()).toEqual(first);
    expect(azure.exchanges()).toBe(1);
    await clock.advance(39.5 * minute);
    expect(await login()).not.toEqual(first);
    expect(azure.given).toEqual({ [ofRegistries]: 2 });
  });

  it("that refused a refresh token gets another, from the application's token on, with the secret as it is now", async () => {
    const { clock, azure, secret, login } = await world();
    const first = await login();
    await clock.advance(minute);
    const second = await login(first);
    expect(second).not.toEqual(first);
    expect(azure.given).toEqual({ [ofRegistries]: 2 });
    secret.text = 'another';
    await clock.advance(minute);
    expect(await faultOf(login(second))).toMatchObject({ code: 'unauthorized' });
  });

  it.each(['evil.example', 'contoso.azurecr.io.evil.example', 'contosoazurecr.io', 'contoso.azurecr.io:8443'])(
    'is not %s, which is told nothing',
    async (host) => {
      const { azure, internet, login } = await world({ host });
      expect(await faultOf(login())).toMatchObject({ code: 'unauthorized' });
      expect(internet.proxied).toEqual([]);
      expect(azure.exchanges()).toBe(0);
    },
  );
});

it('a login does not wait for its turn behind those who wait for it', async () => {
  const azure = fakeAzure(systemClock);
  const internet = await reachable({
    ...azure.sites,
    'contoso.azurecr.io': async ({ path, body }) =>
      path === '/oauth2/exchange'
        ? await azure.exchange({ method: 'POST', url: new URL(path, 'https://contoso.azurecr.io'), body })
        : { body: '{"name":"charts/podinfo","tags":[]}' },
  });
  const { tenantId, clientId, clientSecret } = azure;
  const { settings } = await openConfigured(
    JSON.stringify({
      upstreams: [
        {
          ...{ name: 'acr', url: 'oci://contoso.azurecr.io/charts', charts: ['podinfo'], concurrency: 1 },
          auth: { provider: 'azure', tenantId, clientId, clientSecret },
        },
      ],
    }),
    { internet },
  );
  expect(await settings.upstream.list(undefined, never)).toMatchObject({ rejected: {} });
  expect(azure.exchanges()).toBe(1);
});

describe('what Azure refuses', () => {
  it('is said in one word, without what was sent', async () => {
    const { login } = await world({ secret: 'canary-wrong' });
    const fault = await faultOf(login());
    expect(fault).toMatchObject({
      ...{ code: 'unauthorized', message: 'acr: Azure gave no credentials (AADSTS7000215).' },
      advice: 'Check tenantId, clientId and clientSecret, or the identity of the environment.',
    });
    expect(inspect(fault, { depth: 9 })).not.toContain('canary');
  });

  it('is an identity that the registry does not know', async () => {
    const { azure, login } = await world();
    azure.scopes.clear();
    expect(await faultOf(login())).toMatchObject({
      ...{ code: 'unauthorized', advice: 'Give it the role AcrPull on the registry.' },
      message: 'acr: the registry contoso.azurecr.io does not know the Azure identity (401).',
    });
  });
});

describe('the Azure identity of the environment', { timeout: 60_000 }, () => {
  async function environment() {
    const { azure, internet } = await world();
    const { tenantId: AZURE_TENANT_ID, clientId: AZURE_CLIENT_ID, clientSecret: AZURE_CLIENT_SECRET } = azure;
    const folder = await temporaryFolder();
    return { azure, internet, folder, AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET };
  }

  it('is the application that the variables name', async () => {
    const { internet, AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET } = await environment();
    const variables = { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET };
    expect(await findIn(variables, { cloud: 'azure' }, internet)).toEqual({ found: 'canary-entra-1' });
  });

  it("is the workload's, whose assertion is in a file", async () => {
    const { azure, internet, folder, AZURE_TENANT_ID, AZURE_CLIENT_ID } = await environment();
    const AZURE_FEDERATED_TOKEN_FILE = join(folder, 'token');
    await writeFile(AZURE_FEDERATED_TOKEN_FILE, azure.assertion);
    const variables = { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE };
    expect(await findIn(variables, { cloud: 'azure' }, internet)).toEqual({ found: 'canary-entra-1' });
  });

  it('is the managed one of App Service, of which clientId chooses, asked directly', async () => {
    const { internet } = await environment();
    const service = await faultUpstream();
    service.on('/msi/token', ({ headers, target }: SeenRequest) => {
      if (headers['x-identity-header'] !== 'canary-header') return { status: 401 };
      const query = new URL(target, service.origin).searchParams;
      const access_token = `${query.get('resource')} ${query.get('client_id')}`;
      return { body: JSON.stringify({ access_token, expires_on: String(Math.floor(Date.now() / 1000) + 3600) }) };
    });
    const variables = {
      ...{ HTTP_PROXY: internet.proxy, HTTPS_PROXY: internet.proxy },
      ...{ IDENTITY_ENDPOINT: `${service.origin}/msi/token`, IDENTITY_HEADER: 'canary-header' },
    };
    expect(await findIn(variables, { cloud: 'azure', clientId: 'one' }, internet)).toEqual({
      found: 'https://containerregistry.azure.net one',
    });
    expect(internet.proxied).toEqual([]);
  });

  it('is the managed one of the machine, asked directly', async () => {
    const { internet } = await environment();
    const imds = await faultUpstream();
    imds.on('/metadata/identity/oauth2/token/', ({ headers }: SeenRequest) =>
      headers['metadata'] === 'true'
        ? { body: JSON.stringify({ access_token: 'canary-machine', expires_in: '3599', token_type: 'Bearer' }) }
        : { status: 400, body: '{}' },
    );
    const variables = { HTTP_PROXY: internet.proxy, AZURE_POD_IDENTITY_AUTHORITY_HOST: imds.origin };
    expect(await findIn(variables, { cloud: 'azure' }, internet)).toEqual({ found: 'canary-machine' });
    expect(internet.proxied).toEqual([]);
  });
});
