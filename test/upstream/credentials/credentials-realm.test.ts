import { describe, expect, it } from 'vitest';

import { trustOfRealm } from '../../../src/upstream/credentials/token-realm.ts';
import type { Reach } from '../../../src/upstream/http/reach.ts';

/** What the configuration says of a registry, with further origins that receive the credentials. */
const reachOf = (registry: string, ...others: readonly string[]): Reach => ({
  trusted: [new URL(registry), ...others.map((one) => new URL(one))],
  archiveHosts: [],
  allowPrivateNetwork: false,
});

describe('a token service', () => {
  it.each([
    ['https://registry.corp', 'https://registry.corp/token', 'credentials'],
    ['https://registry.corp', 'https://REGISTRY.corp:443/token', 'credentials'],
    ['https://registry.corp', 'https://registry.corp:8443/token', 'anonymous'],
    ['http://registry.corp', 'https://registry.corp/token', 'anonymous'],
    ['https://registry.corp', 'http://registry.corp/token', 'refused'],
    ['https://registry.corp', 'https://auth.registry.corp/token', 'anonymous'],
    ['https://registry.corp', 'https://registry.corp.evil.example/token', 'anonymous'],
    ['https://registry.corp', 'https://registry.corp./token', 'anonymous'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5000/token', 'credentials'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token', 'refused'],
    ['http://registry.corp', 'http://auth.corp/token', 'anonymous'],
    ['http://registry.corp', 'ftp://registry.corp/token', 'refused'],
    ['https://registry.corp', 'file:///etc/passwd', 'refused'],
    ['https://registry-1.docker.io', 'https://auth.docker.io/token', 'credentials'],
    ['https://registry-1.docker.io', 'https://auth.docker.io:8443/token', 'anonymous'],
    ['https://registry-1.docker.io', 'https://auth.docker.io.evil.example/token', 'anonymous'],
    ['https://registry-1.docker.io.evil.example', 'https://auth.docker.io/token', 'anonymous'],
    ['http://registry-1.docker.io', 'https://auth.docker.io/token', 'anonymous'],
    ['https://registry-1.docker.io:8443', 'https://auth.docker.io/token', 'anonymous'],
    ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth', 'credentials'],
    ['https://registry.gitlab.com', 'https://evilgitlab.com/jwt/auth', 'anonymous'],
    ['https://registry.digitalocean.com', 'https://api.digitalocean.com/v2/registry/auth', 'credentials'],
    ['https://us.gcr.io', 'https://gcr.io/v2/token', 'credentials'],
    ['https://us.gcr.io', 'https://evil-gcr.io/v2/token', 'anonymous'],
    ['https://us-docker.pkg.dev', 'https://us-docker.pkg.dev/v2/token', 'credentials'],
    ['https://us-docker.pkg.dev', 'https://eu-docker.pkg.dev/v2/token', 'anonymous'],
    ['https://fra.ocir.io', 'https://fra.ocir.io/20180419/docker/token', 'credentials'],
    ['https://fra.ocir.io', 'https://eu-frankfurt-1.ocir.io/token', 'anonymous'],
    ['https://ghcr.io', 'https://auth.docker.io/token', 'anonymous'],
  ])('of %s at %s gets: %s', (registry, realm, trust) => {
    expect(trustOfRealm(reachOf(registry), new URL(registry), new URL(realm))).toBe(trust);
  });

  it.each([
    ['https://registry.corp', 'https://registry.corp:8443', 'https://registry.corp:8443/token', 'credentials'],
    ['https://registry.corp', 'https://auth.corp', 'https://auth.corp/token', 'credentials'],
    ['https://registry.corp', 'https://auth.corp', 'https://auth.corp:8443/token', 'anonymous'],
    ['http://registry.corp', 'http://10.1.2.3:5001', 'http://10.1.2.3:5001/token', 'credentials'],
    ['https://registry.corp', 'http://auth.corp', 'http://auth.corp/token', 'refused'],
  ])('of %s that is named in passCredentials, %s, at %s gets: %s', (registry, other, realm, trust) => {
    expect(trustOfRealm(reachOf(registry, other), new URL(registry), new URL(realm))).toBe(trust);
  });

  it.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0/',
    'https://10.1.2.3/',
    'https://172.16.0.1/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://169.254.169.254/',
    'https://0xA9FEA9FE/',
    'https://2852039166/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://localhost/',
    'https://a.localhost./',
  ])('at %s, inside, is not asked by a registry elsewhere, unless it may lead there', (realm) => {
    const registry = new URL('https://registry.corp');
    const reach = reachOf(registry.origin);
    expect(trustOfRealm(reach, registry, new URL(realm))).toBe('refused');
    expect(trustOfRealm({ ...reach, allowPrivateNetwork: true }, registry, new URL(realm))).toBe('anonymous');
  });
});
