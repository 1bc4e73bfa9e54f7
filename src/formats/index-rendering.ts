import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { Catalog, isWithdrawn, type ChartVersion, type KnownClaim } from '../chart/catalog.ts';
import { hexOf, type Digest } from '../chart/digest.ts';
import { Snapshot, type KeptVersion } from '../chart/holding.ts';
import { archivePath } from '../chart/names.ts';
import { speakingClaim } from '../chart/survey.ts';
import type { SharedTable } from '../lib/shared-table.ts';
import { safeJson } from './safe-json.ts';

/** What an index is made of: the members in order, and which of them provides each chart, charts in order. */
export interface IndexParts {
  readonly members: readonly { readonly catalog: SharedTable; readonly snapshot: SharedTable }[];
  readonly owners: readonly (readonly [chart: string, member: number])[];
}

/** Finished bytes, and their sha256 in bare hex. */
export interface RenderedIndex {
  readonly identity: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

/** The annotation of a version that its upstream no longer has. */
const withdrawnAnnotation = 'chartroom/withdrawn';

/** Beyond this the best compression costs a second and wins little. */
const largeIndexBytes = 8 * 1024 * 1024;

/**
 * `index.yaml` as JSON (design decisions 5 to 7): only fields Helm knows, relative urls, no clock; equal input gives
 * equal bytes. `generated` is the greatest `created`.
 */
export function renderIndex({ members, owners }: IndexParts): RenderedIndex {
  const sources = members.map(({ catalog, snapshot }) => ({
    catalog: new Catalog(catalog),
    snapshot: new Snapshot(snapshot),
  }));
  const latest = new Latest();
  const output = new Output(members.reduce((size, { catalog }) => size + catalog.text.byteLength, 1024));
  output.add('{"apiVersion":"v1",\n"entries":{');
  let separator = '';
  for (const [chart, member] of owners) {
    const source = sources[member];
    if (source && renderChart(chart, source, separator, output, latest)) separator = ',';
  }
  output.add(latest.text === undefined ? '}}\n' : `},\n"generated":"${latest.text}"}\n`);
  const identity = output.finish();
  const level = identity.length > largeIndexBytes ? 1 : 6;
  const etag = createHash('sha256').update(identity).digest('hex');
  return { identity, gzip: gzipSync(identity, { level }), etag };
}

/** Text on its way into one buffer of its own, which can move to another thread. */
class Output {
  #bytes: Buffer<ArrayBuffer>;
  #size = 0;

  constructor(expectedBytes: number) {
    this.#bytes = Buffer.from(new ArrayBuffer(expectedBytes, { maxByteLength: 2 ** 31 }));
  }

  add(text: string): void {
    // UTF-16 code units take three bytes at most
    const needed = this.#size + text.length * 3;
    if (needed > this.#bytes.length) {
      this.#bytes.buffer.resize(Math.max(needed, Math.ceil(this.#bytes.length * 1.25)));
      this.#bytes = Buffer.from(this.#bytes.buffer);
    }
    this.#size += this.#bytes.write(text, this.#size);
  }

  finish(): Uint8Array<ArrayBuffer> {
    this.#bytes.buffer.resize(this.#size);
    return new Uint8Array(this.#bytes.buffer, 0, this.#size);
  }
}

/** The latest of many times, as it was written. */
class Latest {
  text: string | undefined;
  #ms = -Infinity;

  add(created: string): void {
    const ms = Date.parse(created);
    if (ms < this.#ms || (ms === this.#ms && created <= (this.text ?? ''))) return;
    this.#ms = ms;
    this.text = created;
  }
}

/** Adds a chart with its rows; false when none of its versions can be listed. */
function renderChart(
  chart: string,
  source: { readonly catalog: Catalog; readonly snapshot: Snapshot },
  separator: string,
  output: Output,
  latest: Latest,
): boolean {
  let before = `${separator}\n"${chart}":[\n`;
  const opening = before;
  for (const version of source.catalog.versions(chart)) {
    const held = source.snapshot.find(chart, version.version);
    const claim = speakingClaim(version, held);
    if (!claim) continue;
    if (claim.created) latest.add(claim.created);
    output.add(before + renderRow(version, claim, held));
    before = ',\n';
  }
  if (before === opening) return false;
  output.add('\n]');
  return true;
}

function renderRow(version: ChartVersion, claim: KnownClaim, held: KeptVersion | undefined): string {
  const metadata = claim.metadata ?? '{}';
  const described = isWithdrawn(version) ? annotate(metadata, withdrawnAnnotation) : metadata;
  const digest = offeredDigest(version, held);
  return [
    described.slice(0, -1),
    claim.created ? `,"created":"${claim.created}"` : '',
    digest ? `,"digest":"${hexOf(digest)}"` : '',
    `,"urls":["${archivePath(version.chart, version.version)}"]}`,
  ].join('');
}

/** The held digest, else a claimed one when there is exactly one. */
export function offeredDigest(version: ChartVersion, held: KeptVersion | undefined): Digest | undefined {
  if (held) return held.archive.digest;
  const claimed = new Set(version.claims.map((claim) => claim.digest).filter((digest) => digest !== undefined));
  return claimed.size === 1 ? [...claimed][0] : undefined;
}

function annotate(metadata: string, key: string): string {
  const fields = JSON.parse(metadata) as { readonly annotations?: Record<string, string> };
  const annotations = { ...fields.annotations, [key]: 'true' };
  return safeJson({ ...fields, annotations });
}
