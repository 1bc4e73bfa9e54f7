import { describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/lib/clock.ts';
import { azureDiscovery } from '../../../src/upstream/discovery/azure.ts';
import type { DiscoveryParts } from '../../../src/upstream/discovery/discovery.ts';
import { childrenBelow } from '../../../src/upstream/discovery/google-children.ts';
import { quayDiscovery } from '../../../src/upstream/discovery/quay.ts';
import { registryAddress } from '../../../src/upstream/registry/address.ts';
import { faultUpstream, type FaultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, httpClientOf, never } from '../../support/http.ts';

function partsOf({ origin }: FaultUpstream): DiscoveryParts {
  const address = registryAddress('corp', `oci://${new URL(origin).host}/acme/charts`, true);
  const reach = { trusted: [address.origin] as const, archiveHosts: [], allowPrivateNetwork: true };
  const http = httpClientOf(origin, { upstream: 'corp' });
  return { upstream: 'corp', address, http, reach, login: undefined, openApi: () => http, clock: systemClock };
}

const all = (): boolean => true;

describe('a listing that is not there', () => {
  it.each([
    ['Azure Container Registry', azureDiscovery],
    ['Quay', quayDiscovery],
  ])('of %s is a fault, and no empty one', async (_, discoveryOf) => {
    const server = await faultUpstream({ otherwise: () => ({ status: 404 }) });
    const fault = await faultOf(discoveryOf(partsOf(server)).repositories(all, never));
    expect(fault.code).toBe('invalid-reference');
  });
});

describe("what Google's registries say is below a path", () => {
  const tagsOf = (child: readonly unknown[]) => ({
    body: JSON.stringify({ child, manifest: { [`sha256:${'a'.repeat(64)}`]: { tag: ['1.0.0'] } } }),
  });

  it('is found however deep, and nothing that is no name is asked for', async () => {
    const path = Array.from({ length: 20 }, (_, at) => `p${at}`);
    const server = await faultUpstream({
      otherwise: ({ target }) => {
        const depth = target.split('/').length - 5;
        return tagsOf(depth < path.length ? [path[depth], '..', 'a/../../b', 'Upper', 5.5, null, '?x=1'] : []);
      },
    });
    const found = await childrenBelow(partsOf(server), 'acme', all, never);
    expect(found.at(-1)?.repository).toBe(['acme', ...path].join('/'));
    expect(server.requests).toHaveLength(1 + path.length);
  });

  it('is refused when it is too much, without asking for it', async () => {
    const many = Array.from({ length: 10_000 }, (_, at) => `chart-${at}`);
    const server = await faultUpstream({ otherwise: () => tagsOf(many) });
    const fault = await faultOf(childrenBelow(partsOf(server), 'acme', all, never));
    expect([fault.code, server.requests.length]).toEqual(['listing-invalid', 1]);
  });
});
