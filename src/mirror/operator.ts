import type { ChartVersion } from '../chart/catalog.ts';
import { isRewritten } from '../chart/catalog.ts';
import { Fault } from '../chart/fault.ts';
import type { Holding } from '../chart/holding.ts';
import type { Known } from './committing/known.ts';
import type { Filling, FillProgress } from './contract/commands.ts';
import type {
  ConfigurationStatus,
  Operator,
  Readiness,
  Status,
  SyncReport,
  Telemetry,
  UpstreamActivity,
  UpstreamDetails,
  UpstreamStatus,
  UpstreamVersion,
} from './contract/operator.ts';
import type { Engine } from './engine.ts';
import { ContestedNames, type Contested } from './offering/contested.ts';
import { failedVersionsOf, faultReport, rewrittenVersionsOf, statusOf, unverifiedVersionsOf } from './status.ts';
import type { SyncOptions } from './syncing/sync.ts';

export interface OperatorOptions {
  readonly version: string;
  readonly storeKind: string;
  readonly configuration: () => ConfigurationStatus;
  /** What the store last answered with, when that was trouble. */
  readonly storeFault: () => Fault | undefined;
  /** Whether several servers may share the store. */
  readonly storeIsShared: () => boolean;
}

/** First attempts that hang must not keep a replica out of service for longer. */
const maxReadinessWaitMs = 60_000;

/** Looking behind, and changing: what the API, the metrics and the commands may ask. */
export class EngineOperator implements Operator, Filling, Telemetry {
  readonly #engine: Engine;
  readonly #options: OperatorOptions;
  readonly #startedMs: number;
  readonly #contested = new ContestedNames();
  #ready = false;

  constructor(engine: Engine, options: OperatorOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#startedMs = engine.clock.elapsed();
  }

  status(): Status {
    const fault = this.#options.storeFault();
    return {
      version: this.#options.version,
      uptimeSeconds: Math.floor(this.#uptimeMs() / 1000),
      ready: this.readiness().ready,
      configuration: this.#options.configuration(),
      store: {
        kind: this.#options.storeKind,
        state: fault ? 'failing' : 'ok',
        ...(fault && { fault: faultReport(fault) }),
      },
      upstreams: this.#engine.known.map((known) => this.#statusOf(known)),
    };
  }

  upstream(name: string): UpstreamDetails {
    const known = this.#find(name);
    const unverifiedVersions = unverifiedVersionsOf(known);
    return {
      ...this.#statusOf(known),
      failedVersions: failedVersionsOf(known),
      rewrittenVersions: rewrittenVersionsOf(known),
      contestedNames: this.#contestedIn(known).names,
      ...(unverifiedVersions && { unverifiedVersions }),
    };
  }

  /** Once ready, ready for good: an upstream's health must never take a replica out of service. */
  readiness(): Readiness {
    const waitingFor = this.#ready ? [] : this.#waitingFor();
    this.#ready ||= waitingFor.length === 0;
    const fault = this.#options.storeFault();
    const degraded = [
      ...(fault ? [`store: ${fault.message}`] : []),
      ...(this.#options.storeIsShared() ? [] : ['store: it has no conditional writes, so one server only may use it']),
      ...this.#engine.known.flatMap(({ name, damage }) => (damage ? [`upstream ${name}: ${damage.message}`] : [])),
    ];
    return { ready: this.#ready, waitingFor, degraded };
  }

  async sync(upstream: string, options: SyncOptions = {}): Promise<SyncReport> {
    return this.#engine.syncNow(this.#find(upstream), options);
  }

  async accept({ upstream, chart, version }: UpstreamVersion): Promise<Holding> {
    const known = this.#find(upstream);
    const listed = known.catalog.find(chart, version);
    if (!listed) throw unlisted(known, chart, version);
    const held = known.held(chart, version);
    if (!held || !isRewritten(listed.claims, held.archive.digest)) throw nothingToAccept(known, listed, held);
    const kept = await this.#engine.fetches.archives.replace(known, listed, held, 'request');
    await this.#engine.commit();
    return kept;
  }

  progress(): FillProgress {
    return this.#engine.ahead.progress(this.#engine.known);
  }

  async settled(): Promise<FillProgress> {
    await this.#engine.settled();
    return this.progress();
  }

  activity(): readonly UpstreamActivity[] {
    const { known: all, ahead } = this.#engine;
    return all.map((known) => ({
      name: known.name,
      syncs: known.syncs.counts,
      fills: known.fills.counts,
      queued: ahead.queued(known),
    }));
  }

  holdsLease(): boolean {
    return this.#engine.lease.held;
  }

  damagedBlobs(): number {
    return this.#engine.fetches.restorations.begun;
  }

  #contestedIn(known: Known): Contested {
    return this.#contested.of(known, this.#engine.repositories.all);
  }

  #statusOf(known: Known): UpstreamStatus {
    return statusOf(known, this.#contestedIn(known).count);
  }

  #find(upstream: string): Known {
    const known = this.#engine.known.find(({ name }) => name === upstream);
    if (known) return known;
    const names = this.#engine.known.map(({ name }) => name).join(', ');
    throw new Fault('not-found', `There is no upstream ${upstream}.`, `Configured are: ${names}.`);
  }

  #waitingFor(): readonly string[] {
    if (!this.#engine.opened) return ['store'];
    if (this.#uptimeMs() >= maxReadinessWaitMs) return [];
    const missing = this.#engine.known.filter((known) => !isSettled(known)).map(({ name }) => `upstream ${name}`);
    const unsettled = this.#engine.repositories.all.filter(({ isSettled }) => !isSettled);
    return missing.length > 0 ? missing : unsettled.map(({ name }) => `index of ${name}`);
  }

  #uptimeMs(): number {
    return this.#engine.clock.elapsed() - this.#startedMs;
  }
}

function isSettled({ settings, listed, damage, attempts }: Known): boolean {
  if (settings.retired || damage) return true;
  return listed || attempts.failures > 0 || attempts.lastSuccessMs !== undefined;
}

function unlisted({ name }: Known, chart: string, version: string): Fault {
  return new Fault(
    'not-found',
    `${name}: has no ${chart} ${version}.`,
    `GET /api/v1/upstreams/${name} names its rewritten versions.`,
  );
}

function nothingToAccept({ name }: Known, { chart, version }: ChartVersion, held: Holding | undefined): Fault {
  const why = held ? 'upstream still promises the bytes that are held' : 'none of its bytes are held yet';
  return new Fault(
    'bad-request',
    `${name}: ${chart} ${version} is not a rewritten version: ${why}.`,
    `GET /api/v1/upstreams/${name} names those that are.`,
  );
}
