import type { RemoteUpstreamConfig } from '../config/config.ts';
import { anonymous } from '../upstream/credentials/preemptive.ts';
import { openHttpClient, type HttpClientOptions } from '../upstream/http/client.ts';
import type { HttpClient } from '../upstream/http/http.ts';
import { UpstreamLimits } from '../upstream/http/limits.ts';
import type { Reach } from '../upstream/http/reach.ts';
import type { AccessParts } from './access.ts';
import type { RemoteParts } from './parts.ts';

/** Which places the configuration trusts, and how far answers may lead. */
export function reachOf(config: RemoteUpstreamConfig, own: URL): Reach {
  const { passCredentials, archiveHosts, allowPrivateNetwork } = config;
  return { trusted: [own, ...passCredentials.map((origin) => new URL(origin))], archiveHosts, allowPrivateNetwork };
}

/** What credentials of the upstream are made of. */
export function accessParts(config: RemoteUpstreamConfig, reach: Reach, parts: RemoteParts): AccessParts {
  const { clock } = parts;
  const openAnonymous = (origin: URL): HttpClient => {
    // requests that wait for a login may have every turn there is
    const limits = new UpstreamLimits({ concurrency: 1, requestsPerSecond: config.requestsPerSecond, clock });
    return openClient(config, { ...parts, limits }, { reach, homes: [origin], authorization: anonymous });
  };
  return { config, reach, clock, openAnonymous };
}

/** Where a client may go, and whom it says we are. */
export type ClientParts = Pick<HttpClientOptions, 'reach' | 'homes' | 'authorization'>;

/** A client that is closed with everything else, unless it was before. */
export function openClient(config: RemoteUpstreamConfig, parts: RemoteParts, own: ClientParts): HttpClient {
  const client = clientOf(config, parts, own);
  const close = async (): Promise<void> => {
    parts.clients.delete(client);
    await client.close();
  };
  parts.clients.add(client);
  return { ...client, close };
}

/** A client that its caller closes. */
export function clientOf(config: RemoteUpstreamConfig, parts: RemoteParts, own: ClientParts): HttpClient {
  const { clock, log, version, limits, contexts } = parts;
  const { name: upstream, timeoutMs, concurrency, tls, proxy } = config;
  return openHttpClient({
    ...own,
    upstream,
    tls,
    contexts,
    proxy,
    limits,
    timeoutMs,
    connections: concurrency + 2,
    version,
    clock,
    log,
  });
}
