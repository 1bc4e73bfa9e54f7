import { digestOf } from '../chart/digest.ts';
import type { ByteRange } from '../lib/bytes.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import type { ObjectInfo, ObjectStore, OpenObject, Precondition, PreparedStore, Written } from './contract.ts';
import { requireKey, requirePrefix, requireRange } from './keys.ts';
import { openLayout } from './layout.ts';

interface Kept {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly modifiedMs: number;
}

/** A store that lasts as long as the process, for tests. Bodies are always Buffers. */
export function memoryStore(options: { readonly clock?: Clock } = {}): ObjectStore {
  return new MemoryStore(options.clock ?? systemClock);
}

/** The same, put together as the engine wants it: it leaves nothing behind that could be tidied away. */
export function openMemory(options: { readonly clock?: Clock } = {}): PreparedStore {
  const store = memoryStore(options);
  return {
    store,
    prepare: () => openLayout(store),
    conditional: () => true,
    tidy: async () => 0,
    close: () => undefined,
  };
}

class MemoryStore implements ObjectStore {
  readonly #clock: Clock;
  readonly #objects = new Map<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    requireKey(key);
    const kept = this.#objects.get(key);
    return kept && infoOf(key, kept);
  }

  async read(key: string, range?: ByteRange): Promise<OpenObject | undefined> {
    requireKey(key);
    const kept = this.#objects.get(key);
    if (!kept) return undefined;
    requireRange(key, range, kept.bytes.length);
    const body = Buffer.from(range ? kept.bytes.subarray(range.start, range.end + 1) : kept.bytes);
    return { size: body.length, total: kept.bytes.length, etag: kept.etag, body };
  }

  async write(key: string, bytes: Uint8Array, onlyIf?: Precondition): Promise<Written | 'conflict'> {
    requireKey(key);
    const current = this.#objects.get(key);
    if (onlyIf === 'absent' ? current : onlyIf && current?.etag !== onlyIf.etag) return 'conflict';
    const kept = { bytes: Buffer.from(bytes), etag: digestOf(bytes), modifiedMs: this.#clock.now() };
    this.#objects.set(key, kept);
    return { etag: kept.etag };
  }

  async remove(key: string): Promise<void> {
    requireKey(key);
    this.#objects.delete(key);
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    requirePrefix(prefix);
    for (const [key, kept] of Array.from(this.#objects)) if (key.startsWith(prefix)) yield infoOf(key, kept);
  }
}

function infoOf(key: string, { bytes, etag, modifiedMs }: Kept): ObjectInfo {
  return { key, size: bytes.length, etag, modifiedMs };
}
