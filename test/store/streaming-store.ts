import { Readable } from 'node:stream';

import { digestOf, type Descriptor } from '../../src/chart/digest.ts';
import { readAll, type OpenBytes } from '../../src/lib/bytes.ts';
import type { ObjectStore, OpenObject } from '../../src/store/contract.ts';
import { memoryStore } from '../../src/store/memory.ts';

const mebibyte = 1024 * 1024;
const chunkBytes = 64 * 1024;

/** What was asked of a store, and what it gave. */
export interface StreamingStore extends ObjectStore {
  readonly calls: string[];
  readonly bodies: Readable[];
  failing: boolean;
}

/** A store in memory that streams as the others do, counts what is asked of it, and fails when told to. */
export function streamingStore(): StreamingStore {
  const store = memoryStore();
  const asked = <T>(call: string, work: () => Promise<T>): Promise<T> => {
    watched.calls.push(call);
    return watched.failing ? Promise.reject(new Error('the store is gone')) : work();
  };
  const streamed = (object: OpenObject | undefined): OpenObject | undefined => {
    if (!object || object.total <= mebibyte || !Buffer.isBuffer(object.body)) return object;
    const bytes = object.body;
    const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, at) =>
      bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes),
    );
    const body = Readable.from(chunks, { objectMode: false });
    watched.bodies.push(body);
    return { ...object, body };
  };
  const watched: StreamingStore = {
    calls: [],
    bodies: [],
    failing: false,
    head: (key) => asked('head', () => store.head(key)),
    read: (key, range) => asked(range ? 'range' : 'read', async () => streamed(await store.read(key, range))),
    write: (key, bytes, onlyIf) => asked('write', () => store.write(key, bytes, onlyIf)),
    remove: (key) => asked('remove', () => store.remove(key)),
    list: (prefix) => store.list(prefix),
  };
  return watched;
}

/** A descriptor that says what these bytes are. */
export function descriptorOf(bytes: Uint8Array): Descriptor {
  return { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.byteLength };
}

/** All of what was opened; throws when that is nothing. */
export async function bytesOf(open: OpenBytes | undefined): Promise<Buffer> {
  if (!open) throw new Error('nothing there');
  return Buffer.isBuffer(open.body) ? open.body : readAll(open.body, open.size);
}

/** The same bytes but for one bit at the end. */
export function spoiled(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
  return copy;
}
