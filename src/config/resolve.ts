import { dirname, resolve } from 'node:path';

import type { Config, ProxyConfig, ServerConfig, StoreConfig } from './config.ts';
import type { OptionSchema } from './options.ts';
import { resolveRepositories } from './resolve-repository.ts';
import { builtInDefaults, complete, resolveUpstream } from './resolve-upstream.ts';
import type { FileOptions } from './schema.ts';

/**
 * A validated file as the rest of the program takes it: defaults applied, paths absolute. `proxy` is for upstreams that
 * say nothing of the way out.
 */
export function resolveConfig(file: string, written: FileOptions, options: OptionSchema, proxy: ProxyConfig): Config {
  const folder = dirname(resolve(file));
  const common = complete(builtInDefaults(options), written.defaults);
  return {
    file,
    server: resolveServer(written.server, folder),
    store: resolveStore(written.store, folder),
    upstreams: written.upstreams.map(({ name, url, endpoint, ...own }) =>
      resolveUpstream({ name, url, endpoint }, complete(common, own), { folder, proxy }),
    ),
    repositories: resolveRepositories(
      written.repositories,
      written.upstreams.map(({ name }) => name),
    ),
    log: { level: written.log.level, format: written.log.format },
  };
}

function resolveServer(written: FileOptions['server'], folder: string): ServerConfig {
  const { tls } = written;
  return {
    listen: written.listen,
    operations: written.operations,
    adminToken: written.adminToken,
    publicUrl: written.publicUrl,
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
