import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { substituteSecret } from '../../src/config/secret.ts';
import { Secret } from '../../src/lib/secret.ts';
import { passwordLogin, type LoginSource } from '../../src/upstream/credentials/login.ts';
import { anonymous, preemptiveAuthorization } from '../../src/upstream/credentials/preemptive.ts';
import { registryAuthorization } from '../../src/upstream/credentials/registry.ts';
import { faultOfStatus } from '../../src/upstream/http/faults.ts';
import { faultOfRegistry } from '../../src/upstream/registry/faults.ts';
import { createCertificates } from '../support/certificates.ts';
import { ManualClock } from '../support/clock.ts';
import { faultUpstream, type FaultUpstream } from '../support/fault-upstream.ts';
import { faultOf, httpClientOf, type HttpClientSettings } from '../support/http.ts';
import { temporaryFolder } from '../support/temp.ts';
import { needsTools } from '../support/tools.ts';

const upstream = 'nexus';
const login = passwordLogin(upstream, Secret.of('reader'), Secret.of('canary'));
const authorization = preemptiveAuthorization({ upstream, login });
/** Other ports of loopback may be led to. */
const reach = { allowPrivateNetwork: true };

/** What is said of the answer to `url`, and what to do. */
async function told(origin: string, url: string, options: HttpClientSettings): Promise<readonly string[]> {
  const answer = await httpClientOf(origin, options).get(url);
  await answer.dump();
  const { code, message, advice } = faultOfStatus(upstream, answer);
  expect(code).toBe('unauthorized');
  return [message, advice];
}

const locked = (): Promise<FaultUpstream> => faultUpstream({ otherwise: { status: 401 } });

describe('a chart repository that answers 401', () => {
  it('refused credentials only where there are any', async () => {
    const { origin } = await locked();
    expect(await told(origin, `${origin}/index.yaml`, { authorization })).toEqual([
      'nexus: the server refused these credentials for GET /index.yaml (401).',
      'Check auth; a token may have expired.',
    ]);
    expect(await told(origin, `${origin}/index.yaml`, {})).toEqual([
      'nexus: the server asks for credentials for GET /index.yaml, and none are configured for it (401).',
      'Set auth.',
    ]);
  });

  it('refused those that its url holds', async () => {
    const { origin } = await locked();
    const token = '/ghp_0123456789abcdef0123';
    for (const [own, url] of [
      [origin, `${origin}${token}/index.yaml`],
      [`${origin}/?token=canary`, `${origin}/index.yaml?token=canary`],
    ] as const) {
      expect((await told(own, url, {}))[0]).toContain('refused these credentials');
    }
  });

  it.each([
    ['a url of its index', (own: FaultUpstream, place: string) => [own.origin, place] as const],
    [
      'a redirect',
      (own: FaultUpstream, place: string) => {
        own.on('/x.tgz', { status: 302, headers: { location: place } });
        return [own.origin, `${own.origin}/x.tgz`] as const;
      },
    ],
  ])('on another host, by %s, is told apart, and the advice mends it', async (_, leadingTo) => {
    const other = await locked();
    const [origin, url] = leadingTo(await faultUpstream(), other.url('/a/x.tgz?token=canary').href);
    const { host } = new URL(other.origin);
    const [message, advice = ''] = await told(origin, url, { authorization, reach });
    expect([message, advice]).toEqual([
      `nexus: ${host} asks for credentials for GET /a/x.tgz, and is not sent those of auth (401).`,
      `If it may have them, set passCredentials: [${other.origin}].`,
    ]);
    const [, named = ''] = /\[(.*)\]/.exec(advice) ?? [];
    const trusted = [new URL(origin), new URL(named)] as const;
    await told(origin, url, { authorization, reach: { ...reach, trusted } });
    expect(other.requests.map(({ headers }) => headers.authorization !== undefined)).toEqual([false, true]);
  });

  it.skipIf(needsTools('openssl'))('after it led from http to https is told apart', async () => {
    const { certFile, keyFile } = await createCertificates(await temporaryFolder());
    const tls = { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
    const secure = await faultUpstream({ tls, otherwise: { status: 401 } });
    const plain = await faultUpstream();
    plain.on('/index.yaml', { status: 301, headers: { location: `${secure.origin}/index.yaml` } });
    const options = { authorization, reach, tls: { insecureSkipTLSVerify: true } };
    expect(await told(plain.origin, `${plain.origin}/index.yaml`, options)).toEqual([
      `nexus: ${new URL(secure.origin).host} asks for credentials for GET /index.yaml, and is not sent those for http (401).`,
      'Write https:// in url, or leave out plainHTTP.',
    ]);
    expect(secure.requests[0]?.headers).not.toHaveProperty('authorization');
  });
});

describe('a registry that answers 401', () => {
  const nobody: LoginSource = { description: 'anonymous (nothing for x)', login: async () => undefined };

  it.each<[string, LoginSource | undefined, string]>([
    ['a password', login, 'the registry refused these credentials for charts/podinfo (401).'],
    [
      'nothing configured',
      undefined,
      'the registry asks for credentials for charts/podinfo, and none are configured for it (401).',
    ],
    [
      'nothing for it in the Docker file',
      nobody,
      'the registry asks for credentials for charts/podinfo, and none are configured for it (401).',
    ],
  ])('also to a token that it gave, is told as it is with %s', async (_, source, words) => {
    const registry = await faultUpstream();
    const challenge = `Bearer realm="${registry.origin}/token",service="x"`;
    registry.on('/v2/charts/podinfo/tags/list', { status: 401, headers: { 'www-authenticate': challenge } });
    registry.on('/token', { body: '{"token":"given"}' });
    const trusted = [new URL(registry.origin)] as const;
    const own = { trusted, archiveHosts: [], allowPrivateNetwork: false };
    const clock = new ManualClock();
    const client = httpClientOf(registry.origin, {
      authorization: registryAuthorization({ upstream, reach: own, login: source, clock }),
    });
    const answer = await client.get(registry.url('/v2/charts/podinfo/tags/list'));
    const fault = await faultOfRegistry(upstream, answer, 'charts/podinfo');
    expect([fault.code, fault.message]).toEqual(['unauthorized', `nexus: ${words}`]);
    expect(fault.advice).toContain(source === login ? 'Check auth' : 'Set auth');
    expect(registry.requests.at(-1)?.headers.authorization).toBe('Bearer given');
  });

  it('and that only an index named, was never sent anything', async () => {
    const registry = await locked();
    const trusted = [new URL('https://charts.corp')] as const;
    const homes = [new URL(registry.origin)];
    const client = httpClientOf(registry.origin, { authorization: anonymous, homes, reach: { ...reach, trusted } });
    const fault = await faultOfRegistry(upstream, await client.get(registry.url('/v2/x/tags/list')), 'x');
    expect(fault.message).toContain('is not sent those of auth (401)');
    expect(fault.advice).toBe(`If it may have them, set passCredentials: [${registry.origin}].`);
  });
});

describe('a server that answers 400', () => {
  it.each([
    ['https://nexus.corp/x', 'If it asks for a certificate of ours, check tls.certFile and tls.keyFile'],
    ['http://nexus.corp:443/x', 'If it speaks TLS, write https:// in url, or leave out plainHTTP'],
  ])('at %s may mean what nginx means by it', (url, advice) => {
    const fault = faultOfStatus(upstream, { status: 400, url: new URL(url), retryAfterMs: undefined });
    expect([fault.message, fault.advice]).toEqual([
      'nexus: answered 400 Bad Request to GET /x.',
      `${advice}; else look at the server.`,
    ]);
  });
});

it('a secret whose file is gone is told with its file and the reason', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'secret');
  await writeFile(file, 'canary');
  const secret = await substituteSecret('${file:secret}', folder, {});
  await rm(file);
  expect(await faultOf(passwordLogin(upstream, Secret.of('reader'), secret).login())).toMatchObject({
    code: 'unauthorized',
    message: `nexus: a configured credential cannot be read: the file ${file} cannot be read (ENOENT).`,
  });
});
