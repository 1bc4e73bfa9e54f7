import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { Secret } from '../../../src/lib/secret.ts';
import type { Authorization } from '../../../src/upstream/credentials/authorization.ts';
import type { ProxySettings } from '../../../src/upstream/http/proxy.ts';
import { createAuthority, type Authority } from '../../support/certificates.ts';
import { faultUpstream, listen, type FaultUpstream } from '../../support/fault-upstream.ts';
import { closedPort, faultOf, httpClientOf, textOf } from '../../support/http.ts';
import { temporaryFolder } from '../../support/temp.ts';
import { needsTools } from '../../support/tools.ts';

/** A proxy on loopback for which every name is one server there. */
interface TestProxy {
  readonly host: string;
  readonly settings: ProxySettings;
  /** What it was asked, in order: `CONNECT nexus.corp:443`, `GET http://nexus.corp/x`. */
  readonly asked: readonly string[];
  readonly headers: readonly IncomingHttpHeaders[];
}

interface TestProxyOptions {
  /** Where everything leads. */
  readonly target?: string;
  /** What it refuses with. */
  readonly status?: number;
  readonly user?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Closes each tunnel instead of opening it, or once it is open. */
  readonly breaks?: 'before' | 'after';
  /** Gets each tunnel instead, which is never opened. */
  readonly holds?: (socket: Duplex) => void;
}

async function testProxy(options: TestProxyOptions): Promise<TestProxy> {
  const { target = 'http://127.0.0.1:1', status, user, tls, breaks, holds } = options;
  const port = Number(new URL(target).port);
  const asked: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const note: RequestListener = (request) => {
    asked.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
  };
  const server = (tls ? createTlsServer(tls) : createServer()) as ReturnType<typeof createServer>;
  server.on('request', (request, response) => {
    note(request, response);
    if (status) return void response.writeHead(status).end();
    const { pathname, search } = new URL(request.url ?? '');
    const onwards = httpRequest({ host: '127.0.0.1', port, path: pathname + search, headers: request.headers });
    onwards.on('response', (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 0, answer.headers))).end();
  });
  server.on('connect', (request, socket: Duplex) => {
    note(request, undefined as never);
    socket.on('error', () => undefined);
    if (holds) return holds(socket);
    if (breaks === 'before') return void socket.destroy();
    if (status) return void socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: 4\r\n\r\nnone`);
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (breaks === 'after') return void socket.destroy();
    const onwards = connect({ host: '127.0.0.1', port });
    onwards.on('error', () => socket.destroy());
    socket.on('close', () => onwards.destroy());
    socket.pipe(onwards).pipe(socket);
  });
  const host = `127.0.0.1:${await listen(server)}`;
  const secret = Secret.of(`${tls ? 'https' : 'http'}://${user ? `${user}@` : ''}${host}`);
  return { host, settings: { http: secret, https: secret, noProxy: '' }, asked, headers };
}

const canary: Authorization = {
  present: async () => ({ authorization: 'Bearer s3cret' }),
  answer: async () => undefined,
  describe: () => 'canary',
  isAnonymous: () => false,
};

async function secureUpstream(authority: Authority, names = ['DNS:nexus.corp']): Promise<FaultUpstream> {
  const { certFile, keyFile } = await authority.sign('upstream', names);
  const tls = { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8') };
  return await faultUpstream({ tls, otherwise: { body: 'here' } });
}

describe('a target without TLS', () => {
  it('is asked of the proxy by its whole url, with what proves who we are to either', async () => {
    const upstream = await faultUpstream({ otherwise: { body: 'here' } });
    const proxy = await testProxy({ target: upstream.origin, user: 'us%65r:p%40ss' });
    const client = httpClientOf('http://nexus.corp', { proxy: proxy.settings, authorization: canary });
    expect(await textOf(await client.get('http://nexus.corp/charts/index.yaml?a=b'))).toBe('here');
    expect(proxy.asked).toEqual(['GET http://nexus.corp/charts/index.yaml?a=b']);
    expect(proxy.headers[0]?.['proxy-authorization']).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    expect(upstream.requests[0]).toMatchObject({
      target: '/charts/index.yaml?a=b',
      headers: { host: 'nexus.corp', authorization: 'Bearer s3cret' },
    });
  });

  it('elsewhere gets no credentials through the proxy either', async () => {
    const upstream = await faultUpstream();
    upstream.on('/start', { status: 302, headers: { location: 'http://objects.corp/x' } });
    const proxy = await testProxy({ target: upstream.origin });
    const client = httpClientOf('http://nexus.corp', { proxy: proxy.settings, authorization: canary });
    await (await client.get('http://nexus.corp/start')).dump();
    expect(proxy.asked).toEqual(['GET http://nexus.corp/start', 'GET http://objects.corp/x']);
    expect(proxy.headers.map(({ authorization }) => authorization)).toEqual(['Bearer s3cret', undefined]);
  });
});

describe.skipIf(needsTools('openssl'))('a target with TLS', () => {
  it('is reached through a tunnel, and the proxy hears nothing that is meant for it', async () => {
    const authority = await createAuthority(await temporaryFolder());
    const upstream = await secureUpstream(authority);
    const proxy = await testProxy({ target: upstream.origin, user: 'user:pass' });
    const options = { proxy: proxy.settings, authorization: canary, tls: { caFile: authority.caFile } };
    const client = httpClientOf('https://nexus.corp', options);
    expect(await textOf(await client.get('https://nexus.corp/a?token=1'))).toBe('here');
    expect(await textOf(await client.get('https://nexus.corp/b'))).toBe('here');
    expect(new Set(proxy.asked)).toEqual(new Set(['CONNECT nexus.corp:443']));
    const known = `Basic ${Buffer.from('user:pass').toString('base64')}`;
    for (const told of proxy.headers) {
      expect(told).toMatchObject({ host: 'nexus.corp:443', 'proxy-authorization': known });
    }
    expect(JSON.stringify(proxy.headers)).not.toContain('s3cret');
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/a?token=1', '/b']);
    for (const { headers } of upstream.requests) {
      expect(headers.authorization).toBe('Bearer s3cret');
      expect(headers['proxy-authorization']).toBeUndefined();
    }
  });

  it('has its own certificate checked behind the tunnel', async () => {
    const authority = await createAuthority(await temporaryFolder());
    const upstream = await secureUpstream(authority, ['DNS:elsewhere.corp']);
    const proxy = await testProxy({ target: upstream.origin });
    const client = httpClientOf('https://nexus.corp', { proxy: proxy.settings, tls: { caFile: authority.caFile } });
    expect((await faultOf(client.get('https://nexus.corp/'))).message).toBe(
      'nexus: the certificate of nexus.corp is for another host.',
    );
  });

  it('is reached through a proxy that has TLS itself, which tls.caFile is for too', async () => {
    const authority = await createAuthority(await temporaryFolder());
    const upstream = await secureUpstream(authority);
    const plain = await faultUpstream({ otherwise: { body: 'plain' } });
    const own = await authority.sign('proxy');
    const tls = { key: await readFile(own.keyFile, 'utf8'), cert: await readFile(own.certFile, 'utf8') };
    const proxy = await testProxy({ target: upstream.origin, tls, user: 'user:pass' });
    const forward = await testProxy({ target: plain.origin, tls });
    const options = { proxy: { ...proxy.settings, http: forward.settings.http }, tls: { caFile: authority.caFile } };
    const client = httpClientOf('https://nexus.corp', options);
    expect(await textOf(await client.get('https://nexus.corp/'))).toBe('here');
    for (const host of ['a.corp', 'b.corp']) expect(await textOf(await client.get(`http://${host}/`))).toBe('plain');
    const distrusting = httpClientOf('https://nexus.corp', {
      proxy: options.proxy,
      tls: { insecureSkipTLSVerify: true },
    });
    // a variable of Node's that switches the check off is not for whoever gets our password
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => void vi.unstubAllEnvs());
    for (const [scheme, by] of [
      ['https', proxy],
      ['http', forward],
    ] as const) {
      expect(await faultOf(distrusting.get(`${scheme}://nexus.corp/`))).toMatchObject({
        code: 'tls-untrusted',
        message: expect.stringContaining(`the certificate of the proxy ${by.host} is signed by`) as string,
      });
    }
  });
});

describe('a proxy', () => {
  it.each([
    [407, 'Check the user name and password in the proxy setting.'],
    [403, 'Allow it on the proxy, or change the proxy setting.'],
    [502, 'Check the address, and whether the proxy setting is right for it.'],
  ])('that answers %i to CONNECT is named with the target', async (status, advice) => {
    const proxy = await testProxy({ status, user: 'user:s3cret' });
    const client = httpClientOf('https://nexus.corp', { proxy: proxy.settings });
    expect(await faultOf(client.get('https://nexus.corp/x?token=s3cret'))).toMatchObject({
      code: 'upstream-unreachable',
      message: `nexus: the proxy ${proxy.host} did not let us through to nexus.corp:443 (${status}).`,
      advice,
    });
    expect(proxy.asked).toHaveLength(1);
  });

  it('that asks for a password is named for a target without TLS too; other statuses are the answer', async () => {
    const unknown = await testProxy({ status: 407 });
    const fault = await faultOf(
      httpClientOf('http://nexus.corp', { proxy: unknown.settings }).get('http://nexus.corp/'),
    );
    expect(fault.message).toBe(`nexus: the proxy ${unknown.host} did not let us through to nexus.corp:80 (407).`);
    const refusing = await testProxy({ status: 403 });
    const answer = await httpClientOf('http://nexus.corp', { proxy: refusing.settings }).get('http://nexus.corp/');
    await answer.dump();
    expect(answer.status).toBe(403);
  });

  it.each(['http', 'https'])('that is not there is named with the target: %s', async (scheme) => {
    const host = `127.0.0.1:${await closedPort()}`;
    const secret = Secret.of(`http://user:s3cret@${host}`);
    const client = httpClientOf(`${scheme}://nexus.corp`, { proxy: { http: secret, https: secret } });
    const port = scheme === 'http' ? 80 : 443;
    expect(await faultOf(client.get(`${scheme}://nexus.corp/`))).toMatchObject({
      code: 'upstream-unreachable',
      message: `nexus: no answer from the proxy ${host} for nexus.corp:${port} (connection refused).`,
      advice: 'Check the address, the firewall and the proxy setting.',
    });
  });

  it.each(['before', 'after'] as const)(
    'that hangs up %s it opened the tunnel is a fault, not a crash',
    async (breaks) => {
      const proxy = await testProxy({ breaks });
      const client = httpClientOf('https://nexus.corp', { proxy: proxy.settings });
      const fault = await faultOf(client.get('https://nexus.corp/'));
      expect(fault.code).toBe('upstream-unreachable');
      expect(fault.message).toMatch(/connection (?:closed|reset)/);
      expect(proxy.asked).toHaveLength(1);
    },
  );

  it('that takes its time is not waited for when we stop', async () => {
    const held = Promise.withResolvers<Duplex>();
    const proxy = await testProxy({ holds: held.resolve });
    const client = httpClientOf('https://nexus.corp', { proxy: proxy.settings });
    const waiting = faultOf(client.get('https://nexus.corp/'));
    const socket = await held.promise;
    onTestFinished(() => void socket.destroy());
    // who does not read does not hear of the end
    const ended = once(socket.resume(), 'end');
    await client.close();
    expect((await waiting).code).toBe('unavailable');
    await ended;
  });

  it.each([
    ['socks5://u:s3cret@proxy.corp:1080', 'is no http:// or https:// address'],
    ['http://[s3cret', 'is no http:// or https:// address'],
    [undefined, 'cannot be read'],
  ])('setting of no use is told as such, not what it says: %s', async (text, what) => {
    const read = async (): Promise<string> => text ?? Promise.reject(new Error('ENOENT /run/s3cret'));
    const client = httpClientOf('http://nexus.corp', { proxy: { http: new Secret(read) } });
    const { code, message, advice } = await faultOf(client.get('http://nexus.corp/'));
    expect([code, message]).toEqual(['upstream-unreachable', `nexus: the proxy setting ${what}.`]);
    expect(message + advice).not.toContain('s3cret');
  });

  it('is read anew for each connection, and needs no scheme', async () => {
    const upstream = await faultUpstream({ otherwise: { body: 'here' } });
    const [first, second] = [
      await testProxy({ target: upstream.origin }),
      await testProxy({ target: upstream.origin }),
    ];
    let place = first.host;
    const client = httpClientOf('http://nexus.corp', { proxy: { http: new Secret(async () => place) } });
    await (await client.get('http://nexus.corp/a')).dump();
    place = second.host;
    await (await client.get('http://nexus.corp/b')).dump();
    expect([first.asked, second.asked]).toEqual([['GET http://nexus.corp/a'], ['GET http://nexus.corp/b']]);
  });

  it('is passed by for what NO_PROXY names', async () => {
    const upstream = await faultUpstream({ otherwise: { body: 'direct' } });
    const proxy = await testProxy({ status: 502 });
    const settings = { ...proxy.settings, noProxy: '10.0.0.0/8, 127.0.0.0/8' };
    const client = httpClientOf(upstream.origin, { proxy: settings });
    expect(await textOf(await client.get(upstream.url('/')))).toBe('direct');
    expect(proxy.asked).toEqual([]);
  });
});
