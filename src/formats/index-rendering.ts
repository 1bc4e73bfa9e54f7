import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import type { OfferRules } from '../chart/offering.ts';
import { joinChunks } from '../lib/bytes.ts';
import { deflatePiece, gzipOf } from '../lib/gzip.ts';
import type { SharedTable } from '../lib/shared-table.ts';
import { noteUnseenGarbage } from '../lib/unseen-garbage.ts';
import { blocksOf, IndexSource, keyOf, Latest, renderBlock, type Block } from './index-blocks.ts';

/** What an index is made of: the members in order, and which of them provides each chart, charts in order. */
export interface IndexParts {
  readonly members: readonly {
    readonly catalog: SharedTable;
    readonly snapshot: SharedTable;
    readonly rules: OfferRules;
  }[];
  readonly owners: readonly (readonly [chart: string, member: number])[];
}

/** Finished bytes, and their sha256 in bare hex. */
export interface RenderedIndex {
  /** In one piece, or, when there is very much of it, in pieces that threads and later renderings share. */
  readonly identity: readonly Uint8Array[];
  readonly gzip: Uint8Array<ArrayBuffer>;
  readonly etag: string;
  /** Whether it lists nothing. */
  readonly isEmpty: boolean;
}

/** What `renderIndex` keeps of a large index from one rendering to the next: blocks by what they were made of. */
export type BlockMemory = Map<string, Block>;

/** Beyond this an index stays in blocks, and the best compression would cost a second and win little. */
const largeIndexBytes = 8 * 1024 * 1024;
const fastest = 1;

/**
 * `index.yaml` as JSON (design decisions 5 to 7): only fields Helm knows, relative urls, no clock; equal input gives
 * equal bytes, compressed or not, whatever `memory` holds. `generated` is the greatest `created`. Of a large index only
 * the blocks that `memory` does not have are rendered.
 */
export function renderIndex(
  { members, owners }: IndexParts,
  memory: BlockMemory = new Map(),
  largeBytes = largeIndexBytes,
): RenderedIndex {
  const sources = members.map((member) => new IndexSource(member));
  const used = new Map<string, Block>();
  const latest = new Latest();
  let isFirst = true;
  for (const charts of blocksOf(owners, sources)) {
    const key = keyOf(charts, isFirst);
    const block: Block = memory.get(key) ?? renderBlock(charts, isFirst);
    used.set(key, block);
    if (block.latest) latest.add(block.latest);
    isFirst &&= block.text.length === 0;
  }
  memory.clear();
  const opening = Buffer.from('{"apiVersion":"v1",\n"entries":{');
  const ending = Buffer.from(latest.text === undefined ? '}}\n' : `},\n"generated":"${latest.text}"}\n`);
  const blocks = [{ text: opening }, ...used.values(), { text: ending }].filter(({ text }) => text.length > 0);
  if (blocks.reduce((size, { text }) => size + text.length, 0) <= largeBytes)
    return { ...inOnePiece(blocks), isEmpty: isFirst };
  for (const [key, block] of used) memory.set(key, block);
  return { ...inBlocks(blocks), isEmpty: isFirst };
}

type AnyBlock = Pick<Block, 'text' | 'deflated'>;

function inOnePiece(blocks: readonly AnyBlock[]): Omit<RenderedIndex, 'isEmpty'> {
  const { bytes } = joinChunks(blocks.map(({ text }) => text));
  const etag = createHash('sha256').update(bytes).digest('hex');
  return { identity: [bytes], gzip: gzipSync(bytes, { level: 6 }), etag };
}

function inBlocks(blocks: readonly AnyBlock[]): Omit<RenderedIndex, 'isEmpty'> {
  const identity = blocks.map(({ text }) => text);
  const hash = createHash('sha256');
  for (const text of identity) hash.update(text);
  noteUnseenGarbage(identity.reduce((size, { length }) => size + length, 0));
  const deflated = blocks.map((block) => (block.deflated ??= deflatePiece(block.text, fastest)));
  return { identity, gzip: gzipOf(deflated, identity), etag: hash.digest('hex') };
}
