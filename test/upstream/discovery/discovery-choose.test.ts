import { describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/lib/clock.ts';
import { chooseDiscovery } from '../../../src/upstream/discovery/choose.ts';
import type { DiscoveryParts } from '../../../src/upstream/discovery/discovery.ts';
import { registryAddress } from '../../../src/upstream/registry/address.ts';
import { faultUpstream, type FaultUpstream, type Script } from '../../support/fault-upstream.ts';
import { faultOf, httpClientOf, never } from '../../support/http.ts';

function partsOf(server: FaultUpstream, url = `oci://${new URL(server.origin).host}/charts`): DiscoveryParts {
  const address = registryAddress('fixture', url, url.includes('127.0.0.1'));
  const reach = { trusted: [address.origin] as const, archiveHosts: [], allowPrivateNetwork: true };
  const open = (): ReturnType<typeof httpClientOf> => httpClientOf(server.origin, { upstream: 'fixture', reach });
  return { upstream: 'fixture', address, http: open(), reach, login: undefined, openApi: open, clock: systemClock };
}

async function productShown(shown: Script): Promise<string> {
  const server = await faultUpstream();
  server.on('/v2/', shown);
  const { product } = await chooseDiscovery(partsOf(server), never);
  expect(server.requests.map(({ target, headers }) => [target, headers.authorization])).toEqual([['/v2/', undefined]]);
  return product;
}

const challenged = (challenge: string, headers = {}): Script => ({
  status: 401,
  headers: { 'www-authenticate': challenge, ...headers },
});

describe('the product of a registry', () => {
  it.each([
    ['Harbor', challenged('Bearer realm="https://h/service/token",service="harbor-registry"')],
    ['GitLab', challenged('Bearer realm="https://gitlab.corp/jwt/auth",service="container_registry"')],
    ['Gitea', challenged('Bearer realm="https://git/v2/token",service="container_registry",scope="*"')],
    [
      'Gitea',
      challenged('Basic realm="x", Bearer realm="https://git/v2/token",service="container_registry",scope="*"'),
    ],
    ['Quay', challenged('Bearer realm="https://quay.corp/v2/auth",service="quay.corp"')],
    ['Artifactory', challenged('Basic realm="Artifactory Realm"', { 'x-artifactory-id': 'a1' })],
    ['Artifactory', { headers: { 'x-jfrog-version': 'Artifactory/7.77.0' }, body: '{}' }],
    ['Nexus', challenged('BASIC realm="Sonatype Nexus Repository Manager"', { server: 'Nexus/3.71.0 (OSS)' })],
    ['the registry', challenged('Basic realm="Registry"')],
    ['the registry', challenged('Bearer realm="https://auth.corp/token",service="registry.corp"')],
    ['the registry', challenged('Bearer realm="nonsense",service="harbor-registry"')],
    ['the registry', challenged('')],
    // only a 401 challenges
    ['the registry', { headers: { 'www-authenticate': 'Bearer realm="https://h/v2/auth",service="h"' }, body: '{}' }],
    ['the registry', { status: 403 }],
    ['the registry', challenged('Basic realm="a proxy"', { 'content-type': 'text/html' })],
  ])('is %s, by one question of a stranger', async (product, shown) => {
    expect(await productShown(shown)).toBe(product);
  });

  it.each([
    ['GitLab', 'oci://registry.gitlab.com/group/project'],
    ['Amazon ECR', 'oci://123456789012.dkr.ecr.eu-central-1.amazonaws.com'],
    ['Azure Container Registry', 'oci://corp.azurecr.io/charts'],
    ['Docker Hub', 'oci://docker.io/bitnamicharts'],
  ])('is %s where the host says so, which asks nobody', async (product, url) => {
    const server = await faultUpstream();
    expect((await chooseDiscovery(partsOf(server, url), never)).product).toBe(product);
    expect(server.requests).toEqual([]);
  });

  it('is not told from a server that is in trouble', async () => {
    const server = await faultUpstream();
    for (const [status, code] of [
      [500, 'upstream-failed'],
      [503, 'upstream-failed'],
      [429, 'rate-limited'],
    ] as const) {
      server.on('/v2/', { status });
      expect((await faultOf(chooseDiscovery(partsOf(server), never))).code).toBe(code);
    }
  });

  it.each([
    ['nothing', { status: 404 }],
    ['a page for people', { headers: { 'content-type': 'text/html' }, body: '<html>back soon</html>' }],
  ] as const)('is not told from %s, which may be another thing tomorrow', async (_, shown) => {
    const server = await faultUpstream();
    server.on('/v2/', shown);
    expect((await faultOf(chooseDiscovery(partsOf(server), never))).code).toBe('not-a-registry');
  });

  it('is asked for over a connection that ends with the question', async () => {
    const server = await faultUpstream();
    server.on('/v2/', challenged('Basic realm="Registry"'));
    let closed = 0;
    const parts = partsOf(server);
    const openApi: DiscoveryParts['openApi'] = (origin, authorization) => {
      const client = parts.openApi(origin, authorization);
      return { ...client, close: async () => void (closed += 1) };
    };
    await chooseDiscovery({ ...parts, openApi }, never);
    server.on('/v2/', { status: 500 });
    await faultOf(chooseDiscovery({ ...parts, openApi }, never));
    expect(closed).toBe(2);
  });
});
