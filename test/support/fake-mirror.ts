import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

import { digestOf, type Descriptor, type Digest } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import type { Holding } from '../../src/chart/holding.ts';
import type { Decision } from '../../src/chart/select.ts';
import type { ByteRange, OpenBytes } from '../../src/lib/bytes.ts';
import type { Filling, FillProgress } from '../../src/mirror/contract/commands.ts';
import type { ChartRef, Mirror, Provenances, Rendering, RepositoryCatalog } from '../../src/mirror/contract/doors.ts';
import type {
  ContestedName,
  FailedVersion,
  Operator,
  Readiness,
  RewrittenVersion,
  Status,
  SyncReport,
  Telemetry,
  UpstreamActivity,
  UpstreamDetails,
  UpstreamStatus,
  UpstreamVersion,
} from '../../src/mirror/contract/operator.ts';

interface FakeChart {
  readonly holding: Holding;
  readonly archive: Buffer;
  readonly provenance?: Buffer | undefined;
}

/** How one archive comes out of a fake mirror. */
export type Delivery = 'memory' | 'later' | (() => Readable);

/** A mirror whose charts are put into it, and whose troubles are chosen. What it was asked is counted. */
export class FakeMirror implements Mirror, Provenances, Operator, Filling, Telemetry {
  readonly #charts = new Map<string, FakeChart>();
  readonly #deliveries = new Map<Digest, Delivery>();
  readonly #faults = new Map<string, unknown>();
  /** The names of the repositories; those behind the first answer at their name only. */
  repositoryNames: readonly string[] = ['all'];
  rootless = false;
  index: Rendering | Error = renderingOf(Buffer.from('{"apiVersion":"v1","entries":{}}'));
  ready: Readiness = { ready: true, waitingFor: [], degraded: [] };
  upstreams: readonly UpstreamStatus[] = [];
  /** Of every upstream. */
  failedVersions: readonly FailedVersion[] = [];
  rewrittenVersions: readonly RewrittenVersion[] = [];
  contestedNames: readonly ContestedName[] = [];
  syncing: (upstream: string) => Promise<SyncReport> = async () => {
    throw new Error('nobody said what a sync finds');
  };
  accepting: () => Promise<Holding> = async () => {
    throw new Error('nobody said what there is to accept');
  };
  fills: FillProgress = { filled: 0, failed: 0, queued: 0 };
  /** Waited for before everything is fetched, when set. */
  settling: Promise<void> | undefined;
  activities: readonly UpstreamActivity[] = [];
  leaseHeld = false;
  blobsDamaged = 0;
  /** Waited for before an archive is resolved, when set. */
  resolving: Promise<void> | undefined;
  /** Waited for before an archive that is not in memory is opened, when set. */
  opening: Promise<void> | undefined;
  readonly asked = { resolve: 0, open: 0, sync: 0, accept: 0 };
  /** With what the last sync and the last accept were asked for. */
  acceptedShrink: boolean | undefined;
  acceptedVersion: UpstreamVersion | undefined;

  /** Offers a chart version with these bytes. */
  put(
    chart: string,
    version: string,
    archive: Buffer,
    options: { provenance?: Buffer; delivery?: Delivery } = {},
  ): void {
    const descriptor: Descriptor = { mediaType: 'application/gzip', digest: digestOf(archive), size: archive.length };
    const holding = { chart, version, archive: descriptor, heldAt: '2026-01-01T00:00:00Z' };
    this.#charts.set(`${chart} ${version}`, { holding, archive, provenance: options.provenance });
    this.#deliveries.set(descriptor.digest, options.delivery ?? 'memory');
  }

  /** From now on whoever asks for this version is told `error`, which need not be a fault, nor even an error. */
  fail(chart: string, version: string, error: unknown): void {
    this.#faults.set(`${chart} ${version}`, error);
  }

  /** What is resolved can no longer be opened. */
  stopOffering(chart: string, version: string): void {
    const found = this.#charts.get(`${chart} ${version}`);
    if (found) this.#deliveries.delete(found.holding.archive.digest);
  }

  repositories(): readonly { readonly name: string; readonly root: boolean }[] {
    return this.repositoryNames.map((name, at) => ({ name, root: at === 0 && !this.rootless }));
  }

  catalog(): RepositoryCatalog {
    const refs = [...this.#charts.values()].map(({ holding: { chart, version } }) => ({ chart, version, claims: [] }));
    return {
      charts: () => new Set(refs.map(({ chart }) => chart)),
      listed: () => [],
      decide: (name, text): Decision => {
        const version = refs.find((one) => one.chart === name && one.version === text);
        if (!version) return { outcome: 'absent', candidates: [] };
        return { outcome: 'offered', member: 0, version, claim: undefined, held: undefined, provisional: false };
      },
    };
  }

  rendering(): Rendering {
    if (this.index instanceof Error) throw this.index;
    return this.index;
  }

  resolve(ref: ChartRef): Holding | Promise<Holding> {
    this.asked.resolve += 1;
    return this.resolving ? this.resolving.then(() => this.#find(ref).holding) : this.#find(ref).holding;
  }

  open(_repository: string, digest: Digest, range?: ByteRange): OpenBytes | undefined | Promise<OpenBytes | undefined> {
    this.asked.open += 1;
    const delivery = this.#deliveries.get(digest);
    const found = [...this.#charts.values()].find(({ holding }) => holding.archive.digest === digest);
    if (!delivery || !found) return undefined;
    const { archive } = found;
    const part = range ? archive.subarray(range.start, range.end + 1) : archive;
    if (delivery === 'memory') return { size: part.length, total: archive.length, body: part };
    const body = (): Readable =>
      delivery === 'later' ? Readable.from(chunksOf(part), { objectMode: false }) : delivery();
    const opened = (): OpenBytes => ({ size: part.length, total: archive.length, body: body() });
    return (this.opening ?? Promise.resolve()).then(opened);
  }

  async provenance(ref: ChartRef): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer } | undefined> {
    const { provenance: bytes } = this.#find(ref);
    if (!bytes) return undefined;
    return { bytes, descriptor: { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.length } };
  }

  status(): Status {
    return {
      version: '0.0.1',
      uptimeSeconds: 7,
      ready: this.ready.ready,
      configuration: { file: 'test.yaml', loadedAt: '2026-01-01T00:00:00Z', state: 'ok' },
      store: { kind: 'memory', state: 'ok' },
      upstreams: this.upstreams,
    };
  }

  readiness(): Readiness {
    return this.ready;
  }

  upstream(name: string): UpstreamDetails {
    const { failedVersions, rewrittenVersions, contestedNames } = this;
    return { ...this.#known(name), failedVersions, rewrittenVersions, contestedNames };
  }

  async sync(name: string, options?: { readonly acceptShrink?: boolean }): Promise<SyncReport> {
    this.#known(name);
    this.asked.sync += 1;
    this.acceptedShrink = options?.acceptShrink;
    return this.syncing(name);
  }

  async accept(ref: UpstreamVersion): Promise<Holding> {
    this.#known(ref.upstream);
    this.asked.accept += 1;
    this.acceptedVersion = ref;
    return this.accepting();
  }

  progress(): FillProgress {
    return this.fills;
  }

  async settled(): Promise<FillProgress> {
    await this.settling;
    return this.fills;
  }

  activity(): readonly UpstreamActivity[] {
    return this.activities;
  }

  holdsLease(): boolean {
    return this.leaseHeld;
  }

  damagedBlobs(): number {
    return this.blobsDamaged;
  }

  #known(name: string): UpstreamStatus {
    const found = this.upstreams.find((upstream) => upstream.name === name);
    if (found) return found;
    throw new Fault('not-found', 'There is no upstream of this name.', 'GET /api/v1/status names those there are.');
  }

  #find({ chart, version }: ChartRef): FakeChart {
    const key = `${chart} ${version}`;
    if (this.#faults.has(key)) throw this.#faults.get(key);
    const found = this.#charts.get(key);
    if (!found) throw new Fault('not-found', `No upstream has ${chart} ${version}.`, 'Look into the index.');
    return found;
  }
}

/** An index as the mirror hands it out. */
export function renderingOf(identity: Buffer): Rendering {
  return { identity: [identity], gzip: gzipSync(identity), etag: createHash('sha256').update(identity).digest('hex') };
}

/** An upstream as the status shows it. */
export function upstreamStatus(name: string, more: Partial<UpstreamStatus> = {}): UpstreamStatus {
  return {
    name,
    type: 'chart-repository',
    url: `https://${name}.corp/charts`,
    state: 'ok',
    schedule: 'timed',
    lastAttempt: '2026-01-01T00:00:00Z',
    lastSuccess: '2026-01-01T00:00:00Z',
    counts: { charts: 2, versions: 5, held: 4, withdrawn: 1, rewritten: 0, contested: 0, rejectedRows: 3, bytes: 1000 },
    rejected: { 'bad-version': 3 },
    ...more,
  };
}

const chunkBytes = 65_536;

function* chunksOf(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
