import { describe, expect, it } from 'vitest';

import { parseChallenges } from '../../../src/upstream/credentials/challenge.ts';

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

  it('is not remembered beyond what real ones have', () => {
    const read = parseChallenges(`Bearer realm="https://a/", scope="${'x'.repeat(10_000)}", service="y"`);
    expect(read[0]?.params.get('realm')).toBe('https://a/');
    expect(JSON.stringify(read.map(({ params }) => [...params])).length).toBeLessThan(2100);
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
