import type { UpstreamConfig } from '../config/config.ts';
import { publicUrl, showsCertificate } from '../config/summary.ts';
import type { UpstreamSettings } from '../mirror/settings.ts';
import { folder } from '../upstream/folder/folder.ts';
import { UpstreamLimits } from '../upstream/http/limits.ts';
import { chartOf } from '../upstream/registry/address.ts';
import { openBucket } from './bucket.ts';
import { openChartRepository } from './chart-repository.ts';
import type { Opened, UpstreamParts } from './parts.ts';
import { openRegistry } from './registry.ts';
import { inspectOn } from './threads.ts';

/** An upstream that can be asked. */
export interface OpenUpstream {
  readonly settings: UpstreamSettings;
  /** What authenticated last, without secrets: `anonymous`, `user name and password`. */
  readonly authenticatedBy: () => string;
}

/** An upstream as it is configured, put together. Nothing is contacted. */
export function openUpstream(config: UpstreamConfig, parts: UpstreamParts): OpenUpstream {
  const { name, type, intervalMs, retired, withdrawn, rewritten, maxShrink, mirror } = config;
  const { concurrency, retries, maxArchiveBytes, charts, versions, verify } = config;
  const { upstream, authenticatedBy } = openAdapter(config, parts);
  const settings = {
    name,
    type,
    url: publicUrl(config.url),
    upstream,
    intervalMs,
    retired,
    withdrawn,
    rewritten,
    maxShrink,
    mirror,
    concurrency,
    retries,
    maxArchiveBytes,
    unlisted: type === 'registry' && !config.discover && charts.length === 0,
    charts: type === 'registry' ? namesOnly(charts) : charts,
    versions,
    verify: verify && { mode: verify.mode, keyring: { id: verify.keyring.id, bytes: verify.keyring.bytes } },
    warnings: warningsOf(config),
  };
  return { settings, authenticatedBy: () => withCertificate(authenticatedBy(), showsCertificate(config)) };
}

/**
 * A registry's names and globs may have a path before them, which a chart's name does not tell. Those that only the path
 * can exclude were left out of its listing.
 */
function namesOnly(patterns: readonly string[]): readonly string[] {
  return patterns
    .filter((pattern) => !/^!.*\//.test(pattern))
    .map((pattern) => (/\{.*\/.*\}/.test(pattern) ? '*' : chartOf(pattern)));
}

/** A certificate authenticates where nothing else does, and beside it. */
function withCertificate(authenticated: string, shown: boolean): string {
  if (!shown) return authenticated;
  return authenticated === 'anonymous' ? 'client certificate' : `${authenticated}, client certificate`;
}

/** What stands in the status for as long as it is configured. */
function warningsOf(config: UpstreamConfig): readonly string[] {
  if (config.type === 'folder' || !config.tls.insecureSkipTLSVerify) return [];
  return [
    'Certificates are not checked (tls.insecureSkipTLSVerify): whoever is on the way can read and change everything.',
  ];
}

function openAdapter(config: UpstreamConfig, parts: UpstreamParts): Opened {
  if (config.type === 'folder') {
    const { name, path, maxArchiveBytes } = config;
    const upstream = folder({ name, path, maxArchiveBytes, inspect: inspectOn(parts.archives), clock: parts.clock });
    return { upstream, authenticatedBy: () => 'none needed' };
  }
  const { concurrency, requestsPerSecond } = config;
  const limits = new UpstreamLimits({ concurrency, requestsPerSecond, clock: parts.clock });
  const remote = { ...parts, limits };
  if (config.type === 'registry') return openRegistry(config, remote);
  return config.type === 'bucket' ? openBucket(config, remote) : openChartRepository(config, remote);
}
