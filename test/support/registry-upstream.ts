import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { Upstream } from '../../src/upstream/contract.ts';
import { registryAuthorization } from '../../src/upstream/credentials/registry.ts';
import { ociRegistry, type OciRegistryOptions } from '../../src/upstream/oci-registry.ts';
import { registryAddress } from '../../src/upstream/registry-address.ts';
import { httpClientOf } from './http.ts';

interface RegistryUpstreamOptions extends Partial<Pick<OciRegistryOptions, 'charts' | 'maxPages' | 'concurrency'>> {
  /** The upstream's name; `fixture` when absent. */
  readonly name?: string;
  readonly credential?: { readonly username: string; readonly password: string } | undefined;
  readonly clock?: Clock;
}

/** A registry on loopback as an upstream, put together as the program does. Closed with the test. */
export function registryUpstream(origin: string, path: string, options: RegistryUpstreamOptions = {}): Upstream {
  const { name = 'fixture', credential, charts = [], clock = systemClock, ...rest } = options;
  const address = registryAddress(name, `oci://${new URL(origin).host}/${path}`, true);
  const known = credential && { username: credential.username, password: Secret.of(credential.password) };
  const authorization = registryAuthorization({ upstream: name, registry: address.origin, credential: known, clock });
  const http = httpClientOf(address.origin.href, { upstream: name, authorization, clock });
  return ociRegistry({ name, address, charts, http, clock, ...rest });
}
