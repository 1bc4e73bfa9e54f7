import { describe, expect, it } from 'vitest';

import { Secret } from '../../../src/lib/secret.ts';
import { tokenLogin, type LoginSource } from '../../../src/upstream/credentials/login.ts';
import { ManualClock } from '../../support/clock.ts';
import { clientOf, path, registryWith, sentTo, statusOf } from '../../support/credentials.ts';
import type { AuthStyle } from '../../support/fake-registry.ts';
import { faultOf } from '../../support/http.ts';

const nobody: LoginSource = { description: 'anonymous (nothing for x)', login: async () => undefined };

describe('what authenticated', () => {
  it.each<[string, AuthStyle, Parameters<typeof clientOf>[1], string]>([
    ['nothing', 'none', { anonymous: true }, 'anonymous'],
    ['nothing, although there is a password', 'none', {}, 'user name and password, not asked for'],
    ['an anonymous token', 'bearer', { anonymous: true }, 'anonymous, token of <realm>'],
    ['a password', 'basic', {}, 'user name and password (Basic)'],
    ['a token for a password', 'bearer', {}, 'user name and password, token of <realm>'],
    ['a bearer token', 'none', { login: tokenLogin('nexus', Secret.of('x')) }, 'bearer token'],
    ['a source that has nothing', 'bearer', { login: nobody }, 'anonymous (nothing for x), token of <realm>'],
  ])('is told as %s', async (_, auth, options, words) => {
    const registry = await registryWith({ auth });
    const client = clientOf(registry, options);
    expect(await statusOf(client, registry)).toBe(200);
    expect(client.describe()).toBe(words.replace('<realm>', new URL(registry.tokens.origin).host));
  });
});

describe('a token service on another port of the registry', () => {
  it('is another party until passCredentials names it, which the advice says', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const strange = registry.tokens.origin;
    // trusts the registry twice instead
    const client = clientOf({ ...registry, tokens: { ...registry.tokens, origin: registry.origin } });
    const fault = await faultOf(client.get(registry.url(path)));
    expect([fault.code, fault.message, fault.advice]).toEqual([
      'unauthorized',
      `nexus: the registry ${new URL(registry.origin).host} asks for a token from ${strange}, which is not its own: the password was not sent.`,
      `Is this the right registry? Name ${strange} in passCredentials if it may have the password.`,
    ]);
    expect(registry.tokens.requests).toHaveLength(0);
  });

  it('inside a private network is not asked until passCredentials names it, which the advice says', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const strange = registry.tokens.origin;
    const own = { trusted: [new URL(registry.origin)] as const, archiveHosts: [], allowPrivateNetwork: false };
    const fault = await faultOf(clientOf(registry, { reach: own }).get(registry.url(path)));
    expect([fault.message, fault.advice]).toEqual([
      `nexus: the registry ${new URL(registry.origin).host} asks for a token from ${strange}, which is not asked.`,
      `It lies inside a private network: name ${strange} in passCredentials if it is to be asked.`,
    ]);
    expect(registry.tokens.requests).toHaveLength(0);
    const named = { ...own, trusted: [new URL(registry.origin), new URL(strange)] as const };
    expect(await statusOf(clientOf(registry, { reach: named }), registry)).toBe(200);
  });
});

describe('a password that lasts twelve hours', () => {
  it('never fails a request in a week, at one every five minutes', async () => {
    const clock = new ManualClock();
    const start = clock.elapsed();
    const halfDay = (): number => Math.floor((clock.elapsed() - start) / (12 * 3600_000));
    const current = (): string => `Basic ${Buffer.from(`AWS:${halfDay()}`).toString('base64')}`;
    const registry = await registryWith({ auth: 'none' });
    registry.on(path, ({ headers }) =>
      headers.authorization === current()
        ? { body: '{}' }
        : { status: 401, headers: { 'www-authenticate': 'Basic realm="ecr"' } },
    );
    let known = 0;
    const login: LoginSource = {
      description: 'AWS',
      login: async (refused) => {
        if (refused) known = halfDay();
        return { kind: 'password', username: 'AWS', password: String(known) };
      },
    };
    const client = clientOf(registry, { clock, login });
    const statuses = new Map<number, number>();
    for (let at = 0; at < 7 * 24 * 12; at += 1) {
      const status = await statusOf(client, registry);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      await clock.advance(5 * 60_000);
    }
    expect(Object.fromEntries(statuses)).toEqual({ 200: 2016 });
    // the first is asked for; 13 passwords that ended are each found out once
    expect(registry.requests).toHaveLength(2016 + 1 + 13);
    expect(sentTo(registry).filter((sent) => sent === undefined)).toHaveLength(1);
  });
});

describe('tokens of an hour', () => {
  it('are renewed before they end: a week without a refusal and with no more tokens than it takes', async () => {
    const clock = new ManualClock();
    const registry = await registryWith({ auth: 'none' });
    let goodUntilMs = 0;
    let refused = 0;
    registry.tokens.on('/token', () => {
      goodUntilMs = clock.elapsed() + 3600_000;
      return { body: `{"token":"until-${goodUntilMs}","expires_in":3600}` };
    });
    registry.on(path, ({ headers }) => {
      const until = Number(/^Bearer until-(\d+)$/.exec(headers.authorization ?? '')?.[1] ?? 0);
      if (until > clock.elapsed()) return { body: '{}' };
      refused += 1;
      return { status: 401, headers: { 'www-authenticate': `Bearer realm="${registry.tokens.origin}/token"` } };
    });
    const client = clientOf(registry, { clock });
    for (let at = 0; at < 7 * 24 * 12; at += 1) {
      expect(await statusOf(client, registry)).toBe(200);
      await clock.advance(5 * 60_000);
    }
    expect(refused).toBe(1);
    // one each 50 minutes: the first five that come after 80 % of an hour
    expect(registry.tokens.requests).toHaveLength(Math.ceil((7 * 24 * 60) / 50));
  });
});
