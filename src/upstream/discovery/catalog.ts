import { RegistryClient } from '../registry/client.ts';
import type { Discovery, DiscoveryParts } from './discovery.ts';
import { cannotBeBrowsed } from './unbrowsable.ts';

/**
 * The registry's own `_catalog` (distribution, zot, Nexus and most others): all repositories of the registry, of which
 * those that are wanted are kept.
 */
export function catalogDiscovery({ upstream, address, http }: DiscoveryParts, product = 'the registry'): Discovery {
  const registry = new RegistryClient({ upstream, origin: address.origin, http });
  return {
    product,
    repositories: async (isWanted, signal) => {
      const names = await registry.catalog(signal);
      if (names) return names.filter(isWanted).map((repository) => ({ repository }));
      await registry.expectRegistry(signal);
      throw cannotBeBrowsed(upstream, product);
    },
  };
}
