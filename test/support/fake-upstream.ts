import { claimTable } from '../../src/chart/catalog.ts';
import type { Claim, SourceRef, Validator } from '../../src/chart/claim.ts';
import { digestOf, type Descriptor, type Digest } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { readArtifact } from '../../src/formats/oci-artifact.ts';
import { TableReader } from '../../src/lib/shared-table.ts';
import type {
  Allowance,
  Artifacts,
  Description,
  Found,
  FoundArtifact,
  FoundArtifacts,
  HeldManifest,
  Incoming,
  Listing,
  Part,
  Unchanged,
  Upstream,
} from '../../src/upstream/contract.ts';
import type { TestArtifact } from './artifacts.ts';
import { chartArchive } from './charts.ts';

/** One row of what a fake upstream lists. */
export interface Row {
  readonly chart: string;
  readonly version: string;
  readonly source: SourceRef;
  /** Absent: upstream does not have the file. */
  readonly archive?: Buffer | undefined;
  readonly provenance?: Buffer | undefined;
  /** What its listing, or its description, promises. */
  readonly digest?: Digest | undefined;
  /** When it was made, as its listing says. */
  readonly created?: string | undefined;
  /** Further fields of its Chart.yaml. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** For a registry: a tag of something else. */
  readonly notAChart?: boolean | undefined;
}

type Method = 'list' | 'find' | 'describe' | 'open' | 'artifacts';

/** What stands beside a chart, and the tag that it hangs on. */
interface Beside {
  readonly artifact: TestArtifact;
  readonly tag: string | undefined;
}

/** An upstream in memory. Everything it is asked for is in `calls`, in order: `list`, `open archive demo-1.0.0`, ... */
export class FakeUpstream implements Upstream {
  readonly calls: string[] = [];
  /** What is awaited before an answer; it may throw. */
  readonly before: { [M in Method]?: ((call: string) => Promise<void> | void) | undefined } = {};
  rows: Row[] = [];
  rejected: Readonly<Record<string, number>> = {};
  /** While set, whatever is asked is answered with it. */
  down: Fault | undefined;
  /** Whether a listing that is equal to the last is 'unchanged'. */
  conditional = true;
  /** What it says is left of its rate limit. */
  left: Allowance | undefined;
  /** What stands beside its charts; absent until `attach` was called. */
  artifacts: Artifacts | undefined;
  readonly #beside: Beside[] = [];
  readonly #kind: 'chart-repository' | 'registry';

  constructor(kind: 'chart-repository' | 'registry' = 'chart-repository') {
    this.#kind = kind;
  }

  /** Lists one more version, by default with an archive that is what it should be. */
  async publish(chart: string, version: string, more: Partial<Row> = {}): Promise<Row> {
    const archive = 'archive' in more ? more.archive : await chartArchive({ name: chart, version, ...more.metadata });
    const digest = archive && digestOf(archive);
    const row = { chart, version, source: `${chart}-${version}`, digest, ...more, archive };
    this.rows.push(row);
    return row;
  }

  withdraw(chart: string, version: string): void {
    this.rows = this.rows.filter((row) => row.chart !== chart || row.version !== version);
  }

  /** Puts something beside a version: under a tag of cosign's, or what its `subject` says. From now on it says what there is. */
  attach(...all: readonly (readonly [artifact: TestArtifact, tag?: string])[]): void {
    this.#beside.push(...all.map(([artifact, tag]) => ({ artifact, tag })));
    this.artifacts = {
      referringTo: (source, manifest, held) => this.#referringTo(source, manifest, held),
      open: (_, part) => this.#openPart(part),
    };
  }

  /** Upstream has nothing beside its charts any more. */
  detachAll(): void {
    this.#beside.length = 0;
  }

  /** The digest of a version's manifest. */
  manifestOf(chart: string, version: string): Digest {
    const row = this.rows.find((one) => one.chart === chart && one.version === version);
    if (!row) throw new Error(`there is no ${chart} ${version}`);
    return digestOf(manifestOf(row));
  }

  /** How often something was asked. */
  count(call: string): number {
    return this.calls.filter((one) => one === call || one.startsWith(`${call} `)).length;
  }

  async list(validator: Validator | undefined): Promise<Listing | Unchanged> {
    await this.#asked('list', 'list');
    const claims = claimTable(this.rows.map((row) => (this.#kind === 'registry' ? tagOf(row) : claimOf(row))));
    const content = digestOf(Buffer.concat([...new TableReader(claims).text()]));
    if (this.conditional && validator?.content === content) return { unchanged: true, validator };
    return { claims, validator: { content }, rejected: this.rejected, examples: Object.keys(this.rejected) };
  }

  async find(chart: string, version: string): Promise<Found | undefined> {
    await this.#asked('find', `find ${chart}-${version}`);
    const row = this.rows.find((one) => one.chart === chart && one.version === version);
    return row && (this.#kind === 'registry' ? { ...tagOf(row), pinned: pinOf(row) } : claimOf(row));
  }

  allowance(): Allowance | undefined {
    return this.left;
  }

  async describe(source: SourceRef): Promise<Description | undefined> {
    await this.#asked('describe', `describe ${source}`);
    const row = this.rows.find((one) => one.source === source);
    if (row?.notAChart) throw new Fault('not-a-chart', `fake: ${source} is an image.`, 'Nothing to do.');
    if (!row) return undefined;
    return {
      claim: { ...claimOf(row), source: pinOf(row) },
      manifest: manifestOf(row),
      config: Buffer.from(`{"config":"${source}"}`),
    };
  }

  async open(source: SourceRef, part: Part): Promise<Incoming | undefined> {
    const [plain = ''] = source.split('@');
    await this.#asked('open', `open ${part} ${plain}`);
    const bytes = this.rows.find((one) => one.source === plain)?.[part];
    return bytes && { size: bytes.length, body: chunksOf(bytes) };
  }

  async #referringTo(source: SourceRef, manifest: Digest, held: HeldManifest): Promise<FoundArtifacts> {
    await this.#asked('artifacts', `artifacts ${source.split('@')[0]}`);
    const found: FoundArtifact[] = [];
    for (const { artifact, tag } of this.#beside) {
      const read = readArtifact(artifact.manifest);
      if ('why' in read) throw new Error(read.why);
      if (!(tag?.startsWith(manifest.replace(':', '-')) || read.subject === manifest)) continue;
      const bytes = (await held(artifact.digest)) ?? (await this.#fetched(artifact));
      const { mediaType, blobs, subject } = read;
      found.push({ manifest: bytes, mediaType, digest: artifact.digest, blobs, subject, tag });
    }
    return { artifacts: found, leftOut: [] };
  }

  async #fetched({ manifest, digest }: TestArtifact): Promise<Buffer> {
    await this.#asked('open', `open artifact ${digest}`);
    return manifest;
  }

  async #openPart({ digest }: Descriptor): Promise<Incoming | undefined> {
    await this.#asked('open', `open artifact ${digest}`);
    const all = this.#beside.flatMap(({ artifact }) => [artifact.manifest, ...artifact.blobs]);
    const bytes = all.find((one) => digestOf(one) === digest);
    return bytes && { size: bytes.length, body: chunksOf(bytes), digest };
  }

  async #asked(method: Method, call: string): Promise<void> {
    this.calls.push(call);
    await this.before[method]?.(call);
    if (this.down) throw this.down;
  }
}

/** What nobody answering looks like. */
export function unreachable(more: ConstructorParameters<typeof Fault>[3] = {}): Fault {
  return new Fault('upstream-unreachable', 'fake: no answer (connection refused).', 'Check the address.', more);
}

/** Another one for other bytes. */
function manifestOf({ source, digest }: Row): Buffer {
  return Buffer.from(`{"manifest":"${source}","layer":"${digest}"}`);
}

function pinOf(row: Row): SourceRef {
  return `${row.source}@${digestOf(manifestOf(row))}`;
}

function tagOf({ chart, version, source }: Row): Claim {
  return { chart, version, source };
}

function claimOf(row: Row): Claim {
  const metadata = JSON.stringify({ name: row.chart, version: row.version, apiVersion: 'v2', ...row.metadata });
  return { ...tagOf(row), digest: row.digest, created: row.created, metadata };
}

async function* chunksOf(bytes: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
}
