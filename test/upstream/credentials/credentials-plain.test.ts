import { describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/lib/clock.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { headersAuthorization } from '../../../src/upstream/credentials/headers.ts';
import { tokenLogin } from '../../../src/upstream/credentials/login.ts';
import { anonymous, preemptiveAuthorization } from '../../../src/upstream/credentials/preemptive.ts';
import { registryAuthorization } from '../../../src/upstream/credentials/registry.ts';
import { basic, loginsOf, path, reachOf, registryWith, user } from '../../support/credentials.ts';
import type { FakeRegistry } from '../../support/fake-registry.ts';
import { faultUpstream, type FaultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, httpClientOf, type TestClient } from '../../support/http.ts';

const reach = (origin: string) => ({
  trusted: [new URL(origin)] as const,
  archiveHosts: [],
  allowPrivateNetwork: true,
});

/** A server that takes one value of one header. */
async function serverFor(header: string, value: string): Promise<FaultUpstream> {
  return faultUpstream({ otherwise: ({ headers }) => (headers[header] === value ? { body: 'in' } : { status: 401 }) });
}

const statusOf = async (client: TestClient, server: FaultUpstream): Promise<number> => {
  const answer = await client.get(server.url('/index.yaml'));
  await answer.dump();
  return answer.status;
};

describe('a chart repository', () => {
  it('gets the password with every request, without asking', async () => {
    const server = await serverFor('authorization', basic);
    const login = loginsOf({ kind: 'password', ...user });
    const authorization = preemptiveAuthorization({ upstream: 'nexus', login });
    const client = httpClientOf(server.origin, { authorization });
    expect([await statusOf(client, server), await statusOf(client, server)]).toEqual([200, 200]);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([basic, basic]);
    expect(authorization.describe()).toBe('changing login (Basic)');
  });

  it('gets a token as Bearer, and a token that no header can hold is a fault', async () => {
    const server = await serverFor('authorization', 'Bearer ghp_1');
    const clientWith = (token: string): TestClient => {
      const login = tokenLogin('nexus', Secret.of(token));
      return httpClientOf(server.origin, { authorization: preemptiveAuthorization({ upstream: 'nexus', login }) });
    };
    expect(await statusOf(clientWith('ghp_1'), server)).toBe(200);
    const fault = await faultOf(clientWith('a\r\nx: y').get(server.origin));
    expect([fault.code, fault.message]).toEqual([
      'unauthorized',
      'nexus: the configured token cannot be sent: it holds a blank, a line break or another character no token has.',
    ]);
  });

  it('that refuses what it got gets another once, if there is one', async () => {
    const server = await serverFor('authorization', 'Bearer new');
    const bearer = (token: string) => ({ kind: 'bearer', token }) as const;
    for (const [tokens, status, sent] of [
      [['old', 'new'], 200, ['Bearer old', 'Bearer new']],
      [['old'], 401, ['Bearer old']],
      [['old', 'older', 'oldest'], 401, ['Bearer old', 'Bearer older']],
    ] as const) {
      const login = loginsOf(...tokens.map(bearer));
      const authorization = preemptiveAuthorization({ upstream: 'nexus', login });
      const before = server.requests.length;
      expect(await statusOf(httpClientOf(server.origin, { authorization }), server)).toBe(status);
      expect(server.requests.slice(before).map(({ headers }) => headers.authorization)).toEqual(sent);
    }
  });

  it('gets nothing where the source says that there is nothing', async () => {
    const server = await faultUpstream({ otherwise: {} });
    const login = { description: 'nobody', login: async () => undefined };
    const authorization = preemptiveAuthorization({ upstream: 'nexus', login });
    expect(await statusOf(httpClientOf(server.origin, { authorization }), server)).toBe(200);
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    expect(authorization.describe()).toBe('nobody');
  });
});

describe('own headers', () => {
  const clientWith = (server: FaultUpstream, headers: Readonly<Record<string, Secret>>): TestClient => {
    const options = { upstream: 'nexus', headers, inner: anonymous, reach: reach(server.origin) };
    return httpClientOf(server.origin, { authorization: headersAuthorization(options) });
  };

  it('are sent with every request, as they are written', async () => {
    const server = await serverFor('x-jfrog-art-api', 'a key');
    const client = clientWith(server, { 'X-JFrog-Art-Api': Secret.of('a key'), Cookie: Secret.of('a=b') });
    expect(await statusOf(client, server)).toBe(200);
    expect(server.requests[0]?.headers).toMatchObject({ 'x-jfrog-art-api': 'a key', cookie: 'a=b' });
  });

  it('stand in the place of ours with the same name, whatever its case', async () => {
    const server = await faultUpstream({ otherwise: {} });
    const client = clientWith(server, { 'User-Agent': Secret.of('corp'), ACCEPT: Secret.of('text/yaml') });
    await (await client.get(server.origin, { headers: { accept: 'application/json' } })).dump();
    expect(server.requests[0]?.headers).toMatchObject({ 'user-agent': 'corp', accept: 'text/yaml' });
  });

  it('are read again after a 401, and sent once more when they have changed', async () => {
    const server = await serverFor('private-token', 'new');
    let reads = 0;
    const changing = new Secret(async () => ['old', 'new'][Math.min(reads++, 1)] ?? '');
    expect(await statusOf(clientWith(server, { 'PRIVATE-TOKEN': changing }), server)).toBe(200);
    expect(server.requests.map(({ headers }) => headers['private-token'])).toEqual(['old', 'new']);
    expect(await statusOf(clientWith(server, { 'PRIVATE-TOKEN': Secret.of('old') }), server)).toBe(401);
    expect(server.requests).toHaveLength(3);
  });

  it.each(['a\r\nx-evil: 1', 'a\nb', 'nul\0', 'del\x7f', '', 'snow ☃'])(
    'with a value that is none are a fault without it: %j',
    async (value) => {
      const server = await faultUpstream({ otherwise: {} });
      const fault = await faultOf(clientWith(server, { 'x-key': Secret.of(value) }).get(server.origin));
      expect(fault.code).toBe('unauthorized');
      expect(fault.message).toBe(
        'nexus: the value of the header x-key cannot be sent: it holds a line break or another character that no header can.',
      );
      expect(fault.advice).toBe('Check auth.headers.x-key and the file or the variable that it names.');
      expect(server.requests).toHaveLength(0);
    },
  );

  it('that cannot be read are a fault', async () => {
    const server = await faultUpstream({ otherwise: {} });
    const gone = new Secret(async () => Promise.reject(new Error('gone')));
    expect(await faultOf(clientWith(server, { 'x-key': gone }).get(server.origin))).toMatchObject({
      code: 'unauthorized',
      message: 'nexus: a configured credential cannot be read: gone.',
    });
  });
});

describe('own headers of a registry', () => {
  const clientOf = (registry: FakeRegistry, headers: Readonly<Record<string, Secret>>, trusted = true) => {
    const known = trusted ? reachOf(registry) : reach(registry.origin);
    const inner = registryAuthorization({ upstream: 'nexus', reach: known, clock: systemClock });
    const authorization = headersAuthorization({ upstream: 'nexus', headers, inner, reach: known });
    const client = httpClientOf(registry.origin, { authorization, reach: known });
    const ask = async (): Promise<number> => {
      const answer = await client.get(registry.url(path));
      await answer.dump();
      return answer.status;
    };
    return { ask, authorization };
  };

  it('go with the anonymous token that it asks for, and to its token service where that is trusted', async () => {
    for (const trusted of [true, false]) {
      const registry = await registryWith({ auth: 'bearer' });
      const { ask, authorization } = clientOf(registry, { 'X-Key': Secret.of('k') }, trusted);
      expect([await ask(), await ask()]).toEqual([200, 200]);
      expect(registry.requests.map(({ headers }) => [headers['x-key'], headers.authorization])).toEqual([
        ['k', undefined],
        ['k', 'Bearer token-1'],
        ['k', 'Bearer token-1'],
      ]);
      expect(registry.tokens.requests.map(({ headers }) => headers['x-key'])).toEqual([trusted ? 'k' : undefined]);
      expect(authorization.describe()).toBe(`own header X-Key, token of ${new URL(registry.tokens.origin).host}`);
    }
  });

  it('do not follow a redirect of the token service to another origin', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const other = await faultUpstream({ otherwise: { body: '{"token":"x"}' } });
    registry.tokens.on('/token', { status: 307, headers: { location: `${other.origin}/token` } });
    await clientOf(registry, { 'X-Key': Secret.of('k') }).ask();
    expect(other.requests.map(({ headers }) => headers['x-key'])).toEqual([undefined]);
  });

  it('get past a token that was refused', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const { ask } = clientOf(registry, { 'X-Key': Secret.of('k') });
    await ask();
    registry.tokens.revoke();
    expect(await ask()).toBe(200);
    expect(registry.tokens.given).toBe(2);
  });

  it('that are the Authorization leave nothing to be asked for', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const { ask, authorization } = clientOf(registry, { AUTHORIZATION: Secret.of('token abc') });
    expect(await ask()).toBe(401);
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual(['token abc']);
    expect([registry.tokens.requests, authorization.describe()]).toEqual([[], 'own header AUTHORIZATION']);
  });
});
