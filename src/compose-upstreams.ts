import { randomUUID } from 'node:crypto';

import { Fault } from './chart/fault.ts';
import type { ChartRepositoryConfig, RegistryConfig, UpstreamConfig } from './config/config.ts';
import { publicUrl } from './config/summary.ts';
import { movable } from './lib/bytes.ts';
import type { Clock } from './lib/clock.ts';
import { sendOn, type Batch } from './lib/gathering.ts';
import type { Log } from './lib/log.ts';
import { ThreadDied, type Thread } from './lib/thread.ts';
import type { UpstreamSettings } from './mirror/settings.ts';
import { chartRepository, type ChartRepositoryOptions } from './upstream/chart-repository.ts';
import type { Upstream } from './upstream/contract.ts';
import type { Authorization } from './upstream/credentials/authorization.ts';
import { anonymous, basicAuthorization } from './upstream/credentials/basic.ts';
import { registryAuthorization } from './upstream/credentials/registry.ts';
import { folder } from './upstream/folder.ts';
import { openHttpClient } from './upstream/http-client.ts';
import type { HttpClient } from './upstream/http.ts';
import { UpstreamLimits } from './upstream/limits.ts';
import { ociOpener } from './upstream/oci-opener.ts';
import { ociRegistry } from './upstream/oci-registry.ts';
import { chartOf, registryAddress } from './upstream/registry-address.ts';
import type { WorkerJobs } from './worker.ts';

/** A thread that can do all of our work. */
export type WorkerThread = Thread<WorkerJobs>;

/** What keeps connections until it is closed. */
export interface Closable {
  close(): Promise<void>;
}

/** What upstreams are made of. */
export interface UpstreamParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Of Chartroom. */
  readonly version: string;
  readonly catalogs: WorkerThread;
  readonly archives: WorkerThread;
  /** What is opened is added here. */
  readonly clients: Closable[];
}

interface RemoteParts extends UpstreamParts {
  /** What all clients of one upstream share. */
  readonly limits: UpstreamLimits;
}

/** An upstream as it is configured, put together. Nothing is contacted. */
export function settingsOf(config: UpstreamConfig, parts: UpstreamParts): UpstreamSettings {
  const { name, type, intervalMs, retired, withdrawn, rewritten, maxShrink, mirror } = config;
  const { concurrency, retries, maxArchiveBytes, charts } = config;
  return {
    name,
    type,
    url: publicUrl(config.url),
    upstream: openUpstream(config, parts),
    intervalMs,
    retired,
    withdrawn,
    rewritten,
    maxShrink,
    mirror,
    concurrency,
    retries,
    maxArchiveBytes,
    unlisted: type === 'registry' && charts.length === 0,
    // a registry's names may have a path before them
    charts: type === 'registry' ? charts.map(chartOf) : charts,
  };
}

function openUpstream(config: UpstreamConfig, parts: UpstreamParts): Upstream {
  const { clock, archives } = parts;
  if (config.type === 'folder') {
    const { name, path, maxArchiveBytes } = config;
    const inspect = (bytes: Uint8Array) => archives.run('describeArchive', bytes);
    return folder({ name, path, maxArchiveBytes, inspect, clock });
  }
  const { concurrency, requestsPerSecond } = config;
  const limits = new UpstreamLimits({ concurrency, requestsPerSecond, clock });
  const remote = { ...parts, limits };
  return config.type === 'registry' ? openRegistry(config, remote) : openChartRepository(config, remote);
}

function openRegistry(config: RegistryConfig, parts: RemoteParts): Upstream {
  const { name, charts, concurrency } = config;
  const address = registryAddress(name, config.url, config.plainHTTP);
  const http = openClient(config, parts, address.origin, registryAccess(config, parts, address.origin));
  parts.clients.push(http);
  return ociRegistry({ name, address, charts, http, clock: parts.clock, concurrency });
}

function openChartRepository(config: ChartRepositoryConfig, parts: RemoteParts): Upstream {
  const { name, auth, plainHTTP, maxIndexBytes } = config;
  const url = new URL(config.url);
  const http = openClient(config, parts, url, auth ? basicAuthorization(name, auth) : anonymous);
  const openRegistryClient = (origin: URL) => openClient(config, parts, origin, registryAccess(config, parts, origin));
  const registries = ociOpener({ upstream: name, plainHTTP, openClient: openRegistryClient, clock: parts.clock });
  parts.clients.push(http, registries);
  return chartRepository({
    name,
    url,
    http,
    openOci: (place, part, signal) => registries.open(place, part, signal),
    maxIndexBytes,
    readIndex: indexReaderOn(parts.catalogs),
  });
}

/** The thread gets an index while it arrives. */
function indexReaderOn(catalogs: WorkerThread): ChartRepositoryOptions['readIndex'] {
  return async (question, body) => {
    const id = randomUUID();
    const send = (batch: Batch) => catalogs.run('gather', batch, movable(batch.chunks));
    try {
      const size = await sendOn(id, body, question.maxBytes, send);
      return await catalogs.run('readIndex', { ...question, id, size });
    } catch (error) {
      // nobody waits for that, and a thread that is closed has nothing left to drop
      catalogs.run('drop', id).catch(() => undefined);
      throw error instanceof ThreadDied ? tooHeavy(question.upstream, error) : error;
    }
  };
}

/** What an index makes the thread die of is the index's fault. */
function tooHeavy(upstream: string, cause: ThreadDied): Fault {
  return new Fault(
    'listing-invalid',
    `${upstream}: reading index.yaml took more memory or time than it may.`,
    'The last good listing stays. Look at the index: it is very large, or built to be hard to read.',
    { cause },
  );
}

/** Credentials go to the upstream's own origin, and to no other registry that its index names. */
function registryAccess(
  config: RegistryConfig | ChartRepositoryConfig,
  parts: UpstreamParts,
  registry: URL,
): Authorization {
  const isOwn = config.type === 'registry' || new URL(config.url).origin === registry.origin;
  const credential = isOwn ? config.auth : undefined;
  return registryAuthorization({ upstream: config.name, registry, credential, clock: parts.clock });
}

function openClient(
  config: RegistryConfig | ChartRepositoryConfig,
  parts: RemoteParts,
  origin: URL,
  authorization: Authorization,
): HttpClient {
  const { clock, log, version, limits } = parts;
  const { name: upstream, timeoutMs, concurrency } = config;
  return openHttpClient({
    upstream,
    origin,
    authorization,
    limits,
    timeoutMs,
    connections: concurrency + 2,
    version,
    clock,
    log,
  });
}
