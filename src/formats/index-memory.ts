import { hash } from 'node:crypto';

import { deflatePiece } from '../lib/gzip.ts';
import { tableOf, type SharedTable } from '../lib/shared-table.ts';
import { noteUnseenGarbage } from '../lib/unseen-garbage.ts';
import { UpstreamView, type UpstreamTables } from './index-views.ts';

/** A part of indexes. */
export class Piece {
  /** In shared memory, but in plain memory of its own where that is of no use. */
  readonly text: Uint8Array;
  /** Names the text. */
  readonly digest: string;
  readonly #deflated = new Map<number, Uint8Array>();

  constructor(text: Uint8Array, digest: string) {
    this.text = text;
    this.digest = digest;
  }

  /** Compressed, once for each level. */
  deflated(level: number): Uint8Array {
    const deflated = this.#deflated.get(level) ?? deflatePiece(this.text, level);
    this.#deflated.set(level, deflated);
    return deflated;
  }
}

/** A part of shelves. */
export interface Shelf {
  readonly table: SharedTable;
  /** Names the text. */
  readonly digest: string;
}

/** Some neighbouring charts of a repository, rendered. */
export interface Block {
  /** As they stand in the index and on the shelf; undefined when none of their versions is listed. */
  readonly listed: { readonly piece: Piece; readonly shelf: Shelf } | undefined;
  /** The latest `created` in it, as it was written. */
  readonly latest: string | undefined;
  /** How much is listed. */
  readonly charts: number;
  readonly versions: number;
  /** When it changes by itself: epoch ms, `Infinity` for never. */
  readonly changesMs: number;
}

/** A block, and since when it is what it is: epoch ms. */
interface Kept {
  readonly block: Block;
  readonly sinceMs: number;
}

/** What a repository was made of last. */
interface Remembered {
  /** Of its index. */
  readonly key: string;
  readonly upstreams: readonly string[];
  /** Their keys. */
  readonly blocks: readonly string[];
}

/**
 * What renderings share with each other and with later ones: opened tables by upstream, blocks by what they are made of,
 * and equal texts. What no served index needs any more is forgotten.
 */
export class RenderingMemory {
  readonly #views = new Map<string, UpstreamView>();
  readonly #blocks = new Map<string, Kept>();
  readonly #pieces = new Map<string, Piece>();
  readonly #shelves = new Map<string, Shelf>();
  readonly #repositories = new Map<string, Remembered>();
  #madeBytes = 0;

  /** How much text was made so far. */
  get madeBytes(): number {
    return this.#madeBytes;
  }

  /** The tables of an upstream, opened. */
  view(tables: UpstreamTables): UpstreamView {
    const known = this.#views.get(tables.name);
    if (known?.edition === tables.edition) return known;
    const view = new UpstreamView(tables);
    this.#views.set(tables.name, view);
    return view;
  }

  /** The block of a key as it is at a moment, which does not matter to most; `render` makes it when it is not there. */
  block(key: string, nowMs: number | undefined, render: () => Block): Block {
    const known = this.#blocks.get(key);
    const isTimeless = nowMs === undefined;
    if (known && (isTimeless || (known.sinceMs <= nowMs && nowMs < known.block.changesMs))) return known.block;
    const block = render();
    this.#blocks.set(key, { block, sinceMs: nowMs ?? -Infinity });
    return block;
  }

  /** The piece of a text. */
  piece(text: string): Piece {
    return this.#intern(this.#pieces, text, (bytes, digest) => new Piece(shared(bytes), digest));
  }

  /** The part of shelves that has these lines. */
  shelf(lines: string): Shelf {
    return this.#intern(this.#shelves, lines, (bytes, digest) => ({ table: tableOf([bytes]), digest }));
  }

  #intern<T>(all: Map<string, T>, text: string, make: (bytes: Uint8Array, digest: string) => T): T {
    const bytes = Buffer.from(text);
    const digest = hash('sha256', bytes, 'base64');
    const known = all.get(digest);
    if (known) return known;
    const made = make(bytes, digest);
    all.set(digest, made);
    this.#madeBytes += bytes.length;
    return made;
  }

  /** Remembers what a repository is made of, and of the others what is served still: the indexes of the keys in `have`. */
  keep(repository: string, remembered: Remembered, have: readonly string[]): void {
    const served = new Set(have);
    for (const [name, { key }] of this.#repositories) if (!served.has(key)) this.#repositories.delete(name);
    this.#repositories.set(repository, remembered);
    const all = [...this.#repositories.values()];
    keepOnly(this.#views, new Set(all.flatMap(({ upstreams }) => upstreams)));
    keepOnly(this.#blocks, new Set(all.flatMap(({ blocks }) => blocks)));
    const listed = [...this.#blocks.values()].flatMap(({ block }) => block.listed ?? []);
    keepOnly(this.#shelves, new Set(listed.map(({ shelf }) => shelf.digest)));
    const gone = keepOnly(this.#pieces, new Set(listed.map(({ piece }) => piece.digest)));
    noteUnseenGarbage(gone.reduce((size, { text }) => size + text.length, 0));
  }
}

/** Answers with what is left out. */
function keepOnly<T>(all: Map<string, T>, wanted: ReadonlySet<string>): readonly T[] {
  const gone: T[] = [];
  for (const [key, value] of all) {
    if (wanted.has(key)) continue;
    all.delete(key);
    gone.push(value);
  }
  return gone;
}

function shared(bytes: Uint8Array): Uint8Array {
  // what can grow is mapped by itself, and given back as soon as nobody refers to it
  const memory = new SharedArrayBuffer(bytes.length, { maxByteLength: bytes.length });
  const text = Buffer.from(memory, 0, bytes.length);
  text.set(bytes);
  return text;
}
