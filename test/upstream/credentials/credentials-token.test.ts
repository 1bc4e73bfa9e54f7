import { describe, expect, it } from 'vitest';

import { Secret } from '../../../src/lib/secret.ts';
import { passwordLogin } from '../../../src/upstream/credentials/login.ts';
import { ManualClock } from '../../support/clock.ts';
import { basic, clientOf, path, registryWith, statusOf, user } from '../../support/credentials.ts';
import { faultOf, textOf } from '../../support/http.ts';

describe('a token', () => {
  const jwt = (exp: unknown): string => `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.x`;
  const start = Date.parse('2026-01-01T00:00:00Z') / 1000;

  it.each([
    ['expires_in alone', { expires_in: 300 }, 240],
    ['a short expires_in, 10 s before its end', { expires_in: 30 }, 20],
    ['nothing said, as if it were 60 s', {}, 48],
    ['an expires_in that is none', { expires_in: 'soon' }, 48],
    ['the exp of a JWT alone', { access_token: jwt(start + 100), token: undefined }, 80],
    ['whichever ends first', { expires_in: 3600, access_token: jwt(start + 200), token: undefined }, 160],
    [
      'expires_in, of a JWT that has ended by our clock as it comes',
      { access_token: jwt(start - 1), token: undefined, expires_in: 300 },
      240,
    ],
    ['60 s, of such a JWT and nothing else', { access_token: jwt(start), token: undefined }, 48],
    ['a JWT without exp', { access_token: jwt('never'), token: undefined }, 48],
  ])('is renewed after 80 %% of its life: %s', async (_, fields, seconds) => {
    const clock = new ManualClock();
    const registry = await registryWith({ auth: 'none' });
    const needsToken = {
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${registry.tokens.origin}/token"` },
    };
    registry.on(path, (request) => (request.headers.authorization ? {} : needsToken));
    registry.tokens.answerWith(fields);
    const client = clientOf(registry, { clock });
    await statusOf(client, registry);
    await clock.advance(seconds * 1000 - 1);
    await statusOf(client, registry);
    expect(registry.tokens.given).toBe(1);
    await clock.advance(1);
    await statusOf(client, registry);
    expect(registry.tokens.given).toBe(2);
  });

  it('that is still good is used when no new one can be had', async () => {
    const clock = new ManualClock();
    const registry = await registryWith({ auth: 'bearer' });
    const client = clientOf(registry, { clock });
    await statusOf(client, registry);
    registry.tokens.on('/token', { status: 429, headers: { 'retry-after': '880.092µs' } });
    await clock.advance(250_000);
    expect(await statusOf(client, registry)).toBe(200);
    await clock.advance(50_000);
    expect(await faultOf(client.get(registry.url(path)))).toMatchObject({ code: 'rate-limited', retryAfterMs: 1 });
  });

  it('is bought with the new password as soon as there is one', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    let password = user.password;
    const secret = new Secret(async () => password);
    const client = clientOf(registry, { login: passwordLogin('nexus', Secret.of(user.username), secret) });
    await statusOf(client, registry);
    password = 'changed';
    const fault = await faultOf(client.get(registry.url(path)));
    expect(fault.code).toBe('unauthorized');
    expect(registry.tokens.requests.at(-1)?.headers.authorization).not.toBe(basic);
  });

  it('is waited for only as long as the request has time; others that wait for it go on', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const latch = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    registry.tokens.on('/token', () => {
      arrived.resolve();
      return { hold: latch.promise, body: '{"token":"x"}' };
    });
    registry.on(path, (request) => (request.headers.authorization ? { body: 'here' } : challenge));
    const challenge = {
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${registry.tokens.origin}/token"` },
    };
    const client = clientOf(registry);
    const leaving = new AbortController();
    const first = client.get(registry.url(path), { signal: leaving.signal });
    await arrived.promise;
    const second = client.get(registry.url(path));
    leaving.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    latch.resolve();
    expect(await textOf(await second)).toBe('here');
    expect(registry.tokens.requests).toHaveLength(1);
  });
});
