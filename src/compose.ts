import type { Digest } from './chart/digest.ts';
import { reviveFault, type PlainFault } from './chart/fault.ts';
import { facesOf } from './compose/faces.ts';
import { Fleet } from './compose/fleet.ts';
import { FrontDoors } from './compose/front-doors.ts';
import type { WorkerThread } from './compose/parts.ts';
import { archiveCheckOn, judgeOn } from './compose/threads.ts';
import type { Config, StoreConfig } from './config/config.ts';
import { timestamp, type Clock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { isGone, thisProcess } from './lib/process-id.ts';
import { Thread } from './lib/thread.ts';
import type { Filling, Inspector, Prober } from './mirror/contract/commands.ts';
import type { Explainer } from './mirror/contract/explain.ts';
import type { ConfigurationStatus, Operator } from './mirror/contract/operator.ts';
import type { Planner } from './mirror/contract/plan.ts';
import type { Retention } from './mirror/duties.ts';
import { Engine } from './mirror/engine.ts';
import { Intake } from './mirror/fetching/intake.ts';
import { StoreInspector } from './mirror/fsck/inspector.ts';
import { planner } from './mirror/offering/plan.ts';
import { EngineOperator } from './mirror/operator.ts';
import { prober } from './mirror/prober.ts';
import type { RunningServer } from './server/start.ts';
import { Blobs } from './store/blobs.ts';
import type { PreparedStore } from './store/contract.ts';
import { openFilesystem } from './store/filesystem.ts';
import { openS3Bucket } from './store/s3.ts';
import { watchStore } from './store/watched.ts';
import { SecureContexts } from './upstream/http/tls.ts';

/** What everything is built from. */
export interface Surroundings {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Of Chartroom. */
  readonly version: string;
  /** When the store is swept, other than usual. */
  readonly retention?: Retention;
  /** What the status says of the configuration; absent where it is loaded once. */
  readonly configuration?: () => ConfigurationStatus;
}

/** Chartroom, built but not begun. */
export interface Chartroom {
  readonly engine: Engine;
  readonly operator: Operator;
  readonly filling: Filling;
  readonly inspector: Inspector;
  readonly prober: Prober;
  readonly explainer: Explainer;
  readonly planner: Planner;
  /** Contacts the store. Rejects with 'store-failed' when it is not there or not ours. */
  readonly prepareStore: () => Promise<void>;
  /**
   * Works by another configuration from now on, as far as that is possible without a restart. Rejects, and changes
   * nothing, when what the store has for it cannot be read.
   */
  reconfigure(config: Config): Promise<void>;
  /** Opens the front doors. Rejects with 'unavailable' when a port or a certificate cannot be had. */
  serve(): Promise<RunningServer>;
  /** Ends what is under way, commits it, and gives back threads and connections. */
  close(): Promise<void>;
}

const storeTimeoutMs = 30_000;
const jobTimeoutMs = 120_000;
/** An index of 30 MB that must be parsed as a whole needs 160. */
const catalogHeapMiB = 256;
const archiveHeapMiB = 256;
/** Archives that a repair fetches at once. */
const maxInspectedBytes = 128 * 1024 * 1024;

/** Puts every part in its place. Nothing is contacted yet. */
export function compose(surroundings: Surroundings): Chartroom {
  const { config, clock, log, version, retention, configuration = loadedOnce(surroundings) } = surroundings;
  const catalogs = openThread(catalogHeapMiB);
  const archives = openThread(archiveHeapMiB);
  const opened = openStore(config.store, surroundings);
  const { store, fault } = watchStore(opened.store);
  const onDamage = (digest: Digest): void => log.error({ digest }, 'a blob in the store is damaged: it is not served');
  const blobs = new Blobs(store, { clock, onDamage });
  const fleet = new Fleet({ ...surroundings, catalogs, archives, contexts: new SecureContexts() });
  const remotes = fleet.open(config.upstreams);
  const upstreams = remotes.map(({ settings }) => settings);
  const { repositories } = config;
  let current = config;
  const check = archiveCheckOn(archives);
  const { prepare: prepareStore, tidy } = opened;
  const self = thisProcess();
  const kept = { store, prepareStore, tidy, retention, blobs };
  const threads = { jobs: catalogs, check, judge: judgeOn(archives) };
  const engine = new Engine({ ...kept, ...threads, upstreams, repositories, self, isGone, clock, log });
  const operator = new EngineOperator(engine, {
    version,
    configuration,
    storeKind: config.store.kind,
    storeFault: fault,
    storeIsShared: opened.conditional,
  });
  const coldWaitMs = () => current.server.coldWaitMs;
  const faces = facesOf({ engine, operator, store, archives, coldWaitMs, log });
  const doors = new FrontDoors(config, { ...faces, version, log, clock });
  const describe = (bytes: Uint8Array) => archives.run('describeArchive', bytes);
  const intake = new Intake(maxInspectedBytes);
  return {
    engine,
    operator,
    filling: operator,
    inspector: new StoreInspector({ store, blobs, jobs: catalogs, upstreams, check, describe, intake, clock }),
    prober: prober({ upstreams: remotes, storeKind: config.store.kind, prepareStore, clock }),
    explainer: faces.explainer,
    planner: planner({ store, jobs: catalogs, upstreams, repositories, clock }),
    prepareStore,
    reconfigure: async (wanted) => {
      const next = fleet.open(wanted.upstreams);
      const composition = { upstreams: next.map(({ settings }) => settings), repositories: wanted.repositories };
      await engine.reconfigure(composition, () => {
        current = wanted;
        doors.use(wanted);
      });
      fleet.keepOnly(next);
      await doors.renewCertificate();
    },
    serve: () => doors.open(),
    close: async () => {
      await engine.stop();
      opened.close();
      await Promise.all([catalogs.close(), archives.close(), fleet.close()]);
    },
  };
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
  return openFilesystem({ path: config.path, clock });
}

function loadedOnce({ config, clock }: Surroundings): () => ConfigurationStatus {
  const status = { file: config.file, loadedAt: timestamp(clock.now()), state: 'ok' } as const;
  return () => status;
}
