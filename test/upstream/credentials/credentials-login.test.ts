import { describe, expect, it } from 'vitest';

import { Secret } from '../../../src/lib/secret.ts';
import { passwordLogin, tokenLogin, type Login } from '../../../src/upstream/credentials/login.ts';
import { ManualClock } from '../../support/clock.ts';
import { basic, clientOf, loginsOf, path, registryWith, sentTo, statusOf, user } from '../../support/credentials.ts';
import { faultOf } from '../../support/http.ts';

const refresh: Login = { kind: 'identity', token: 'refresh/token+1' };
const right: Login = { kind: 'password', ...user };
const wrong: Login = { kind: 'password', username: 'reader', password: 'old' };
const basicOf = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

describe('a refresh token', () => {
  it('is exchanged by POST, and goes nowhere else', async () => {
    const registry = await registryWith({
      auth: 'bearer',
      anonymousTokens: false,
      refreshToken: refresh.token,
      getStatus: 405,
    });
    const client = clientOf(registry, { login: loginsOf(refresh) });
    expect(await statusOf(client, registry)).toBe(200);
    expect(sentTo(registry)).toEqual([undefined, 'Bearer token-1']);
    const [question] = registry.tokens.requests;
    expect([question?.method, question?.target, question?.headers.authorization]).toEqual([
      'POST',
      '/token',
      undefined,
    ]);
    expect(Object.fromEntries(new URLSearchParams(question?.body))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: refresh.token,
      client_id: 'chartroom',
      service: 'fake',
      scope: 'repository:charts/podinfo:pull',
    });
  });

  it('is exchanged for all scopes at once', async () => {
    const registry = await registryWith({
      auth: 'bearer',
      refreshToken: refresh.token,
      challenge: (_, tokens) => `Bearer realm="${tokens.origin}/token",scope="repository:a:pull registry:catalog:*"`,
    });
    await statusOf(clientOf(registry, { login: loginsOf(refresh) }), registry);
    const form = new URLSearchParams(registry.tokens.requests[0]?.body);
    expect(form.getAll('scope')).toEqual(['repository:a:pull registry:catalog:*']);
    expect(form.has('service')).toBe(false);
  });

  it.each([404, 405, 401, 400])(
    'is given by GET to a service that answers %s to POST, from then on',
    async (status) => {
      const registry = await registryWith({
        auth: 'bearer',
        anonymousTokens: false,
        refreshToken: refresh.token,
        postStatus: status,
      });
      const client = clientOf(registry, { login: loginsOf(refresh) });
      expect(await statusOf(client, registry)).toBe(200);
      expect(await statusOf(client, registry, '/v2/charts/loki/tags/list')).toBe(200);
      expect(registry.tokens.requests.map(({ method, headers }) => [method, headers.authorization])).toEqual([
        ['POST', undefined],
        ['GET', basicOf('', refresh.token)],
        ['GET', basicOf('', refresh.token)],
      ]);
    },
  );

  it('is asked for by POST again as long as nothing else has worked', async () => {
    const registry = await registryWith({ auth: 'bearer', anonymousTokens: false, postStatus: 404, getStatus: 500 });
    const client = clientOf(registry, { login: loginsOf(refresh) });
    for (let round = 0; round < 2; round += 1) {
      expect(await faultOf(client.get(registry.url(path)))).toMatchObject({ code: 'upstream-failed' });
    }
    expect(registry.tokens.requests.map(({ method }) => method)).toEqual(['POST', 'GET', 'POST', 'GET']);
  });

  it('is not what a password is: that is exchanged by GET alone', async () => {
    const registry = await registryWith({ auth: 'bearer', postStatus: 405 });
    expect(await statusOf(clientOf(registry), registry)).toBe(200);
    expect(registry.tokens.requests.map(({ method }) => method)).toEqual(['GET']);
  });

  it('is the password of nobody where a registry asks for Basic', async () => {
    const registry = await registryWith({ auth: 'basic', username: '', password: refresh.token });
    expect(await statusOf(clientOf(registry, { login: loginsOf(refresh) }), registry)).toBe(200);
  });
});

describe('a bearer token of the configuration', () => {
  it('is sent at once and as it is, and exchanged for nothing', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    registry.on(path, ({ headers }) => (headers.authorization === 'Bearer given' ? {} : { status: 401 }));
    const client = clientOf(registry, { login: tokenLogin('nexus', Secret.of('given')) });
    expect(await statusOf(client, registry)).toBe(200);
    expect([sentTo(registry), registry.tokens.requests]).toEqual([['Bearer given'], []]);
  });

  it('that is refused is not sent again, whatever the registry asks for', async () => {
    for (const auth of ['bearer', 'basic', 'harbor'] as const) {
      const registry = await registryWith({ auth });
      expect(await statusOf(clientOf(registry, { login: tokenLogin('nexus', Secret.of('given')) }), registry)).toBe(
        401,
      );
      expect([sentTo(registry), registry.tokens.requests]).toEqual([['Bearer given'], []]);
    }
  });

  it.each(['two\nlines', 'a b', '', 'é', 'tab\t', 'nul\0'])('that no header can hold is a fault: %j', async (token) => {
    const registry = await registryWith({ auth: 'bearer' });
    const client = clientOf(registry, { login: tokenLogin('nexus', Secret.of(token)) });
    const fault = await faultOf(client.get(registry.url(path)));
    expect(fault.code).toBe('unauthorized');
    expect(fault.message).toMatch(/^nexus: the configured token cannot be sent/);
    expect(registry.requests).toHaveLength(0);
  });
});

describe('a login that was refused', () => {
  it('gives way to another that its source has, in the same request', async () => {
    for (const auth of ['basic', 'bearer', 'harbor'] as const) {
      const registry = await registryWith({ auth, anonymousTokens: false });
      const login = loginsOf(wrong, right);
      expect(await statusOf(clientOf(registry, { login }), registry)).toBe(200);
      expect(login.refused).toEqual([wrong]);
    }
  });

  it('is not tried again when its source has no other', async () => {
    const registry = await registryWith({ auth: 'basic' });
    const login = loginsOf(wrong);
    expect(await statusOf(clientOf(registry, { login }), registry)).toBe(401);
    expect(sentTo(registry)).toEqual([undefined, basicOf('reader', 'old')]);
    expect(login.refused).toEqual([wrong]);
  });

  it('is tried three times at most, however many others its source has', async () => {
    const registry = await registryWith({ auth: 'basic' });
    const many = Array.from({ length: 9 }, (_, at): Login => ({ kind: 'password', username: 'x', password: `${at}` }));
    expect(await statusOf(clientOf(registry, { login: loginsOf(...many) }), registry)).toBe(401);
    expect(registry.requests).toHaveLength(4);
  });

  it('gives way when a fresh token that it bought is refused, not when an old one is', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const login = loginsOf(right, refresh);
    const client = clientOf(registry, { login });
    await statusOf(client, registry);
    registry.tokens.revoke();
    expect(await statusOf(client, registry)).toBe(200);
    expect(login.refused).toEqual([]);
    registry.on(path, {
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${registry.tokens.origin}/token"` },
    });
    expect(await faultOf(client.get(registry.url(path)))).toMatchObject({ code: 'unauthorized' });
    expect(login.refused).toEqual([right, refresh]);
  });

  it('gives way to another bearer token', async () => {
    const registry = await registryWith({ auth: 'none' });
    registry.on(path, ({ headers }) => (headers.authorization === 'Bearer new' ? {} : { status: 401 }));
    const login = loginsOf({ kind: 'bearer', token: 'old' }, { kind: 'bearer', token: 'new' });
    expect(await statusOf(clientOf(registry, { login }), registry)).toBe(200);
    expect(sentTo(registry)).toEqual(['Bearer old', 'Bearer new']);
  });
});

describe('a secret in a file that was changed', () => {
  const rotating = async (auth: 'basic' | 'bearer') => {
    const registry = await registryWith({ auth, anonymousTokens: false });
    let password = 'old';
    const secret = new Secret(async () => password);
    const clock = new ManualClock();
    const client = clientOf(registry, { clock, login: passwordLogin('nexus', Secret.of(user.username), secret) });
    const change = (): void => {
      password = user.password;
    };
    return { registry, client, change };
  };

  it('is what the next request says, without a 401 between', async () => {
    const { registry, client, change } = await rotating('basic');
    expect(await statusOf(client, registry)).toBe(401);
    change();
    expect(await statusOf(client, registry)).toBe(200);
    expect(await statusOf(client, registry)).toBe(200);
    expect(sentTo(registry).slice(2)).toEqual([undefined, basic, basic]);
  });

  it('buys the next token', async () => {
    const { registry, client, change } = await rotating('bearer');
    expect(await faultOf(client.get(registry.url(path)))).toMatchObject({ code: 'unauthorized' });
    change();
    expect(await statusOf(client, registry)).toBe(200);
  });
});
