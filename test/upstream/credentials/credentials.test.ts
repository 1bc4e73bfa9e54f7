import { describe, expect, it } from 'vitest';

import { basic, clientOf, path, registryWith, sentTo, statusOf } from '../../support/credentials.ts';
import { faultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, textOf } from '../../support/http.ts';

describe('a registry that asks for Basic', () => {
  it('gets it after the first challenge, and at once from then on', async () => {
    const registry = await registryWith({ auth: 'basic' });
    const client = clientOf(registry);
    expect(await statusOf(client, registry)).toBe(200);
    expect(await statusOf(client, registry)).toBe(200);
    expect(sentTo(registry)).toEqual([undefined, basic, basic]);
  });

  it('gets it at once for other repositories, too', async () => {
    const registry = await registryWith({ auth: 'basic' });
    const client = clientOf(registry);
    await statusOf(client, registry);
    await statusOf(client, registry, '/v2/charts/loki/tags/list');
    expect(sentTo(registry)).toEqual([undefined, basic, basic]);
  });

  it('is asked once when it refuses the password, and once without one', async () => {
    const wrong = await registryWith({ auth: 'basic', password: 'another' });
    expect(await statusOf(clientOf(wrong), wrong)).toBe(401);
    expect(sentTo(wrong)).toEqual([undefined, basic]);
    const nobody = await registryWith({ auth: 'basic' });
    expect(await statusOf(clientOf(nobody, { anonymous: true }), nobody)).toBe(401);
    expect(nobody.requests).toHaveLength(1);
  });
});

describe('a registry that asks for a token', () => {
  it('gets one that was bought with the password, which itself never goes to the registry', async () => {
    const registry = await registryWith({ auth: 'bearer', anonymousTokens: false });
    const client = clientOf(registry);
    expect(await textOf(await client.get(registry.url(path)))).toContain('1.0.0');
    expect(sentTo(registry)).toEqual([undefined, 'Bearer token-1']);
    expect(registry.tokens.requests).toMatchObject([
      {
        method: 'GET',
        target: '/token?service=fake&scope=repository%3Acharts%2Fpodinfo%3Apull',
        headers: { authorization: basic },
      },
    ]);
  });

  it('gets an anonymous one when there is no password', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    expect(await statusOf(clientOf(registry, { anonymous: true }), registry)).toBe(200);
    expect(registry.tokens.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('gets the remembered one at once, and one of its own for another repository', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const client = clientOf(registry);
    for (let round = 0; round < 3; round += 1) await statusOf(client, registry);
    expect(sentTo(registry)).toEqual([undefined, 'Bearer token-1', 'Bearer token-1', 'Bearer token-1']);
    await statusOf(client, registry, '/v2/charts/loki/tags/list');
    expect(sentTo(registry).slice(4)).toEqual([undefined, 'Bearer token-2']);
  });

  it('gives one token to a hundred requests that need it at the same time', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const client = clientOf(registry);
    const statuses = await Promise.all(Array.from({ length: 100 }, () => statusOf(client, registry)));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(registry.tokens.given).toBe(1);
  });

  it('gets a fresh one, once, when it refuses the one we have', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const client = clientOf(registry);
    await statusOf(client, registry);
    registry.tokens.revoke();
    expect(await statusOf(client, registry)).toBe(200);
    expect(sentTo(registry).slice(2)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  it('that accepts no token at all is not asked for ever', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    registry.on(path, {
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${registry.tokens.origin}/token",error="insufficient_scope"` },
    });
    expect(await statusOf(clientOf(registry), registry)).toBe(401);
    expect(registry.requests).toHaveLength(2);
    expect(registry.tokens.given).toBe(1);
  });

  it('such as Harbor, which asks for Basic when a token has expired, is asked again without any', async () => {
    for (const anonymous of [true, false]) {
      const registry = await registryWith({ auth: 'harbor' });
      const client = clientOf(registry, { anonymous });
      await statusOf(client, registry);
      registry.tokens.revoke();
      expect(await statusOf(client, registry)).toBe(200);
      expect(sentTo(registry)).toEqual([undefined, 'Bearer token-1', 'Bearer token-1', undefined, 'Bearer token-2']);
    }
  });

  it('and says no scope, or an empty one, is given the scope of the repository', async () => {
    for (const scope of ['', ',scope=""']) {
      const registry = await registryWith({
        auth: 'bearer',
        challenge: (_, tokens) => `Bearer realm="${tokens.origin}/token?account=me"${scope}`,
      });
      expect(await statusOf(clientOf(registry), registry)).toBe(200);
      expect(registry.tokens.requests[0]?.target).toBe('/token?account=me&scope=repository%3Acharts%2Fpodinfo%3Apull');
    }
  });

  it('and names several scopes is given each of them', async () => {
    const registry = await registryWith({
      auth: 'bearer',
      challenge: (_, tokens) =>
        `bearer realm=${tokens.origin}/token,service=s,scope="repository:a/b:pull,push registry:catalog:*"`,
    });
    await statusOf(clientOf(registry), registry);
    expect(registry.tokens.requests[0]?.target).toBe(
      '/token?service=s&scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=registry%3Acatalog%3A*',
    );
  });

  it('such as Quay, which knows no scope but that of a repository, is asked for no other', async () => {
    const registry = await registryWith({
      auth: 'bearer',
      repositoryScopesOnly: true,
      challenge: (_, tokens) => `Bearer realm="${tokens.origin}/token",service="quay.io"`,
    });
    const client = clientOf(registry);
    expect(await statusOf(client, registry)).toBe(200);
    expect(await statusOf(client, registry, '/v2/_catalog')).toBe(404);
    expect(registry.tokens.requests.map(({ target }) => target)).toEqual([
      '/token?service=quay.io&scope=repository%3Acharts%2Fpodinfo%3Apull',
      '/token?service=quay.io',
    ]);
    const naive = new URL('/token?scope=registry:catalog:*', registry.tokens.origin);
    expect((await fetch(naive)).status).toBe(400);
  });

  it('learns for tags and for content separately what it wants', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const client = clientOf(registry);
    await statusOf(client, registry);
    await statusOf(client, registry, '/v2/charts/podinfo/manifests/1.0.0');
    expect(sentTo(registry)).toEqual([undefined, 'Bearer token-1', undefined, 'Bearer token-1']);
  });
});

describe('what a token service answers', () => {
  const tooLong = `{"token":"${'x'.repeat(70_000)}"}`;

  it.each([
    ['401', { status: 401 }, 'unauthorized', 'refused these credentials (401)'],
    ['403', { status: 403 }, 'unauthorized', 'refused these credentials (403)'],
    ['500', { status: 500 }, 'upstream-failed', 'answered 500 Internal Server Error to a question for a token'],
    ['a page', { body: '<html>' }, 'upstream-failed', 'something that is no token'],
    ['null', { body: 'null' }, 'upstream-failed', 'something that is no token'],
    ['two lines', { body: '{"token":"a\\r\\nb"}' }, 'upstream-failed', 'something that is no token'],
    ['too much', { body: tooLong }, 'upstream-failed', 'something that is no token'],
  ])('%s is a fault in words', async (_, script, code, words) => {
    const registry = await registryWith({ auth: 'bearer' });
    registry.tokens.on('/token', script);
    const fault = await faultOf(clientOf(registry).get(registry.url(path)));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(words);
    expect(fault.message).not.toContain('s3cret');
  });

  it('with nothing for strangers is told as that', async () => {
    const registry = await registryWith({ auth: 'bearer', anonymousTokens: false });
    const fault = await faultOf(clientOf(registry, { anonymous: true }).get(registry.url(path)));
    expect(fault.message).toBe(
      `nexus: the token service ${registry.tokens.url('/').host} gives no token without credentials (401).`,
    );
  });

  it('with a redirect to another port takes the password along nowhere', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const thief = await faultUpstream();
    registry.tokens.on('/token', { status: 302, headers: { location: `${thief.origin}/token` } });
    const fault = await faultOf(clientOf(registry).get(registry.url(path)));
    expect(fault.message).toContain('the password was not sent');
    expect(thief.requests).toHaveLength(0);
  });
});

describe('a challenge that cannot be answered', () => {
  it.each([
    ['Negotiate abc==', 'asks for negotiate authentication'],
    ['Bearer service="x"', 'names no address'],
    ['Bearer realm="not an address"', 'names no address'],
    [
      'Bearer realm="https://evil.example/token"',
      'https://evil.example, which is not its own: the password was not sent',
    ],
    ['Bearer realm="https://10.0.0.1/token"', 'https://10.0.0.1, which is not its own: the password was not sent'],
    ['Bearer realm="http://evil.example/token"', 'http://evil.example, which is not its own'],
    ['Bearer realm="file:///etc/passwd"', 'which is not asked'],
  ])('%s is told in words', async (challenge, words) => {
    const registry = await registryWith({ auth: 'bearer', challenge: () => challenge });
    const fault = await faultOf(clientOf(registry).get(registry.url(path)));
    expect(fault.code).toBe('unauthorized');
    expect(fault.message).toContain(words);
    expect(registry.tokens.requests).toHaveLength(0);
  });

  it('is ignored on an answer that is no 401', async () => {
    const registry = await registryWith({ auth: 'none' });
    registry.on(path, { headers: { 'www-authenticate': 'Bearer realm="https://evil.example/token"' }, body: 'fine' });
    expect(await textOf(await clientOf(registry).get(registry.url(path)))).toBe('fine');
    expect(registry.requests).toHaveLength(1);
  });

  it('is passed over for Basic where that is offered too', async () => {
    const challenge = 'Bearer realm="https://evil.example/token", Basic realm="Gitea Container Registry"';
    const registry = await registryWith({ auth: 'basic', challenge: () => challenge });
    expect(await statusOf(clientOf(registry), registry)).toBe(200);
    expect(sentTo(registry)).toEqual([undefined, basic]);
  });
});
