import { createHash, hash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import type { OfferRules } from '../chart/offering.ts';
import { contests, selectOwners, type Contest, type Owner } from '../chart/ownership.ts';
import type { RepositoryRules } from '../chart/rules.ts';
import { Selection } from '../chart/select.ts';
import { joinChunks } from '../lib/bytes.ts';
import { gzipOf } from '../lib/gzip.ts';
import { joinTables } from '../lib/joined-tables.ts';
import type { SharedTable } from '../lib/shared-table.ts';
import { blocksOf, Latest, renderBlock } from './index-blocks.ts';
import { Piece, RenderingMemory, type Block } from './index-memory.ts';
import { inputsOf, memberOf, type MemberView, type UpstreamTables } from './index-views.ts';

/** One upstream of a repository as it crosses to a thread. */
export interface IndexMember extends UpstreamTables {
  readonly rules: OfferRules;
}

/** What an index is made of: the members in order, the repository's rules, and the moment that they are applied to. */
export interface RepositoryParts {
  /** Its name. */
  readonly repository: string;
  readonly members: readonly IndexMember[];
  readonly rules: RepositoryRules;
  readonly nowMs: number;
  /** Keys of indexes that need not be made again. */
  readonly have: readonly string[];
}

/** What is listed. */
export interface IndexCounts {
  readonly charts: number;
  readonly versions: number;
}

/** Finished bytes, and their sha256 in bare hex. */
export interface RenderedIndex {
  /** In one piece, or, when there is very much of it, in pieces that threads and later renderings share. */
  readonly identity: readonly Uint8Array[];
  readonly gzip: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

export interface RenderedRepository {
  /** Names everything the index is made of: equal keys are equal bytes. */
  readonly key: string;
  /** Undefined for a key that `have` has. */
  readonly index: RenderedIndex | undefined;
  /** Whether it lists nothing. */
  readonly isEmpty: boolean;
  readonly owners: readonly (readonly [chart: string, owner: Owner])[];
  /** By member. */
  readonly contested: readonly (readonly Contest[])[];
  /** A line for each chart that is listed, names in order: the name, and its `ChartSummary` as JSON. */
  readonly shelf: SharedTable;
  readonly counts: IndexCounts;
  /** When it changes by itself, because a version has been known for long enough: epoch ms, `Infinity` for never. */
  readonly changesMs: number;
  /** Of the shared memory above, what was made for this: about as much is garbage once it takes the place of another one. */
  readonly madeBytes: number;
}

/** From which sizes on an index is treated otherwise, in bytes. */
export interface IndexSizes {
  /** It stays in pieces, each compressed by itself. */
  readonly medium: number;
  /** The best compression would cost a second and win little. */
  readonly large: number;
}

const usualSizes: IndexSizes = { medium: 2 * 1024 * 1024, large: 8 * 1024 * 1024 };
const [fastest, thorough] = [1, 6];

/**
 * A repository's `index.yaml` as JSON (design decisions 5 to 7) with what else is told of it: only fields Helm knows,
 * relative urls, no clock; equal input gives equal bytes, compressed or not, whatever `memory` holds. `generated` is the
 * greatest `created`. Only what `memory` does not have is rendered.
 */
export function renderRepository(
  parts: RepositoryParts,
  memory = new RenderingMemory(),
  sizes = usualSizes,
): RenderedRepository {
  const before = memory.madeBytes;
  const members = parts.members.map((member) => memberOf(member.name, memory.view(member), member.rules));
  const owners = selectOwners(members, parts.rules);
  const selection = new Selection(members, parts.rules, parts.nowMs, owners);
  const blocks = blocksIn(members, selection, parts.nowMs, memory);
  const all = [...blocks.values()];
  const { pieces, key } = assemble(all);
  const upstreams = members.map(({ name }) => name);
  memory.keep(parts.repository, { key, upstreams, blocks: [...blocks.keys()] }, parts.have);
  const charts = sum(all.map((block) => block.charts));
  const shelf = joinTables(all.flatMap(({ listed }) => listed?.shelf.table ?? []));
  return {
    key,
    index: parts.have.includes(key) ? undefined : finish(pieces, sizes),
    isEmpty: charts === 0,
    owners: [...owners],
    contested: contests(members, owners, (chart) => selection.providers(chart)),
    shelf,
    counts: { charts, versions: sum(all.map(({ versions }) => versions)) },
    changesMs: all.reduce((next, { changesMs }) => Math.min(next, changesMs), Infinity),
    madeBytes: memory.madeBytes - before,
  };
}

/** By their keys, in order. */
function blocksIn(
  members: readonly MemberView[],
  selection: Selection,
  nowMs: number,
  memory: RenderingMemory,
): ReadonlyMap<string, Block> {
  const { owners: _owners, overlap: _overlap, ...rules } = selection.rules;
  const ruling = JSON.stringify(rules);
  const timeMs = rules.cooldownMs > 0 ? nowMs : undefined;
  const blocks = new Map<string, Block>();
  let isFirst = true;
  for (const charts of blocksOf(inputsOf(members, selection))) {
    const words = charts.map(({ word }) => word).join('\n\n');
    const key = hash('sha256', `${isFirst}\n${ruling}\n${words}`, 'base64');
    const block = memory.block(key, timeMs, () => renderBlock(charts, { selection, isFirst, memory }));
    blocks.set(key, block);
    isFirst &&= !block.listed;
  }
  return blocks;
}

/** An index in pieces, and what names its bytes. */
function assemble(blocks: readonly Block[]): { readonly pieces: readonly Piece[]; readonly key: string } {
  const latest = new Latest();
  for (const block of blocks) if (block.latest) latest.add(block.latest);
  const ending = latest.text === undefined ? '}}\n' : `},\n"generated":"${latest.text}"}\n`;
  const listed = blocks.flatMap((block) => block.listed?.piece ?? []);
  const pieces = [pieceOf('{"apiVersion":"v1",\n"entries":{'), ...listed, pieceOf(ending)];
  return { pieces, key: hash('sha256', pieces.map(({ digest }) => digest).join('\n'), 'base64') };
}

function pieceOf(text: string): Piece {
  return new Piece(new TextEncoder().encode(text), hash('sha256', text, 'base64'));
}

function finish(pieces: readonly Piece[], { medium, large }: IndexSizes): RenderedIndex {
  const identity = pieces.map(({ text }) => text);
  const size = sum(identity.map(({ length }) => length));
  if (size < medium) return inOnePiece(identity);
  const digest = createHash('sha256');
  for (const text of identity) digest.update(text);
  const level = size < large ? thorough : fastest;
  const deflated = pieces.map((piece) => piece.deflated(level));
  return { identity, gzip: gzipOf(deflated, identity), etag: digest.digest('hex') };
}

function inOnePiece(identity: readonly Uint8Array[]): RenderedIndex {
  const { bytes } = joinChunks(identity);
  return { identity: [bytes], gzip: gzipSync(bytes, { level: thorough }), etag: hash('sha256', bytes) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
