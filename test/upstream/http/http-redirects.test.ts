import { describe, expect, it } from 'vitest';

import { Secret } from '../../../src/lib/secret.ts';
import type { Authorization } from '../../../src/upstream/credentials/authorization.ts';
import { passwordLogin } from '../../../src/upstream/credentials/login.ts';
import { preemptiveAuthorization } from '../../../src/upstream/credentials/preemptive.ts';
import { nextHop } from '../../../src/upstream/http/redirects.ts';
import { faultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, httpClientOf, never, textOf } from '../../support/http.ts';

const basic = (password: Secret): Authorization =>
  preemptiveAuthorization({ upstream: 'nexus', login: passwordLogin('nexus', Secret.of('reader'), password) });
const secret = basic(Secret.of('s3cret'));
const withApiKey: Authorization = {
  present: async () => ({ 'x-jfrog-art-api': 'key', cookie: 'a=b' }),
  answer: async () => undefined,
  describe: () => 'own headers',
  isAnonymous: () => false,
};

/** Other ports of loopback may be led to. */
const reach = { allowPrivateNetwork: true };

describe('redirects', () => {
  it('are followed to the end, five at most', async () => {
    const upstream = await faultUpstream();
    for (let hop = 1; hop <= 6; hop += 1) {
      upstream.on(`/${hop}`, { status: 302, headers: { location: `${hop + 1}` }, body: 'moved' });
    }
    upstream.on('/7', { body: 'here' });
    const client = httpClientOf(upstream.origin);
    const answer = await client.get(upstream.url('/2'));
    expect([answer.url.pathname, await textOf(answer)]).toEqual(['/7', 'here']);
    const fault = await faultOf(client.get(upstream.url('/1')));
    expect([fault.code, fault.message]).toEqual([
      'upstream-failed',
      `nexus: ${upstream.url('/').host} redirected more than 5 times.`,
    ]);
  });

  it('in a circle are a fault, not a hang', async () => {
    const upstream = await faultUpstream();
    upstream.on('/a', { status: 301, headers: { location: '/b' } });
    upstream.on('/b', { status: 308, headers: { location: '/a' } });
    const fault = await faultOf(httpClientOf(upstream.origin).get(upstream.url('/a')));
    expect(fault.message).toContain('redirected in a circle');
    expect(upstream.requests).toHaveLength(2);
  });

  it('never lead from https to http, to another scheme, or to user info', () => {
    const from = new URL('https://nexus.corp/a?token=s3cret');
    expect(() => nextHop('nexus', from, 'http://nexus.corp/b')).toThrow(
      'nexus: nexus.corp:443 redirected from https to http at nexus.corp:80, which is not followed.',
    );
    for (const location of ['file:///etc/passwd', 'gopher://x', 'data:,x', 'http://[', 'oci://x/y']) {
      expect(() => nextHop('nexus', from, location)).toThrow('is no web address');
    }
    expect(nextHop('nexus', from, '//u:p@other/b#c').href).toBe('https://other/b');
    expect(nextHop('nexus', new URL('http://a/'), 'https://a/').href).toBe('https://a/');
  });

  it('are not followed for POST', async () => {
    const upstream = await faultUpstream();
    upstream.on('/token', { status: 307, headers: { location: '/elsewhere' } });
    const answer = await httpClientOf(upstream.origin).get(upstream.url('/token'), { method: 'POST', body: 'a=b' });
    expect(answer.status).toBe(307);
    await answer.dump();
    expect(upstream.requests.map((request) => request.body)).toEqual(['a=b']);
  });
});

describe('credentials', () => {
  it.each([
    ['Authorization', secret],
    ['any other header', withApiKey],
  ])(
    'in %s go to the own origin, and never to another host or port, nor back after a detour',
    async (_, authorization) => {
      const own = await faultUpstream();
      const other = await faultUpstream();
      own.on('/start', { status: 302, headers: { location: '/own' } });
      own.on('/own', { status: 302, headers: { location: `${other.origin}/away?signature=1` } });
      other.on('/away', { status: 302, headers: { location: `${own.origin}/back` } });
      own.on('/back', { body: 'x' });
      const headers = { accept: 'application/json', 'if-none-match': '"1"', 'x-private': 'y' };
      await (await httpClientOf(own.origin, { authorization, reach }).get(own.url('/start'), { headers })).dump();
      const sent = await authorization.present({
        method: 'GET',
        url: own.url('/'),
        headers: {},
        exchange: () => Promise.reject(new Error('no token needed')),
        signal: never,
      });
      for (const request of own.requests.slice(0, 2)) expect(request.headers).toMatchObject({ ...sent, ...headers });
      for (const request of [other.requests[0], own.requests[2]]) {
        expect(request?.headers).toMatchObject({ accept: 'application/json', 'if-none-match': '"1"' });
        for (const name of [...Object.keys(sent), 'x-private']) expect(request?.headers[name]).toBeUndefined();
      }
    },
  );

  it('do not go to another origin that was asked for directly', async () => {
    const own = await faultUpstream();
    const other = await faultUpstream();
    other.on('/x.tgz', { body: 'x' });
    const direct = other.url('/x.tgz');
    direct.username = 'reader';
    await (await httpClientOf(own.origin, { authorization: secret, reach }).get(direct)).dump();
    expect(other.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('go to every home, from one to the other too', async () => {
    const own = await faultUpstream();
    const other = await faultUpstream();
    own.on('/start', { status: 302, headers: { location: `${other.origin}/x` } });
    other.on('/x', { body: 'x' });
    const trusted = [own.url('/'), other.url('/')] as const;
    const client = httpClientOf(own.origin, { authorization: secret, reach: { trusted } });
    await (await client.get(own.url('/start'), { headers: { 'x-private': 'y' } })).dump();
    const { authorization } = own.requests[0]?.headers ?? {};
    expect(authorization).toMatch(/^Basic /);
    expect(other.requests[0]?.headers).toMatchObject({ authorization, 'x-private': 'y' });
  });

  it('that cannot be read are a fault, never an anonymous attempt', async () => {
    const own = await faultUpstream();
    const unreadable = new Secret(() =>
      Promise.reject(new Error('the file /run/secrets/nexus cannot be read (ENOENT)')),
    );
    const fault = await faultOf(httpClientOf(own.origin, { authorization: basic(unreadable) }).get(own.url('/')));
    expect([fault.code, fault.message]).toEqual([
      'unauthorized',
      'nexus: a configured credential cannot be read: the file /run/secrets/nexus cannot be read (ENOENT).',
    ]);
    expect(own.requests).toHaveLength(0);
  });
});
