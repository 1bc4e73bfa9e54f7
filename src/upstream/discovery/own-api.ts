import { preemptiveAuthorization } from '../credentials/preemptive.ts';
import type { HttpClient } from '../http/http.ts';
import type { DiscoveryParts } from './discovery.ts';

/**
 * A client of the API on the registry's own origin, opened when it is needed first. It says who we are with every
 * request: an API that answers strangers, too, would show them less and never ask.
 */
export function ownApi({ upstream, address, http, login, openApi }: DiscoveryParts): () => HttpClient {
  let opened: HttpClient | undefined;
  return () => {
    if (!login) return http;
    return (opened ??= openApi(address.origin, preemptiveAuthorization({ upstream, login })));
  };
}
