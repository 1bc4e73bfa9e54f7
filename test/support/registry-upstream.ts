import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { Upstream } from '../../src/upstream/contract.ts';
import { passwordLogin } from '../../src/upstream/credentials/login.ts';
import { registryAuthorization } from '../../src/upstream/credentials/registry.ts';
import { registryAddress } from '../../src/upstream/registry/address.ts';
import { ociRegistry, type OciRegistryOptions } from '../../src/upstream/registry/oci-registry.ts';
import { httpClientOf, type HttpClientSettings } from './http.ts';

interface RegistryUpstreamOptions extends Partial<Pick<OciRegistryOptions, 'charts' | 'maxPages' | 'concurrency'>> {
  /** The upstream's name; `fixture` when absent. */
  readonly name?: string;
  readonly credential?: { readonly username: string; readonly password: string } | undefined;
  /** Origins besides its own that receive the credential, such as its token service. */
  readonly passCredentials?: readonly string[];
  /** What its client is to have besides, or instead. */
  readonly access?: HttpClientSettings;
  readonly clock?: Clock;
}

/** A registry on loopback as an upstream, put together as the program does. Closed with the test. */
export function registryUpstream(origin: string, path: string, options: RegistryUpstreamOptions = {}): Upstream {
  const {
    name = 'fixture',
    credential,
    passCredentials = [],
    charts = [],
    clock = systemClock,
    access,
    ...rest
  } = options;
  const { host, protocol } = new URL(origin);
  const address = registryAddress(name, `oci://${host}/${path}`, protocol === 'http:');
  const login = credential && passwordLogin(name, Secret.of(credential.username), Secret.of(credential.password));
  const trusted = [address.origin, ...passCredentials.map((one) => new URL(one))] as const;
  const reach = { trusted, archiveHosts: [], allowPrivateNetwork: true };
  const authorization = registryAuthorization({ upstream: name, reach, login, clock });
  const http = httpClientOf(address.origin.href, { upstream: name, authorization, clock, reach, ...access });
  return ociRegistry({ name, address, charts, http, clock, ...rest });
}
