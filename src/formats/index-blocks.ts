import { crc32 } from 'node:zlib';

import { isWithdrawn, type ChartVersion } from '../chart/catalog.ts';
import type { KnownClaim } from '../chart/claim.ts';
import { hexOf, type Digest } from '../chart/digest.ts';
import type { KeptVersion } from '../chart/holding.ts';
import { archivePath } from '../chart/names.ts';
import type { Listed, Selection } from '../chart/select.ts';
import { summarize } from './chart-summary.ts';
import type { Block, RenderingMemory } from './index-memory.ts';
import type { ChartInput } from './index-views.ts';
import { safeJson } from './safe-json.ts';

const blockBytes = 128 * 1024;
/** A chart that is as large is a block by itself: others can have it then, whatever its neighbours are there. */
const aloneBytes = blockBytes / 2;

/**
 * Neighbouring charts together, about 128 KiB of them. Where a block ends depends only on the charts that stand there, so
 * that a change moves no other block, and every replica cuts alike.
 */
export function* blocksOf(charts: Iterable<ChartInput>): IterableIterator<readonly ChartInput[]> {
  let block: ChartInput[] = [];
  for (const one of charts) {
    const { chart, bytes } = one;
    if (bytes >= aloneBytes && block.length > 0) {
      yield block;
      block = [];
    }
    block.push(one);
    if (bytes < aloneBytes && (crc32(chart) / 2 ** 32) * blockBytes > bytes) continue;
    yield block;
    block = [];
  }
  if (block.length > 0) yield block;
}

/** What blocks are rendered of. */
export interface BlockParts {
  readonly selection: Selection;
  /** The first charts of an index have no comma before them. */
  readonly isFirst: boolean;
  /** Where texts are kept. */
  readonly memory: Pick<RenderingMemory, 'piece' | 'shelf'>;
}

/** Renders neighbouring charts. */
export function renderBlock(charts: readonly ChartInput[], { selection, isFirst, memory }: BlockParts): Block {
  const latest = new Latest();
  const nameOf = (member: number): string => selection.members[member]?.name ?? '';
  let [text, shelf, count, versions, changesMs] = ['', '', 0, 0, Infinity];
  for (const { chart } of charts) {
    changesMs = Math.min(changesMs, selection.changesMs(chart));
    const listed = [...selection.listed(chart)];
    if (listed.length === 0) continue;
    text += renderChart(chart, listed, isFirst && text === '' ? '' : ',', latest);
    shelf += `${chart}\t${summarize(chart, listed, nameOf)}\n`;
    count += 1;
    versions += listed.length;
  }
  const listed = text === '' ? undefined : { piece: memory.piece(text), shelf: memory.shelf(shelf) };
  return { listed, latest: latest.text, charts: count, versions, changesMs };
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

/** A chart with its rows as it stands in the `entries` of an index. `listed` is not empty. */
function renderChart(chart: string, listed: readonly Listed[], separator: string, latest: Latest): string {
  const rows = listed.map(({ version, claim, held }) => {
    if (claim.created) latest.add(claim.created);
    return renderRow(version, claim, held);
  });
  return `${separator}\n"${chart}":[\n${rows.join(',\n')}\n]`;
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
