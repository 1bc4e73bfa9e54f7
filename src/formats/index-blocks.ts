import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

import { Catalog, isWithdrawn, type ChartVersion, type KnownClaim } from '../chart/catalog.ts';
import { hexOf, type Digest } from '../chart/digest.ts';
import { Snapshot, type KeptVersion } from '../chart/holding.ts';
import { archivePath } from '../chart/names.ts';
import { Offering, type OfferRules } from '../chart/offering.ts';
import { speakingClaim } from '../chart/survey.ts';
import { TableReader, type SharedTable } from '../lib/shared-table.ts';
import { safeJson } from './safe-json.ts';

/** Some neighbouring charts of an index, rendered. */
export interface Block {
  /** In shared memory; empty when none of their versions can be listed. */
  readonly text: Uint8Array;
  /** The greatest `created` in it. */
  readonly latest?: string | undefined;
  /** Compressed, once somebody needed that. */
  deflated?: Uint8Array;
}

/** A chart, and who provides it. */
export interface IndexChart {
  readonly chart: string;
  readonly source: IndexSource;
}

/** A member of a repository: what it offers, and the lines that say so. */
export class IndexSource {
  readonly offering: Offering;
  readonly #catalog: TableReader;
  readonly #snapshot: TableReader;
  readonly #rules: string;

  constructor(member: { readonly catalog: SharedTable; readonly snapshot: SharedTable; readonly rules: OfferRules }) {
    this.offering = new Offering(new Catalog(member.catalog), new Snapshot(member.snapshot), member.rules);
    this.#catalog = new TableReader(member.catalog);
    this.#snapshot = new TableReader(member.snapshot);
    this.#rules = JSON.stringify(member.rules);
  }

  /** Everything that the rendering of a chart depends on. */
  *wordsOn(chart: string): IterableIterator<string | Uint8Array> {
    yield `${chart}\n${this.#rules}\n`;
    for (const table of [this.#catalog, this.#snapshot]) {
      const lines = table.linesOf(chart);
      if (lines) yield* table.text(...lines);
      yield '\n';
    }
  }

  /** Bytes of a chart's lines in the catalog. */
  sizeOf(chart: string): number {
    const [first, end] = this.#catalog.linesOf(chart) ?? [0, 0];
    let size = 0;
    for (const text of this.#catalog.text(first, end)) size += text.length;
    return size;
  }
}

const blockBytes = 128 * 1024;

/**
 * Neighbouring charts together, about 128 KiB of them. Where a block ends depends only on the chart that stands there, so
 * that a change moves no other block, and every replica cuts alike.
 */
export function* blocksOf(
  owners: readonly (readonly [chart: string, member: number])[],
  sources: readonly IndexSource[],
): IterableIterator<readonly IndexChart[]> {
  let charts: IndexChart[] = [];
  for (const [chart, member] of owners) {
    const source = sources[member];
    if (!source) continue;
    charts.push({ chart, source });
    if ((crc32(chart) / 2 ** 32) * blockBytes > source.sizeOf(chart)) continue;
    yield charts;
    charts = [];
  }
  if (charts.length > 0) yield charts;
}

/** Names a block by everything it is made of. */
export function keyOf(charts: readonly IndexChart[], isFirst: boolean): string {
  const hash = createHash('sha256').update(isFirst ? 'first\n' : 'later\n');
  for (const { chart, source } of charts) for (const words of source.wordsOn(chart)) hash.update(words);
  return hash.digest('base64');
}

/** Renders charts as they stand in the `entries` of an index; the first ones there have no comma before them. */
export function renderBlock(charts: readonly IndexChart[], isFirst: boolean): Block {
  const latest = new Latest();
  let text = '';
  for (const one of charts) text += renderChart(one, isFirst && text === '' ? '' : ',', latest);
  const size = Buffer.byteLength(text);
  // what can grow is mapped by itself
  const shared = Buffer.from(new SharedArrayBuffer(size, { maxByteLength: size }), 0, size);
  shared.write(text);
  return { text: shared, latest: latest.text };
}

/** The latest of many times, as it was written. */
export class Latest {
  text: string | undefined;
  #ms = -Infinity;

  add(created: string): void {
    const ms = Date.parse(created);
    if (ms < this.#ms || (ms === this.#ms && created <= (this.text ?? ''))) return;
    this.#ms = ms;
    this.text = created;
  }
}

/** A chart with its rows; empty when none of its versions can be listed. */
function renderChart({ chart, source: { offering } }: IndexChart, separator: string, latest: Latest): string {
  const rows: string[] = [];
  for (const version of offering.versions(chart)) {
    const held = offering.snapshot.find(chart, version.version);
    const claim = speakingClaim(version, held);
    if (!claim) continue;
    if (claim.created) latest.add(claim.created);
    rows.push(renderRow(version, claim, held));
  }
  return rows.length === 0 ? '' : `${separator}\n"${chart}":[\n${rows.join(',\n')}\n]`;
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

/** The annotation of a version that its upstream no longer has. */
const withdrawnAnnotation = 'chartroom/withdrawn';

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
