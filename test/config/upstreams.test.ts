import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { UpstreamAuth, UpstreamConfig } from '../../src/config/config.ts';
import type { Environment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Secret } from '../../src/lib/secret.ts';
import { isExempt } from '../../src/upstream/http/proxy.ts';
import { configOf, loadText, problemsOf, writeConfig } from './support.ts';

type Remote = Exclude<UpstreamConfig, { readonly type: 'folder' }>;

/** The first upstream of a file, which must not be a folder. Files named `key.json` and so on are beside it. */
async function remoteOf(text: string, environment: Environment = {}): Promise<Remote> {
  const file = await writeConfig(text);
  for (const name of ['key.json', 'ca.pem', 'client.pem', 'client.key']) {
    await writeFile(join(dirname(file), name), name);
  }
  const [upstream] = configOf(await loadConfig(file, environment)).upstreams;
  if (!upstream || upstream.type === 'folder') throw new Error('not remote');
  return upstream;
}

const remote = (options: string, url = 'https://a.corp', environment: Environment = {}): Promise<Remote> =>
  remoteOf(`upstreams: [{ name: a, url: "${url}", ${options} }]`, environment);

/** The same with secrets revealed and paths without their folder. */
async function plain(value: unknown): Promise<unknown> {
  if (value instanceof Secret) return value.reveal();
  if (typeof value === 'string') return value.replace(/^\/.*\//, '…/');
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).map(async ([key, inside]) => [key, await plain(inside)] as const);
  return Object.fromEntries(await Promise.all(pairs));
}

const ecr = '210987654321.dkr.ecr.eu-central-1.amazonaws.com/charts';

describe('credentials', () => {
  const ambient = { region: undefined, roleArn: undefined, keys: undefined };
  test.each<[written: string, url: string, auth: UpstreamAuth | object]>([
    ['username: u, password: "${P}"', 'https://a.corp', { kind: 'password', username: 'u', password: 'p:p' }],
    ['username: _json_key, password: p', 'gcr.io/p', { kind: 'password', username: '_json_key', password: 'p' }],
    ['token: t', 'https://a.corp', { kind: 'token', token: 't' }],
    ['token: t', 'oci://a.corp', { kind: 'token', token: 't' }],
    ['token: t', 'gs://charts', { kind: 'token', token: 't' }],
    [
      'headers: { X-JFrog-Art-Api: "${P}", Authorization: a b }',
      'oci://a.corp',
      { kind: 'headers', headers: { 'X-JFrog-Art-Api': 'p:p', Authorization: 'a b' } },
    ],
    ['dockerConfig: "${FILE}"', 'oci://a.corp', { kind: 'docker-config', file: '…/key.json', allowHelpers: false }],
    [
      'dockerConfig: ./key.json, allowHelpers: true',
      'https://ghcr.io/a',
      { kind: 'docker-config', file: '…/key.json', allowHelpers: true },
    ],
    ['provider: aws', ecr, { kind: 'aws', ...ambient }],
    ['provider: aws', `https://${ecr}`, { kind: 'aws', ...ambient }],
    ['provider: aws', 'public.ecr.aws/x', { kind: 'aws', ...ambient }],
    [
      'provider: aws, region: eu-west-1, roleArn: "arn:aws:iam::111122223333:role/a/b"',
      's3://charts',
      { kind: 'aws', region: 'eu-west-1', roleArn: 'arn:aws:iam::111122223333:role/a/b', keys: undefined },
    ],
    [
      'provider: aws, accessKeyId: id, secretAccessKey: "${P}"',
      's3://charts',
      { kind: 'aws', ...ambient, keys: { accessKeyId: 'id', secretAccessKey: 'p:p' } },
    ],
    ['provider: "${CLOUD}"', 'europe-docker.pkg.dev/p/r', { kind: 'gcp', keyFile: undefined }],
    ['provider: gcp, keyFile: key.json', 'gs://charts', { kind: 'gcp', keyFile: '…/key.json' }],
    [
      'provider: azure',
      'a.azurecr.io',
      { kind: 'azure', tenantId: undefined, clientId: undefined, clientSecret: undefined },
    ],
    [
      'provider: azure, clientId: c',
      'a.azurecr.cn/x',
      { kind: 'azure', tenantId: undefined, clientId: 'c', clientSecret: undefined },
    ],
    [
      'provider: azure, clientId: c, tenantId: t, clientSecret: s',
      'https://a.azurecr.us/x',
      { kind: 'azure', tenantId: 't', clientId: 'c', clientSecret: 's' },
    ],
  ])('may be { %s } for %s', async (written, url, auth) => {
    const upstream = await remote(`auth: { ${written} }`, url, { P: 'p:p', FILE: 'key.json', CLOUD: 'gcp' });
    expect(await plain(upstream.auth)).toEqual(auth);
  });

  test('whose user name is in a file follow the file', async () => {
    const file = await writeConfig(
      'upstreams: [{ name: a, url: https://a.corp, auth: { username: "${file:user}", password: p } }]',
    );
    const userFile = join(dirname(file), 'user');
    await writeFile(userFile, 'first\n');
    const [upstream] = configOf(await loadConfig(file, {})).upstreams;
    await writeFile(userFile, 'second\n');
    expect(await plain(upstream)).toMatchObject({ auth: { username: 'second' } });
  });

  test('of the defaults are for the upstreams that they are for', async () => {
    const config = configOf(
      await loadText(`
defaults: { auth: { provider: aws } }
upstreams:
  - { name: a, url: "${ecr}" }
  - { name: b, url: s3://charts }
  - { name: c, url: oci://dkr.ecr.eu-central-1.amazonaws.com.evil.corp }
  - { name: d, url: "https://a.corp" }
  - { name: e, url: ./charts }
  - { name: f, url: "https://a.corp", auth: { token: t } }
`),
    );
    const kinds = config.upstreams.map((one) => (one.type === 'folder' ? undefined : one.auth?.kind));
    expect(kinds).toEqual(['aws', 'aws', undefined, undefined, undefined, 'token']);
  });
});

describe('a bucket', () => {
  test('has everything that a chart repository has, and a server of its own where that is said', async () => {
    expect(await remote('endpoint: "https://MinIO.corp:443/"', 's3://charts/stable/')).toMatchObject({
      type: 'bucket',
      url: 's3://charts/stable',
      endpoint: 'https://minio.corp',
      charts: ['*'],
      auth: undefined,
      timeoutMs: 60_000,
      maxIndexBytes: 64 * 1024 ** 2,
    });
    expect(await remote('charts: [nginx], maxIndexBytes: 1MiB', 'gs://a_b.c')).toMatchObject({
      url: 'gs://a_b.c',
      endpoint: undefined,
      charts: ['nginx'],
      maxIndexBytes: 1024 ** 2,
    });
  });
});

describe('the charts of a registry', () => {
  test.each([
    ['', { discover: false, charts: [] }],
    ['charts: [nginx, team/app]', { discover: false, charts: ['nginx', 'team/app'] }],
    ['discover: true', { discover: true, charts: ['*'] }],
    [
      'discover: true, charts: ["corp-*", "!*-dev", "team/*"]',
      { discover: true, charts: ['corp-*', '!*-dev', 'team/*'] },
    ],
  ])('with { %s } are what is said', async (written, expected) => {
    expect(await remote(written, 'oci://a.corp')).toMatchObject(expected);
  });

  test('are asked for at all of them where that is the default, and at no other upstream', async () => {
    const config = configOf(
      await loadText(
        'defaults: { discover: true, charts: ["a-*"] }\nupstreams: [{ name: a, url: oci://a.corp }, { name: b, url: "https://a.corp" }]',
      ),
    );
    expect(config.upstreams).toMatchObject([{ discover: true, charts: ['a-*'] }, { charts: ['a-*'] }]);
    expect(config.upstreams[1]).not.toHaveProperty('discover');
  });
});

test('what is switched off may be written for any upstream', async () => {
  expect(await remote('discover: false')).toMatchObject({ type: 'chart-repository' });
  expect(await remote('discover: false, plainHTTP: false', 's3://charts')).toMatchObject({ type: 'bucket' });
});

test('certificates are files beside the configuration', async () => {
  const { tls } = await remote('tls: { caFile: ./ca.pem, certFile: "${CERT}", keyFile: client.key }', 'oci://a.corp', {
    CERT: 'client.pem',
  });
  expect(await plain(tls)).toEqual({
    caFile: '…/ca.pem',
    certFile: '…/client.pem',
    keyFile: '…/client.key',
    insecureSkipTLSVerify: false,
  });
});

test('a file that goes away after the configuration was read is not its problem, one that is missing then is', async () => {
  const file = await writeConfig('upstreams: [{ name: a, url: https://a.corp, tls: { caFile: ca.pem } }]');
  await writeFile(join(dirname(file), 'ca.pem'), '');
  configOf(await loadConfig(file, {}));
  await rm(join(dirname(file), 'ca.pem'));
  expect(problemsOf(await loadConfig(file, {}))).toMatchObject([{ option: 'upstreams[0].tls.caFile' }]);
});

test('hosts and origins are written in one way', async () => {
  const hosts = 'archiveHosts: [Objects.Corp, "a.corp:443", "[FD00::0:1]:80", "0x7f.1"]';
  const origins = 'passCredentials: ["HTTPS://A.corp:443/", "http://127.0.0.1:8080"]';
  expect(await remote(`${hosts}, ${origins}, allowPrivateNetwork: true`)).toMatchObject({
    archiveHosts: ['objects.corp', 'a.corp:443', '[fd00::1]:80', '127.0.0.1'],
    passCredentials: ['https://a.corp', 'http://127.0.0.1:8080'],
    allowPrivateNetwork: true,
  });
});

describe('the way out', () => {
  const environment = {
    HTTP_PROXY: 'http://upper:1',
    http_proxy: 'lower:2',
    HTTPS_PROXY: 'https://u:p@s:3',
    no_proxy: '',
  };

  test('is that of the environment, names in lower case first, empty ones being none', async () => {
    const { proxy } = await remote('', 'https://a.corp', { ...environment, NO_PROXY: '.corp,10.0.0.0/8' });
    expect(await plain(proxy)).toEqual({
      http: 'http://lower:2',
      https: 'https://u:p@s:3',
      noProxy: '.corp,10.0.0.0/8,localhost,127.0.0.0/8,::1',
    });
  });

  test.each([
    ['http://localhost:8080', true],
    ['https://127.0.0.1', true],
    ['http://127.8.9.10:81', true],
    ['https://[::1]:8443', true],
    ['http://10.0.0.1', false],
    ['https://a.corp', false],
  ])('of the environment is not for this machine itself: %s', async (address, expected) => {
    const { proxy } = await remote('', 'https://a.corp', environment);
    expect(isExempt(proxy.noProxy, new URL(address))).toBe(expected);
  });

  test('of an upstream goes before, without exceptions', async () => {
    const { proxy } = await remote('proxy: "http://u:${P}@proxy.corp:3128"', 'oci://a.corp', {
      ...environment,
      NO_PROXY: '*',
      P: 'p%40',
    });
    const address = 'http://u:p%40@proxy.corp:3128';
    expect(await plain(proxy)).toEqual({ http: address, https: address, noProxy: '' });
  });

  test('is direct where nobody says otherwise, and ALL_PROXY is nobody', async () => {
    const { proxy } = await remote('', 's3://charts', { ALL_PROXY: 'http://proxy:1', all_proxy: 'http://proxy:1' });
    expect(proxy).toMatchObject({ http: undefined, https: undefined });
  });

  test.each(['http://proxy.corp', 'https://proxy.corp:443/', 'http://[::1]:3128', 'http://u@10.0.0.1:65535'])(
    'may be %s',
    async (address) => {
      expect(await plain((await remote(`proxy: "${address}"`)).proxy)).toMatchObject({ https: address });
    },
  );

  test('that the environment has wrong is nobody’s problem where nobody takes it', async () => {
    const text = 'upstreams: [{ name: a, url: ./a }, { name: b, url: "https://b.corp", proxy: http://proxy.corp }]';
    configOf(await loadText(text, { HTTPS_PROXY: 'ftp://x' }));
    configOf(await loadText(`defaults: { proxy: http://p }\n${text}`, { HTTPS_PROXY: 'ftp://x' }));
  });
});
