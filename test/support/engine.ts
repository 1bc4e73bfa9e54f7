import { Fault } from '../../src/chart/fault.ts';
import { everyVersion } from '../../src/chart/ranges.ts';
import { noRules, type RepositoryRules } from '../../src/chart/rules.ts';
import { checkArchive } from '../../src/formats/chart-archive.ts';
import { deriveConfig } from '../../src/formats/derived-image.ts';
import { judgeProvenance } from '../../src/formats/provenance.ts';
import { readAll } from '../../src/lib/bytes.ts';
import { openLog } from '../../src/lib/log.ts';
import type { ProcessId } from '../../src/lib/process-id.ts';
import type { Known } from '../../src/mirror/committing/known.ts';
import type { SyncReport, UpstreamStatus } from '../../src/mirror/contract/operator.ts';
import type { Retention } from '../../src/mirror/duties.ts';
import { Engine } from '../../src/mirror/engine.ts';
import type { Judge } from '../../src/mirror/fetching/verdicts.ts';
import { ImageReader } from '../../src/mirror/images/image-reader.ts';
import { mirrorJobs } from '../../src/mirror/jobs.ts';
import type { Composition } from '../../src/mirror/offering/lineup.ts';
import { EngineOperator } from '../../src/mirror/operator.ts';
import { Reader } from '../../src/mirror/reading/reader.ts';
import type { UpstreamSettings } from '../../src/mirror/settings.ts';
import { Blobs } from '../../src/store/blobs.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { openLayout } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Upstream } from '../../src/upstream/contract.ts';
import { ManualClock } from './clock.ts';
import type { FakeUpstream } from './fake-upstream.ts';

/** A store that tells what was asked of it, and fails when told to. */
export interface WatchedStore extends ObjectStore {
  /** Keys in the order in which something new was written under them. */
  readonly writes: string[];
  /** Awaited before every write; may throw. */
  beforeWrite: ((key: string) => Promise<void> | void) | undefined;
  /** Awaited when something was written, before that is answered; may throw. */
  afterWrite: ((key: string) => Promise<void> | void) | undefined;
  beforeRead: ((key: string) => Promise<void> | void) | undefined;
  /** A memory store with the same objects. */
  copy(): Promise<WatchedStore>;
  text(key: string): Promise<string | undefined>;
}

/** A memory store, or another one, watched. */
export function watchedStore(inner: ObjectStore = memoryStore()): WatchedStore {
  const store: WatchedStore = {
    writes: [],
    beforeWrite: undefined,
    afterWrite: undefined,
    beforeRead: undefined,
    head: async (key) => {
      await store.beforeRead?.(key);
      return inner.head(key);
    },
    read: async (key, range) => {
      await store.beforeRead?.(key);
      return inner.read(key, range);
    },
    write: async (key, bytes, onlyIf) => {
      await store.beforeWrite?.(key);
      const written = await inner.write(key, bytes, onlyIf);
      if (written === 'conflict') return written;
      store.writes.push(key);
      await store.afterWrite?.(key);
      return written;
    },
    remove: (key) => inner.remove(key),
    list: (prefix) => inner.list(prefix),
    copy: async () => {
      const copy = memoryStore();
      for await (const { key } of inner.list('')) await copy.write(key, await bytesAt(inner, key));
      return watchedStore(copy);
    },
    text: async (key) => ((await inner.head(key)) ? (await bytesAt(inner, key)).toString() : undefined),
  };
  return store;
}

/** The bytes of an object that is there. */
export async function bytesAt(store: ObjectStore, key: string): Promise<Buffer> {
  const object = await store.read(key);
  if (!object) throw new Error(`there is no ${key}`);
  return Buffer.isBuffer(object.body) ? object.body : readAll(object.body, 1e9);
}

/** What a store that does not answer says. */
export function storeGone(): never {
  throw new Fault('store-failed', 'the store is gone', 'Bring it back.');
}

/** What kind of thing a key of the store is, for the order of writes. */
export function kindOf(key: string): string {
  return key.split('/')[0] ?? key;
}

export type TestUpstream = FakeUpstream | ({ readonly upstream: Upstream } & Partial<UpstreamSettings>);

/** A repository of all upstreams without rules, but for what is said here. */
export type TestRepository = Partial<RepositoryRules> & {
  readonly upstreams?: readonly string[];
  readonly root?: boolean;
};

export interface EngineOptions {
  /** By name. The fake itself stands for usual settings, which fetch nothing ahead. */
  readonly upstreams: Readonly<Record<string, TestUpstream>>;
  /** By name; absent for `all`. Of several none is the root unless it says so. */
  readonly repositories?: Readonly<Record<string, TestRepository>> | undefined;
  readonly store?: ObjectStore;
  readonly clock?: ManualClock;
  readonly coldWaitMs?: number;
  /** Called before a job runs; may throw. */
  readonly beforeJob?: (job: string) => void;
  readonly maxHotBytes?: number;
  readonly retention?: Retention;
  /** Instead of the real one. */
  readonly judge?: Judge;
  /** Who this process is to others on the same store. */
  readonly self?: ProcessId;
  /** Whether another one is known to have ended. */
  readonly isGone?: (other: ProcessId) => boolean;
}

/** A row of the index as clients read it. */
export interface IndexRow {
  readonly version: string;
  readonly digest?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly urls: readonly string[];
}

/** An engine over fakes with everything that asks of it, on a clock that stands still. */
export class TestEngine {
  readonly engine: Engine;
  readonly reader: Reader;
  readonly images: ImageReader;
  readonly operator: EngineOperator;
  readonly clock: ManualClock;
  /** What was logged, as JSON. */
  readonly logged: { readonly level: number; readonly msg: string; readonly [field: string]: unknown }[] = [];
  /** Names of the jobs that ran. */
  readonly ran: string[] = [];
  /** Awaited before a job runs. */
  beforeJob: ((job: string) => Promise<void>) | undefined;

  constructor(options: EngineOptions) {
    const store = options.store ?? memoryStore();
    this.clock = options.clock ?? new ManualClock();
    const log = openLog(
      { level: 'debug', format: 'json' },
      { write: (line: string) => void this.logged.push(JSON.parse(line) as TestEngine['logged'][number]) },
    );
    const { maxHotBytes } = options;
    const blobs = new Blobs(store, { clock: this.clock, ...(maxHotBytes !== undefined && { maxHotBytes }) });
    this.engine = new Engine({
      ...compositionOf(options),
      store,
      prepareStore: () => openLayout(store),
      blobs,
      jobs: {
        run: async (job, input) => {
          this.ran.push(job);
          options.beforeJob?.(job);
          if (this.beforeJob) await this.beforeJob(job);
          return mirrorJobs[job](input as never) as never;
        },
      },
      check: async (bytes, expected) => void checkArchive(bytes, expected),
      judge: options.judge ?? judgeProvenance,
      tidy: async () => 0,
      retention: options.retention,
      self: options.self ?? { id: 'this', host: 'here', pid: 1 },
      isGone: options.isGone ?? (() => false),
      clock: this.clock,
      log,
    });
    this.reader = new Reader(this.engine, { coldWaitMs: () => options.coldWaitMs ?? 25_000 });
    const { engine, reader } = this;
    this.images = new ImageReader({ engine, reader, deriveConfig: async (bytes) => deriveConfig(bytes) });
    this.operator = new EngineOperator(this.engine, {
      version: '0.0.0',
      configuration: () => ({ file: 'test.yaml', loadedAt: '2026-01-01T00:00:00Z', state: 'ok' }),
      storeKind: 'memory',
      storeFault: () => undefined,
      storeIsShared: () => true,
    });
  }

  /** The finished index. */
  get index(): string {
    return Buffer.concat(this.reader.rendering('all').identity).toString();
  }

  /** What the index says of a chart. */
  rows(chart: string): readonly IndexRow[] {
    const index = JSON.parse(this.index) as { readonly entries: Readonly<Record<string, readonly IndexRow[]>> };
    return index.entries[chart] ?? [];
  }

  versions(chart: string): readonly string[] {
    return this.rows(chart).map(({ version }) => version);
  }

  /** An archive as a client gets it. */
  async archive(chart: string, version: string): Promise<Buffer> {
    const { archive } = await this.reader.resolve({ repository: 'all', chart, version });
    const opened = await this.reader.open('all', archive.digest);
    if (!opened) throw new Error(`${chart} ${version} is held and cannot be opened`);
    return Buffer.isBuffer(opened.body) ? opened.body : readAll(opened.body, 1e9);
  }

  async provenance(chart: string, version: string): Promise<Buffer | undefined> {
    return (await this.reader.provenance({ repository: 'all', chart, version }))?.bytes;
  }

  /** Has the engine work by other settings. */
  reconfigure(options: Pick<EngineOptions, 'upstreams' | 'repositories'>): Promise<void> {
    return this.engine.reconfigure(compositionOf(options));
  }

  /** What the engine knows of an upstream. */
  known(upstream: string): Known {
    const found = this.engine.known.find(({ name }) => name === upstream);
    if (!found) throw new Error(`there is no upstream ${upstream}`);
    return found;
  }

  /** A sync as the timer does it: unlike one by hand it goes ahead of no backoff. */
  timedSync(upstream: string): Promise<SyncReport> {
    return this.engine.syncs.sync(this.known(upstream));
  }

  status(upstream: string): UpstreamStatus {
    const found = this.operator.status().upstreams.find(({ name }) => name === upstream);
    if (!found) throw new Error(`there is no upstream ${upstream}`);
    return found;
  }
}

/** One that has read the store. */
export async function openEngine(options: EngineOptions): Promise<TestEngine> {
  const opened = new TestEngine(options);
  await opened.engine.open();
  return opened;
}

/** Lets everything happen that needs no time. */
export async function turn(): Promise<void> {
  for (let at = 0; at < 10; at += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Moves a clock on in small steps, letting everything happen that each step allows. */
export async function pass(clock: ManualClock, ms: number, stepMs = 500): Promise<void> {
  await turn();
  for (let left = ms; left > 0; left -= stepMs) {
    await clock.advance(Math.min(stepMs, left));
    await turn();
  }
}

function compositionOf({ upstreams, repositories = { all: { root: true } } }: EngineOptions): Composition {
  return {
    upstreams: Object.entries(upstreams).map(([name, one]) => settingsOf(name, one)),
    repositories: Object.entries(repositories).map(([name, { upstreams: members, root = false, ...rules }]) => ({
      name,
      root,
      upstreams: members ?? Object.keys(upstreams),
      rules: { ...noRules, ...rules },
    })),
  };
}

/** Usual settings of an upstream, which fetch nothing ahead, but for what is said of it. */
export function settingsOf(name: string, one: TestUpstream): UpstreamSettings {
  const { upstream, ...more } = 'upstream' in one ? one : { upstream: one };
  return {
    name,
    type: 'chart-repository',
    url: `https://${name}.example`,
    upstream,
    intervalMs: 120_000,
    retired: false,
    withdrawn: 'keep',
    rewritten: 'refuse',
    maxShrink: 0.5,
    warnings: [],
    mirror: 'requested',
    concurrency: 4,
    retries: 1,
    maxArchiveBytes: 1024 * 1024,
    unlisted: false,
    charts: ['*'],
    versions: everyVersion,
    ...more,
  };
}
