import { LRUCache } from 'lru-cache';

import { digestOf, type Descriptor, type Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import { readAll, TooManyBytes, type ByteRange, type OpenBytes } from '../lib/bytes.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { ObjectStore, OpenObject } from './contract.ts';
import { blobKey } from './layout.ts';
import { verifiedStream } from './verified-stream.ts';

/** Blobs up to this size are read and verified as a whole before the first byte goes out. */
const wholeBytes = 8 * 1024 * 1024;

const defaultHotBytes = 128 * 1024 * 1024;

/** The cause of the fault for a blob whose bytes are not the ones that its name promises. */
export class DamagedBlob extends Error {
  override readonly name = 'DamagedBlob';
  readonly digest: Digest;

  constructor(digest: Digest) {
    super(`${digest} is damaged`);
    this.digest = digest;
  }
}

export interface BlobsOptions {
  /** How many bytes stay in memory, most recently used first. */
  readonly maxHotBytes?: number;
}

/**
 * Bytes by digest. Nothing leaves that was not verified: a blob up to 8 MiB is hashed before its first byte, a larger
 * one before its last, and a part of a larger one after the whole was hashed once. Damage and every other trouble of
 * the store is a 'store-failed' fault; what is in memory goes on being answered meanwhile.
 */
export class Blobs {
  readonly #store: ObjectStore;
  readonly #hot: LRUCache<Digest, Buffer>;
  /** Large blobs that were verified in this process, with the etag of the object that was. */
  readonly #verified = new LRUCache<Digest, string>({ max: 10_000 });
  /** Blobs seen damaged: the next `put` of one replaces it. */
  readonly #damaged = new Set<Digest>();
  readonly #reads = new SingleFlight<Buffer | undefined>();
  readonly #checks = new SingleFlight<string | undefined>();

  constructor(store: ObjectStore, options: BlobsOptions = {}) {
    this.#store = store;
    this.#hot = new LRUCache({
      maxSize: options.maxHotBytes ?? defaultHotBytes,
      sizeCalculation: (bytes) => Math.max(1, bytes.length),
    });
  }

  /** The whole blob, if it is in memory. */
  hot(digest: Digest): Buffer | undefined {
    return this.#hot.get(digest);
  }

  /**
   * The blob, or the part of it that `range` names, which lies within it; undefined when the store has none. A promise
   * only when it is not in memory. Whoever gets a stream consumes or destroys it.
   */
  open(descriptor: Descriptor, range?: ByteRange): OpenBytes | undefined | Promise<OpenBytes | undefined> {
    const hot = this.#hot.get(descriptor.digest);
    if (hot) return partOf(hot, range);
    return descriptor.size <= wholeBytes ? this.#openWhole(descriptor, range) : this.#openLarge(descriptor, range);
  }

  /** Keeps bytes, durable once it resolves. What is there already with the same size is not written again. */
  async put(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
    const digest = digestOf(bytes);
    const key = blobKey(digest);
    const there = this.#damaged.has(digest) ? undefined : await this.#store.head(key);
    if (there?.size !== bytes.byteLength) await this.#store.write(key, bytes);
    this.#damaged.delete(digest);
    // filling ahead must not push out what clients ask for
    if (this.#hot.calculatedSize + bytes.byteLength <= this.#hot.maxSize) this.remember(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  }

  /** Puts verified bytes into memory only, for when the store does not take them. */
  remember(digest: Digest, bytes: Uint8Array): void {
    this.#hot.set(digest, ownBuffer(bytes));
  }

  async #openWhole(descriptor: Descriptor, range: ByteRange | undefined): Promise<OpenBytes | undefined> {
    const bytes = await this.#reads.run(`${descriptor.digest} ${descriptor.size}`, () => this.#readWhole(descriptor));
    return bytes && partOf(bytes, range);
  }

  async #readWhole(descriptor: Descriptor): Promise<Buffer | undefined> {
    const object = await this.#store.read(blobKey(descriptor.digest));
    if (!object) return undefined;
    const bytes = await this.#collect(object, descriptor);
    if (bytes.length !== descriptor.size || digestOf(bytes) !== descriptor.digest)
      throw this.#damage(descriptor.digest);
    this.#hot.set(descriptor.digest, bytes);
    return bytes;
  }

  async #collect(object: OpenObject, descriptor: Descriptor): Promise<Buffer> {
    if (Buffer.isBuffer(object.body)) return object.body;
    try {
      return await readAll(object.body, descriptor.size);
    } catch (error) {
      throw error instanceof TooManyBytes ? this.#damage(descriptor.digest) : error;
    }
  }

  async #openLarge(
    descriptor: Descriptor,
    range: ByteRange | undefined,
    again = false,
  ): Promise<OpenBytes | undefined> {
    const { digest } = descriptor;
    if (range && !this.#verified.has(digest) && !(await this.#verify(descriptor))) return undefined;
    const object = await this.#store.read(blobKey(digest), range);
    if (!object) return undefined;
    if (object.total !== descriptor.size) throw this.#damage(digest, object);
    if (object.etag === this.#verified.get(digest)) return object;
    if (!range) return this.#openVerifying(object, descriptor);
    if (again) throw this.#damage(digest, object);
    // another object than the one that was verified: verify this one
    discard(object);
    await this.#verify(descriptor);
    return this.#openLarge(descriptor, range, true);
  }

  #openVerifying(object: OpenObject, descriptor: Descriptor): OpenBytes {
    if (Buffer.isBuffer(object.body)) {
      if (digestOf(object.body) !== descriptor.digest) throw this.#damage(descriptor.digest);
      return object;
    }
    const body = verifiedStream(object.body, descriptor, {
      toError: () => this.#damage(descriptor.digest),
      onVerified: () => this.#verified.set(descriptor.digest, object.etag),
    });
    return { ...object, body };
  }

  /** Reads a large blob through the hash, whoever asks meanwhile waiting for the same pass. Answers with its etag. */
  #verify(descriptor: Descriptor): Promise<string | undefined> {
    return this.#checks.run(descriptor.digest, async () => {
      const object = await this.#store.read(blobKey(descriptor.digest));
      if (!object) return undefined;
      if (object.total !== descriptor.size) throw this.#damage(descriptor.digest, object);
      const { body } = this.#openVerifying(object, descriptor);
      if (!Buffer.isBuffer(body)) for await (const chunk of body) void chunk;
      this.#verified.set(descriptor.digest, object.etag);
      return object.etag;
    });
  }

  /** The one place that learns of damage. */
  #damage(digest: Digest, object?: OpenObject): Fault {
    if (object) discard(object);
    this.#damaged.add(digest);
    this.#verified.delete(digest);
    return new Fault(
      'store-failed',
      `the blob ${digest} in the store is damaged: its bytes are not the ones it is named after`,
      'Check the disk or bucket; the blob is written anew when it is fetched again.',
      { cause: new DamagedBlob(digest) },
    );
  }
}

function discard({ body }: OpenObject): void {
  if (!Buffer.isBuffer(body)) body.destroy();
}

function partOf(bytes: Buffer, range: ByteRange | undefined): OpenBytes {
  const body = range ? bytes.subarray(range.start, range.end + 1) : bytes;
  return { size: body.length, total: bytes.length, body };
}

/** A small view would keep all of a large memory alive, unseen by the bound on hot bytes. */
function ownBuffer(bytes: Uint8Array): Buffer {
  const whole = bytes.byteLength === bytes.buffer.byteLength;
  return whole ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : Buffer.from(bytes);
}
