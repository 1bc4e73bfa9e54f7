import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { Config, ServerConfig, StoreConfig, UpstreamConfig } from './config.ts';
import type { OptionSchema } from './options.ts';
import type { FileOptions, UpstreamOptions } from './schema.ts';
import { defaultsSchema } from './upstream-schema.ts';
import { readPlace } from './upstream-url.ts';

/** A validated file as the rest of the program takes it: defaults applied, paths absolute. */
export function resolveConfig(file: string, written: FileOptions, options: OptionSchema): Config {
  const folder = dirname(resolve(file));
  const common = complete(builtInDefaults(options), written.defaults);
  return {
    file,
    server: resolveServer(written.server, folder),
    store: resolveStore(written.store, folder),
    upstreams: written.upstreams.map(({ name, url, ...own }) =>
      resolveUpstream(name, url, complete(common, own), folder),
    ),
    log: { level: written.log.level, format: written.log.format },
  };
}

type Always =
  | 'interval'
  | 'retired'
  | 'mirror'
  | 'rewritten'
  | 'withdrawn'
  | 'maxShrink'
  | 'plainHTTP'
  | 'timeout'
  | 'retries'
  | 'concurrency'
  | 'requestsPerSecond'
  | 'maxIndexBytes'
  | 'maxArchiveBytes';

/** Options of an upstream with a value for each that has a default. */
type Completed = UpstreamOptions & { readonly [K in Always]: NonNullable<UpstreamOptions[K]> };

/** What an upstream says itself goes before what was said for all of them, option by option. */
function complete(base: Completed, own: UpstreamOptions): Completed {
  const said = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return { ...base, ...said };
}

/** What the schema documents as the default of an upstream's options, read as if it had been written. */
function builtInDefaults(options: OptionSchema): Completed {
  const known = Object.entries(options.properties?.['defaults']?.properties ?? {});
  const written = known
    .filter(([, option]) => option.default !== undefined)
    .map(([key, option]) => [key, option.default]);
  return defaultsSchema.parse(Object.fromEntries(written)) as Completed;
}

function resolveServer(written: FileOptions['server'], folder: string): ServerConfig {
  const { tls } = written;
  return {
    listen: written.listen,
    operations: written.operations,
    adminToken: written.adminToken,
    tls: tls && { certFile: resolve(folder, tls.certFile), keyFile: resolve(folder, tls.keyFile) },
    coldWaitMs: written.coldWait,
    shutdownGraceMs: written.shutdownGrace,
  };
}

function resolveStore(written: FileOptions['store'], folder: string): StoreConfig {
  const { s3, filesystem = { path: './data' } } = written ?? {};
  if (!s3) return { kind: 'filesystem', path: resolve(folder, filesystem.path) };
  const { accessKeyId, secretAccessKey, endpoint, region, bucket, prefix = '', pathStyle, createBucket } = s3;
  const keys = accessKeyId !== undefined && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
  return { kind: 's3', endpoint, region, bucket, prefix, keys, pathStyle, createBucket };
}

function resolveUpstream(name: string, url: string, written: Completed, folder: string): UpstreamConfig {
  const place = readPlace(url, written.type);
  if ('option' in place) throw new Error(place.message);
  const { interval: intervalMs, retired, mirror, rewritten, withdrawn, maxShrink } = written;
  const { retries, concurrency, maxArchiveBytes } = written;
  const remembering = { intervalMs, retired, mirror, rewritten, withdrawn, maxShrink };
  const common = { name, ...remembering, retries, concurrency, maxArchiveBytes };
  if (place.type === 'folder') {
    const path = resolve(folder, place.url);
    return { ...common, type: place.type, url: pathToFileURL(path).href, path, charts: written.charts ?? ['*'] };
  }
  const { auth, plainHTTP, timeout: timeoutMs, requestsPerSecond, maxIndexBytes } = written;
  const remote = { ...common, url: place.url, auth, plainHTTP, timeoutMs, requestsPerSecond };
  if (place.type === 'registry') return { ...remote, type: place.type, charts: written.charts ?? [] };
  return { ...remote, type: place.type, charts: written.charts ?? ['*'], maxIndexBytes };
}
