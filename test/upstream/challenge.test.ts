import { describe, expect, it } from 'vitest';

import { parseChallenges } from '../../src/upstream/credentials/challenge.ts';
import { trustOfRealm } from '../../src/upstream/credentials/token-realm.ts';

/** What real registries send. */
const corpus: [registry: string, header: string, ...schemes: object[]][] = [
  [
    'Docker Hub',
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:samalba/my-app:pull,push"',
    {
      bearer: {
        realm: 'https://auth.docker.io/token',
        service: 'registry.docker.io',
        scope: 'repository:samalba/my-app:pull,push',
      },
    },
  ],
  [
    'GHCR',
    'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"',
    { bearer: { realm: 'https://ghcr.io/token', service: 'ghcr.io', scope: 'repository:user/image:pull' } },
  ],
  [
    'GAR',
    'Bearer realm="https://us-docker.pkg.dev/v2/token"',
    { bearer: { realm: 'https://us-docker.pkg.dev/v2/token' } },
  ],
  [
    'GCR, unquoted',
    'Bearer realm="https://gcr.io/v2/token",service=gcr.io',
    { bearer: { realm: 'https://gcr.io/v2/token', service: 'gcr.io' } },
  ],
  [
    'ECR',
    'Basic realm="https://123456789.dkr.ecr.eu-central-1.amazonaws.com/",service="ecr.amazonaws.com"',
    { basic: { realm: 'https://123456789.dkr.ecr.eu-central-1.amazonaws.com/', service: 'ecr.amazonaws.com' } },
  ],
  [
    'ECR public',
    'Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws"',
    { bearer: { realm: 'https://public.ecr.aws/token/', service: 'public.ecr.aws', scope: 'aws' } },
  ],
  [
    'ACR',
    'Bearer realm="https://contosoregistry.azurecr.io/oauth2/token",service="contosoregistry.azurecr.io",scope="registry:catalog:*"',
    {
      bearer: {
        realm: 'https://contosoregistry.azurecr.io/oauth2/token',
        service: 'contosoregistry.azurecr.io',
        scope: 'registry:catalog:*',
      },
    },
  ],
  [
    'Quay',
    'Bearer realm="https://quay.io/v2/auth",service="quay.io"',
    { bearer: { realm: 'https://quay.io/v2/auth', service: 'quay.io' } },
  ],
  [
    'Harbor without a token',
    'Bearer realm="https://h/service/token",service="harbor-registry",scope="repository:proj/x:pull"',
    { bearer: { realm: 'https://h/service/token', service: 'harbor-registry', scope: 'repository:proj/x:pull' } },
  ],
  ['Harbor with an expired token', 'Basic realm="harbor"', { basic: { realm: 'harbor' } }],
  [
    'GitLab',
    'Bearer realm="https://gitlab.com/jwt/auth",service="container_registry",scope="registry:catalog:*",error="insufficient_scope"',
    {
      bearer: {
        realm: 'https://gitlab.com/jwt/auth',
        service: 'container_registry',
        scope: 'registry:catalog:*',
        error: 'insufficient_scope',
      },
    },
  ],
  [
    'Gitea, two in one',
    'Bearer realm="https://git/v2/token",service="container_registry",scope="*", Basic realm="Gitea Container Registry"',
    { bearer: { realm: 'https://git/v2/token', service: 'container_registry', scope: '*' } },
    { basic: { realm: 'Gitea Container Registry' } },
  ],
  ['old Gitea, bare', 'Basic', { basic: {} }],
  ['Artifactory', 'Basic realm="Artifactory Realm"', { basic: { realm: 'Artifactory Realm' } }],
  [
    'Nexus, upper case',
    'BASIC realm="Sonatype Nexus Repository Manager"',
    { basic: { realm: 'Sonatype Nexus Repository Manager' } },
  ],
  [
    'Nexus with tokens',
    'Bearer realm="https://h/v2/token",service="https://h/v2/token"',
    { bearer: { realm: 'https://h/v2/token', service: 'https://h/v2/token' } },
  ],
  [
    'DigitalOcean',
    'Bearer realm="https://api.digitalocean.com/v2/registry/auth",service="registry.digitalocean.com",scope="registry:catalog:*"',
    {
      bearer: {
        realm: 'https://api.digitalocean.com/v2/registry/auth',
        service: 'registry.digitalocean.com',
        scope: 'registry:catalog:*',
      },
    },
  ],
  [
    'OCIR',
    'Bearer realm="https://fra.ocir.io/20180419/docker/token",service="fra.ocir.io"',
    { bearer: { realm: 'https://fra.ocir.io/20180419/docker/token', service: 'fra.ocir.io' } },
  ],
  [
    'distribution',
    'Bearer realm="https://h/token",service="s",error="invalid_token"',
    { bearer: { realm: 'https://h/token', service: 's', error: 'invalid_token' } },
  ],
  ['zot, lower case and unquoted', 'bearer realm=https://h/token', { bearer: { realm: 'https://h/token' } }],
  [
    'zot, empty scope',
    'Bearer realm="https://h/t",service="s",scope=""',
    { bearer: { realm: 'https://h/t', service: 's', scope: '' } },
  ],
  ['a token after the scheme', 'Negotiate abc==, Basic realm="x"', { negotiate: {} }, { basic: { realm: 'x' } }],
  [
    'blanks and an escape',
    ' Basic  realm = "a \\"b\\" c" , charset="UTF-8"',
    { basic: { realm: 'a "b" c', charset: 'UTF-8' } },
  ],
  [
    'a parameter that stands twice',
    'Bearer realm="https://a/",realm="https://b/"',
    { bearer: { realm: 'https://a/' } },
  ],
  ['a quote that never ends', 'Basic realm="abc', { basic: { realm: 'abc' } }],
  ['nonsense', '==,"",;;\u0000'],
];

describe('a challenge', () => {
  it.each(corpus.map(([registry, header, ...schemes]) => ({ registry, header, schemes })))(
    'of $registry is read',
    ({ header, schemes }) => {
      const read = parseChallenges(header).map(({ scheme, params }) => ({ [scheme]: Object.fromEntries(params) }));
      expect(read).toEqual(schemes);
    },
  );

  it('may come in several headers, or in none', () => {
    expect(parseChallenges(['Basic realm="a"', 'Bearer realm="b"']).map(({ scheme }) => scheme)).toEqual([
      'basic',
      'bearer',
    ]);
    expect(parseChallenges(undefined)).toEqual([]);
  });

  it('of any length is read in no time', () => {
    for (const header of [
      'a,'.repeat(50_000),
      'Basic realm="' + '\\'.repeat(100_000),
      `Basic ${' '.repeat(100_000)}x`,
    ]) {
      expect(() => parseChallenges(header)).not.toThrow();
    }
  });
});

describe('a token service', () => {
  it.each([
    ['https://registry.corp', 'https://registry.corp/token', 'credentials'],
    ['https://registry.corp', 'https://registry.corp:8443/token', 'credentials'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token', 'credentials'],
    ['http://127.0.0.1:5000', 'https://127.0.0.1:5001/token', 'credentials'],
    ['https://registry.corp', 'http://registry.corp/token', 'refused'],
    ['https://registry.corp', 'https://auth.registry.corp/token', 'anonymous'],
    ['https://registry.corp', 'https://registry.corp.evil.example/token', 'anonymous'],
    ['https://registry-1.docker.io', 'https://auth.docker.io/token', 'credentials'],
    ['https://registry-1.docker.io', 'https://auth.docker.io:8443/token', 'anonymous'],
    ['https://registry-1.docker.io', 'https://auth.docker.io.evil.example/token', 'anonymous'],
    ['http://registry-1.docker.io', 'https://auth.docker.io/token', 'anonymous'],
    ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth', 'credentials'],
    ['https://registry.digitalocean.com', 'https://api.digitalocean.com/v2/registry/auth', 'credentials'],
    ['https://us.gcr.io', 'https://gcr.io/v2/token', 'credentials'],
    ['https://fra.ocir.io', 'https://eu-frankfurt-1.ocir.io/token', 'credentials'],
    ['https://ghcr.io', 'https://auth.docker.io/token', 'anonymous'],
    ['http://registry.corp', 'http://auth.corp/token', 'refused'],
  ])('of %s at %s gets: %s', (registry, realm, trust) => {
    expect(trustOfRealm(new URL(registry), new URL(realm))).toBe(trust);
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
  ])('at %s, inside, is not asked by a registry elsewhere', (realm) => {
    expect(trustOfRealm(new URL('https://registry.corp'), new URL(realm))).toBe('refused');
  });
});
