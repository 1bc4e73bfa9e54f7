import { readFile } from 'node:fs/promises';

import { Fault, reviveFault, type PlainFault } from './chart/fault.ts';
import type { ChartRepositoryConfig, Config, RegistryConfig, StoreConfig, UpstreamConfig } from './config/config.ts';
import { publicUrl } from './config/summary.ts';
import type { ExpectedChart } from './formats/chart-archive.ts';
import { movable } from './lib/bytes.ts';
import type { Clock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { Thread, ThreadDied } from './lib/thread.ts';
import type { Operator } from './mirror/contract.ts';
import { Engine } from './mirror/engine.ts';
import { EngineOperator } from './mirror/operator.ts';
import { Reader } from './mirror/reader.ts';
import type { UpstreamSettings } from './mirror/settings.ts';
import { startServer, type RunningServer } from './server/start.ts';
import { Blobs } from './store/blobs.ts';
import type { PreparedStore } from './store/contract.ts';
import { filesystemStore } from './store/filesystem.ts';
import { openS3Bucket } from './store/s3.ts';
import { watchStore } from './store/watched.ts';
import { chartRepository } from './upstream/chart-repository.ts';
import type { Upstream } from './upstream/contract.ts';
import type { Authorization } from './upstream/credentials/authorization.ts';
import { basicAuthorization, anonymous } from './upstream/credentials/basic.ts';
import { registryAuthorization } from './upstream/credentials/registry.ts';
import { folder } from './upstream/folder.ts';
import { openHttpClient } from './upstream/http-client.ts';
import type { HttpClient } from './upstream/http.ts';
import { ociOpener } from './upstream/oci-opener.ts';
import { ociRegistry } from './upstream/oci-registry.ts';
import { chartOf, registryAddress } from './upstream/registry-address.ts';
import type { WorkerJobs } from './worker.ts';

/** What everything is built from. */
export interface Surroundings {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Of Chartroom. */
  readonly version: string;
}

/** Chartroom, built but not begun. */
export interface Chartroom {
  readonly engine: Engine;
  readonly operator: Operator;
  /** Opens the front doors. Rejects with 'unavailable' when a port or a certificate cannot be had. */
  serve(): Promise<RunningServer>;
  /** Ends what is under way, commits it, and gives back threads and connections. */
  close(): Promise<void>;
}

type WorkerThread = Thread<WorkerJobs>;

const storeTimeoutMs = 30_000;
const jobTimeoutMs = 120_000;
/** An index of 30 MB that must be parsed as a whole needs 160. */
const catalogHeapMiB = 256;
const archiveHeapMiB = 256;

/** Puts every part in its place. Nothing is contacted yet. */
export function compose(surroundings: Surroundings): Chartroom {
  const { config, clock, log, version } = surroundings;
  const { server } = config;
  const catalogs = openThread(catalogHeapMiB);
  const archives = openThread(archiveHeapMiB);
  const clients: Closable[] = [];
  const opened = openStore(config.store, surroundings);
  const { store, fault } = watchStore(opened.store);
  const blobs = new Blobs(store);
  const parts = { ...surroundings, catalogs, archives, clients };
  const engine = new Engine({
    upstreams: config.upstreams.map((upstream) => settingsOf(upstream, parts)),
    store,
    prepareStore: opened.prepare,
    blobs,
    jobs: catalogs,
    check: async (bytes, expected) => {
      try {
        await archives.run('checkArchive', { bytes, expected });
      } catch (error) {
        throw error instanceof ThreadDied ? unfathomable(expected, error) : error;
      }
    },
    clock,
    log,
  });
  const operator = new EngineOperator(engine, { version, storeKind: config.store.kind, storeFault: fault });
  const reader = new Reader(engine, { coldWaitMs: server.coldWaitMs });
  return {
    engine,
    operator,
    serve: async () =>
      startServer({
        ...server,
        tls: server.tls && { cert: await readPem(server.tls.certFile), key: await readPem(server.tls.keyFile) },
        mirror: reader,
        provenances: reader,
        operator,
        version,
        log,
        clock,
      }),
    close: async () => {
      await engine.stop();
      opened.close();
      await Promise.all([catalogs.close(), archives.close(), ...clients.map((client) => client.close())]);
    },
  };
}

interface Closable {
  close(): Promise<void>;
}

interface UpstreamParts extends Surroundings {
  readonly catalogs: WorkerThread;
  readonly archives: WorkerThread;
  readonly clients: Closable[];
}

function openThread(maxHeapMiB: number): WorkerThread {
  // the bundle has no TypeScript in it
  const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
  return new Thread({
    module: new URL(file, import.meta.url),
    maxHeapMiB,
    timeoutMs: jobTimeoutMs,
    revive: (details) => reviveFault(details as PlainFault),
  });
}

function openStore(config: StoreConfig, { clock, log }: Surroundings): PreparedStore {
  if (config.kind === 's3')
    return openS3Bucket({ ...config, ...config.keys, timeoutMs: storeTimeoutMs }, { clock, log });
  return {
    store: filesystemStore({ path: config.path, clock }),
    prepare: async () => undefined,
    close: () => undefined,
  };
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Fault('unavailable', `${file} cannot be read.`, 'Check server.tls and the permissions of the file.', {
      cause: error,
    });
  }
}

function settingsOf(config: UpstreamConfig, parts: UpstreamParts): UpstreamSettings {
  const { name, type, intervalMs, mirror, concurrency, retries, maxArchiveBytes, charts } = config;
  return {
    name,
    type,
    url: publicUrl(config.url),
    upstream: openUpstream(config, parts),
    intervalMs,
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
  return config.type === 'registry' ? openRegistry(config, parts) : openChartRepository(config, parts);
}

function openRegistry(config: RegistryConfig, parts: UpstreamParts): Upstream {
  const { name, charts, concurrency } = config;
  const address = registryAddress(name, config.url, config.plainHTTP);
  const http = openClient(config, parts, address.origin, registryAccess(config, parts, address.origin));
  parts.clients.push(http);
  return ociRegistry({ name, address, charts, http, clock: parts.clock, concurrency });
}

function openChartRepository(config: ChartRepositoryConfig, parts: UpstreamParts): Upstream {
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
    readIndex: async (delivery) => {
      try {
        return await parts.catalogs.run('readIndex', delivery, movable(delivery.chunks));
      } catch (error) {
        throw error instanceof ThreadDied ? tooHeavy(name, error) : error;
      }
    },
  });
}

/** What an archive makes the thread die of is the archive's fault. */
function unfathomable(expected: ExpectedChart, cause: ThreadDied): Fault {
  return new Fault(
    'archive-invalid',
    `${expected.upstream}: looking into the archive of ${expected.chart} ${expected.version} took more memory or time than it may.`,
    'It is not served. Its publisher must say what is in it.',
    { cause },
  );
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
  parts: UpstreamParts,
  origin: URL,
  authorization: Authorization,
): HttpClient {
  const { clock, log, version } = parts;
  const { name: upstream, timeoutMs, concurrency } = config;
  return openHttpClient({
    upstream,
    origin,
    authorization,
    timeoutMs,
    connections: concurrency + 2,
    version,
    clock,
    log,
  });
}
