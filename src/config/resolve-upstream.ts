import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { AuthOptions } from './access-schema.ts';
import { isAuthFor } from './auth.ts';
import type { ProxyConfig, RemoteUpstreamConfig, UpstreamAuth, UpstreamConfig, UpstreamTls } from './config.ts';
import type { OptionSchema } from './options.ts';
import { versionRules } from './resolve-repository.ts';
import type { UpstreamOptions } from './schema.ts';
import { defaultsSchema } from './upstream-schema.ts';
import { type Place, readPlace } from './upstream-url.ts';
import { resolveVerify } from './verify.ts';

type Always =
  | 'interval'
  | 'retired'
  | 'mirror'
  | 'rewritten'
  | 'withdrawn'
  | 'maxShrink'
  | 'discover'
  | 'plainHTTP'
  | 'allowPrivateNetwork'
  | 'timeout'
  | 'retries'
  | 'concurrency'
  | 'requestsPerSecond'
  | 'maxIndexBytes'
  | 'maxArchiveBytes';

/** Options of an upstream with a value for each that has a default. */
type Completed = UpstreamOptions & { readonly [K in Always]: NonNullable<UpstreamOptions[K]> };

/** What an upstream says itself goes before what was said for all of them, option by option. */
export function complete(base: Completed, own: UpstreamOptions): Completed {
  const said = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return { ...base, ...said };
}

/** What the schema documents as the default of an upstream's options, read as if it had been written. */
export function builtInDefaults(options: OptionSchema): Completed {
  const known = Object.entries(options.properties?.['defaults']?.properties ?? {});
  const written = known
    .filter(([, option]) => option.default !== undefined)
    .map(([key, option]) => [key, option.default]);
  return defaultsSchema.parse(Object.fromEntries(written)) as Completed;
}

/** What an upstream alone can say. */
interface Identity {
  readonly name: string;
  readonly url: string;
  readonly endpoint: string | undefined;
}

/** What is the same for all upstreams. */
interface Surroundings {
  /** Relative paths begin here. */
  readonly folder: string;
  readonly proxy: ProxyConfig;
}

/** One upstream of a valid file. */
export function resolveUpstream(identity: Identity, written: Completed, surroundings: Surroundings): UpstreamConfig {
  const { name, url, endpoint } = identity;
  const place = readPlace(url, written.type);
  if ('option' in place) throw new Error(place.message);
  const { interval: intervalMs, retired, mirror, rewritten, withdrawn, maxShrink } = written;
  const { retries, concurrency, maxArchiveBytes, maxIndexBytes, discover } = written;
  const remembering = { intervalMs, retired, mirror, rewritten, withdrawn, maxShrink };
  const common = {
    name,
    versions: versionRules(written.versions),
    ...remembering,
    verify: resolveVerify(written.verify),
    retries,
    concurrency,
    maxArchiveBytes,
  };
  const charts = written.charts ?? ['*'];
  if (place.type === 'folder') {
    const path = resolve(surroundings.folder, place.url);
    return { ...common, type: place.type, url: pathToFileURL(path).href, path, charts };
  }
  const remote = { ...common, ...resolveAccess(written, place, surroundings), url: place.url };
  if (place.type === 'bucket') return { ...remote, type: place.type, endpoint, charts, maxIndexBytes };
  if (place.type === 'chart-repository') return { ...remote, type: place.type, charts, maxIndexBytes };
  return { ...remote, type: place.type, discover, charts: discover ? charts : (written.charts ?? []) };
}

type Access = Pick<
  RemoteUpstreamConfig,
  | 'auth'
  | 'tls'
  | 'plainHTTP'
  | 'archiveHosts'
  | 'passCredentials'
  | 'allowPrivateNetwork'
  | 'proxy'
  | 'timeoutMs'
  | 'requestsPerSecond'
>;

function resolveAccess(written: Completed, place: Place, { folder, proxy }: Surroundings): Access {
  const { plainHTTP, allowPrivateNetwork, archiveHosts = [], passCredentials = [] } = written;
  const { timeout: timeoutMs, requestsPerSecond } = written;
  const auth = written.auth && resolveAuth(written.auth, folder);
  return {
    // those of the defaults are for the upstreams they are for
    auth: auth && isAuthFor(auth.kind, place) ? auth : undefined,
    tls: resolveTls(written.tls, folder),
    plainHTTP,
    archiveHosts,
    passCredentials,
    allowPrivateNetwork,
    proxy: written.proxy ? { http: written.proxy, https: written.proxy, noProxy: '' } : proxy,
    timeoutMs,
    requestsPerSecond,
  };
}

function resolveAuth(written: AuthOptions, folder: string): UpstreamAuth {
  const { username, password, token, headers, dockerConfig: file, allowHelpers = false } = written;
  if (username && password) return { kind: 'password', username, password };
  if (token) return { kind: 'token', token };
  if (headers) return { kind: 'headers', headers };
  if (file !== undefined) return { kind: 'docker-config', file: resolve(folder, file), allowHelpers };
  return resolveProvider(written, folder);
}

function resolveProvider(written: AuthOptions, folder: string): UpstreamAuth {
  const { provider: kind } = written;
  if (kind === 'aws') {
    const { region, roleArn, accessKeyId, secretAccessKey } = written;
    const keys = accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
    return { kind, region, roleArn, keys };
  }
  if (kind === 'gcp') return { kind, keyFile: absolute(folder, written.keyFile) };
  if (kind === undefined) throw new Error('auth has no shape');
  const { tenantId, clientId, clientSecret } = written;
  return { kind, tenantId, clientId, clientSecret };
}

function resolveTls(written: UpstreamOptions['tls'], folder: string): UpstreamTls {
  return {
    caFile: absolute(folder, written?.caFile),
    certFile: absolute(folder, written?.certFile),
    keyFile: absolute(folder, written?.keyFile),
    insecureSkipTLSVerify: written?.insecureSkipTLSVerify ?? false,
  };
}

function absolute(folder: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(folder, path);
}
