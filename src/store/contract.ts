import type { ByteRange, OpenBytes } from '../lib/bytes.ts';

/** What a store knows of an object without reading it. `etag` changes whenever the bytes do; opaque. */
export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  /** From `head`: good for a precondition. From `list`: only tells whether the object changed between two lists. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
}

/** What must be true for a write to happen: nothing there yet, or still the object with this etag. */
export type Precondition = 'absent' | { readonly etag: string };

export interface Written {
  readonly etag: string;
}

/** An object on its way out, with the etag of the very bytes that `body` delivers. */
export interface OpenObject extends OpenBytes {
  readonly etag: string;
}

/**
 * A flat namespace of whole objects, on a disk or in a bucket. Absence is `undefined`; other trouble is a
 * 'store-failed' fault, also as the error of a `body`. Keys are segments of 1 to 240 characters `[A-Za-z0-9._+~-]`
 * joined by `/`, none of them `.` or `..`, 900 characters at most; any other key is a 'store-failed' fault before
 * anything is touched. No key is the folder of another: who has `a/b` never writes `a`.
 *
 * A write that ended in a fault may still have happened: read before doing it again differently.
 */
export interface ObjectStore {
  head(key: string): Promise<ObjectInfo | undefined>;
  /** `range` must lie within the object. What the caller does not consume, it destroys. Up to 1 MiB comes as a Buffer. */
  read(key: string, range?: ByteRange): Promise<OpenObject | undefined>;
  /**
   * All or nothing, durable once it resolves: who reads meanwhile gets the whole object of before or the whole new one.
   * The object has a fresh `modifiedMs` then, also when it had the same bytes before. `onlyIf` fails: answers
   * 'conflict' and changes nothing. Without `onlyIf` whatever is there is replaced.
   */
  write(key: string, bytes: Uint8Array, onlyIf?: Precondition): Promise<Written | 'conflict'>;
  /** Removing what is not there succeeds. Not ordered with a conditional write of the same key that is under way. */
  remove(key: string): Promise<void>;
  /** Every object whose key starts with `prefix` (itself the start of a key, or empty), in no promised order. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
}

/** A store that is contacted when `prepare` is called, and again until that succeeds. */
export interface PreparedStore {
  readonly store: ObjectStore;
  /** Rejects with 'store-failed' when the place is not there, is not ours, or does not answer. */
  readonly prepare: () => Promise<void>;
  /** Whether preconditions hold between processes: true until `prepare` found that only one process may write. */
  readonly conditional: () => boolean;
  /**
   * Takes away what writes that were interrupted longer ago than this left behind, never an object. Answers how many
   * leftovers there were.
   */
  readonly tidy: (olderThanMs: number) => Promise<number>;
  /** Drops its connections. */
  readonly close: () => void;
}
