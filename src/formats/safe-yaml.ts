import { FAILSAFE_SCHEMA, load, Type, type EventType, type State } from 'js-yaml';

import { charsAsKey } from './yaml-keys.ts';

const nullWords = new Set(['', '~', 'null', 'Null', 'NULL']);

const nothing = new Type('tag:yaml.org,2002:null', {
  kind: 'scalar',
  resolve: (text: string | null) => text === null || nullWords.has(text),
  construct: () => null,
});

const merge = new Type('tag:yaml.org,2002:merge', { kind: 'scalar', resolve: (text: string | null) => text === '<<' });

/**
 * How YAML of others is read: scalars stay the text that was written (`version: 1.10`, dates, `0x1f`); only null and
 * merge keys mean something. js-yaml refuses nesting beyond 100 levels and merge bombs by itself, and duplicate keys
 * unless it is told otherwise.
 */
export const writtenText = FAILSAFE_SCHEMA.extend({ implicit: [nothing, merge] });

/** Of keys and values in a mapping, or of items in a list: beyond it js-yaml takes seconds and gigabytes. */
const maxChildren = 200_000;
const maxAnchors = 10_000;
const maxDepth = 100;

/** Bounds on how much a document may say. */
interface YamlLimits {
  /** Anchors beyond this many are refused: a piece of a document cannot have any. */
  readonly maxAnchors?: number;
}

/**
 * Reads one YAML document, scalars as text. Throws js-yaml's `YAMLException`, which says where, or an `Error` for a
 * document that is built to be hard to read: read with its aliases followed it is never deeper than 100 levels, and
 * never much larger than it is.
 */
export function parseYamlText(text: string, limits: YamlLimits = {}): unknown {
  const maxSize = 4 * text.length + 4 * 1024 * 1024;
  const counter = new Counter(limits.maxAnchors ?? maxAnchors, maxSize);
  const document: unknown = load(text, { schema: writtenText, listener: counter.listener });
  if (counter.anchors > 0) refuseExpansion(document, maxSize);
  return document;
}

/** Watches a document being read, and stops when there is too much of it. */
class Counter {
  anchors = 0;
  readonly #maxAnchors: number;
  #charsOfKeys: number;
  readonly #children: number[] = [];

  constructor(maxAnchorCount: number, maxSize: number) {
    this.#maxAnchors = maxAnchorCount;
    this.#charsOfKeys = maxSize;
  }

  readonly listener = (event: EventType, state: State): void => {
    const { depth, anchor, result } = state as State & { readonly depth: number; readonly anchor: string | null };
    if (event === 'open') this.#open(depth);
    else this.#close(anchor, result);
  };

  #open(depth: number): void {
    this.#children[depth] = 0;
    const siblings = (this.#children[depth - 1] ?? 0) + 1;
    this.#children[depth - 1] = siblings;
    if (siblings > maxChildren) throw new Error(`a list or mapping has more than ${maxChildren} entries`);
  }

  #close(anchor: string | null, result: unknown): void {
    if (anchor !== null) this.anchors += 1;
    if (this.anchors > this.#maxAnchors) throw new Error(`it has more than ${this.#maxAnchors} anchors`);
    this.#charsOfKeys -= charsAsKey(result);
    if (this.#charsOfKeys < 0) throw tooLarge();
  }
}

function tooLarge(): Error {
  return new Error('its aliases make it too large');
}

interface Extent {
  readonly size: number;
  readonly depth: number;
}

/** Refuses what grows beyond `maxSize` characters when each alias is read as what it stands for, or into itself. */
function refuseExpansion(document: unknown, maxSize: number): void {
  const known = new Map<object, Extent>();
  const extentOf = (value: unknown, level: number): Extent => {
    if (typeof value !== 'object' || value === null) return { size: String(value).length + 2, depth: 0 };
    const seen = known.get(value);
    if (level + (seen?.depth ?? 0) > maxDepth) throw new Error(`its aliases nest deeper than ${maxDepth} levels`);
    if (seen) return seen;
    let [size, depth] = [2, 0];
    for (const [key, one] of Object.entries(value)) {
      const inner = extentOf(one, level + 1);
      size += key.length + 2 + inner.size;
      depth = Math.max(depth, inner.depth + 1);
      if (size > maxSize) throw tooLarge();
    }
    const extent = { size, depth };
    known.set(value, extent);
    return extent;
  };
  extentOf(document, 0);
}
