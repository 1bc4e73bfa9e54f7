import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { expect, test } from 'vitest';

import type { UpstreamAuth } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { summarize } from '../../src/config/summary.ts';
import { ecrLogin } from '../../src/upstream/credentials/aws.ts';
import { azureLogin } from '../../src/upstream/credentials/azure.ts';
import { dockerConfigLogin } from '../../src/upstream/credentials/docker-config.ts';
import { googleTokens } from '../../src/upstream/credentials/gcp.ts';
import { headersAuthorization } from '../../src/upstream/credentials/headers.ts';
import { passwordLogin, tokenLogin } from '../../src/upstream/credentials/login.ts';
import { anonymous } from '../../src/upstream/credentials/preemptive.ts';
import { ManualClock } from '../support/clock.ts';
import { configOf, loadText, writeConfig } from './support.ts';

test.each([
  ['interval: 90m', '90m'],
  ['interval: 0', 'by hand'],
  ['interval: 90m, retired: true', 'retired'],
])('an upstream with %s is asked: %s', async (options, interval) => {
  const config = configOf(await loadText(`upstreams: [{ name: a, url: ./a, ${options} }]`));
  expect(summarize(config).upstreams).toMatchObject([{ interval }]);
});

test.each([
  ['https://a.corp', '', 'none'],
  ['https://a.corp', 'auth: { username: canary, password: canary }', 'user name and password'],
  ['https://a.corp', 'auth: { token: canary }', 'bearer token'],
  ['https://a.corp', 'auth: { headers: { X-Key: canary, B: canary } }', 'own header X-Key, B'],
  ['a.corp', 'auth: { dockerConfig: /etc/hosts }', 'Docker config file'],
  ['public.ecr.aws', 'auth: { provider: aws }', 'AWS identity of the environment'],
  [
    's3://abc',
    'auth: { provider: aws, accessKeyId: canary, secretAccessKey: canary, roleArn: "arn:aws:iam::111122223333:role/x" }',
    'AWS keys, role arn:aws:iam::111122223333:role/x',
  ],
  ['gcr.io', 'auth: { provider: gcp }', 'Google identity of the environment'],
  ['gs://abc', 'auth: { provider: gcp, keyFile: /etc/hosts }', 'Google key file'],
  ['a.azurecr.io', 'auth: { provider: azure, clientId: c }', 'Azure identity of the environment'],
  ['a.azurecr.io', 'auth: { provider: azure, clientId: c, tenantId: t, clientSecret: canary }', 'Azure application'],
])('%s with { %s } authenticates with: %s, in the words of the credentials themselves', async (url, options, auth) => {
  const config = configOf(await loadText(`upstreams: [{ name: a, url: "${url}", ${options} }]`));
  const summary = summarize(config);
  expect(summary.upstreams).toMatchObject([{ auth }]);
  expect(JSON.stringify(summary)).not.toContain('canary');
  const [one] = config.upstreams;
  expect(one && 'auth' in one && one.auth ? wordsOf(one.auth) : 'none').toBe(auth);
});

test.each([
  ['https://a.corp', '', 'client certificate'],
  ['https://a.corp', 'auth: { token: canary },', 'bearer token, client certificate'],
  ['http://a.corp', '', 'none'],
  ['oci://a.corp', '', 'client certificate'],
  ['oci://a.corp', 'plainHTTP: true,', 'none'],
  ['s3://abc', '', 'client certificate'],
  ['s3://abc', 'endpoint: "http://s3.corp",', 'none'],
])(
  '%s with { %s } and a certificate of ours authenticates with: %s, since nobody shows one without TLS',
  async (url, options, auth) => {
    const tls = 'tls: { certFile: /etc/hosts, keyFile: /etc/hosts }';
    const config = configOf(await loadText(`upstreams: [{ name: a, url: "${url}", ${options} ${tls} }]`));
    expect(summarize(config).upstreams).toMatchObject([{ auth }]);
  },
);

test.each([
  ['', undefined, 'none'],
  ['verify: { mode: off }', undefined, 'none'],
  ['verify: { keyring: k.gpg, mode: report }', undefined, 'report'],
  ['verify: { keyring: k.gpg }', { keys: 1, usable: 1 }, 'require, 1 key'],
  ['verify: { keyring: k.gpg }', { keys: 3, usable: 2 }, 'require, 3 keys'],
])('an upstream with { %s } and a keyring of %o verifies: %s', async (options, count, verify) => {
  const file = await writeConfig(`upstreams: [{ name: a, url: ./a, ${options} }]`);
  await writeFile(join(dirname(file), 'k.gpg'), Buffer.of(0x99));
  const config = configOf(await loadConfig(file, {}, count && (async () => count)));
  expect(summarize(config).upstreams).toMatchObject([{ verify }]);
});

test.each([
  ['', 'none'],
  ['charts: ["*"], versions: "*", listNewest: 5', 'lists the newest 5'],
  ['charts: ["*", "!b"], overlap: merge', 'merge; charts *, !b'],
  ['versions: { nginx: ">=15", "*": ^1 }', 'versions nginx >=15, ^1'],
  ['prereleases: false, deprecated: false, cooldown: 90m', 'no prereleases; nothing deprecated; cooldown 90m'],
  ['owners: { b: a }, deny: [nginx, loki@<2]', 'b from a alone; denies nginx, loki@<2'],
  ['versions: { nginx: ">=15", "*": "*" }, charts: [a, b, c, d, e]', 'charts a, b, c and 2 more; versions nginx >=15'],
  [`deny: [loki@sha256:${'0f'.repeat(32)}]`, 'denies loki@sha256:0f0f0f0f0f0f…'],
])('a repository with { %s } has the rules: %s', async (options, rules) => {
  const text = `upstreams: [{ name: a, url: ./a }]\nrepositories: [{ name: r, ${options} }]`;
  const { repositories } = summarize(configOf(await loadText(text)));
  expect(repositories).toEqual([{ name: 'r', answersAt: '/, /r/', upstreams: 'a', rules }]);
});

const upstream = 'a';
const registry = new URL('https://a.corp');
const reach = { trusted: [registry], archiveHosts: [], allowPrivateNetwork: false } as const;
const clock = new ManualClock();
const proxy = { noProxy: '' };

function wordsOf(auth: UpstreamAuth): string {
  switch (auth.kind) {
    case 'password':
      return passwordLogin(upstream, auth.username, auth.password).description;
    case 'token':
      return tokenLogin(upstream, auth.token).description;
    case 'headers':
      return headersAuthorization({ upstream, headers: auth.headers, inner: anonymous, reach }).describe();
    case 'docker-config':
      return dockerConfigLogin({ ...auth, upstream, registry, path: '', clock }).description;
    case 'aws':
      return ecrLogin({ upstream, registry, auth, clock, proxy }).description;
    case 'gcp':
      return googleTokens({ upstream, auth, clock, proxy }).description;
    case 'azure':
      return azureLogin({ upstream, registry, auth, clock, proxy, ask: () => Promise.reject(new Error('asked')) })
        .description;
  }
}

test.each([
  ['https://a.corp/charts?sig=canary', 'https://a.corp/charts'],
  ['https://a.corp:8443', 'https://a.corp:8443/'],
  [
    'https://dl.cloudsmith.io/cAn4ryC0nary/org/repo/helm/charts',
    'https://dl.cloudsmith.io/[secret]/org/repo/helm/charts',
  ],
  ['oci://ghcr.io/a/b', 'oci://ghcr.io/a/b'],
  ['oci://a.corp', 'oci://a.corp'],
  ['s3://charts/stable', 's3://charts/stable'],
  ['/srv/charts', 'file:///srv/charts'],
])('%s is shown as %s', async (url, shown) => {
  const config = configOf(await loadText(`upstreams: [{ name: a, url: "${url}" }]`));
  expect(summarize(config).upstreams).toMatchObject([{ url: shown }]);
});
