import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';

import { LRUCache } from 'lru-cache';

import { digestOf, type Descriptor, type Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import { readAll, TooManyBytes, type ByteRange, type OpenBytes } from '../lib/bytes.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import type { ObjectStore, OpenObject } from './contract.ts';
import { blobKey } from './layout.ts';
import { verifiedStream } from './verified-stream.ts';

/** Blobs up to this size are read and verified as a whole before the first byte goes out. */
const wholeBytes = 8 * 1024 * 1024;

const defaultHotBytes = 128 * 1024 * 1024;
/** A blob that was damaged is looked at again after this: another process may have put it anew. */
const quarantineMs = 60_000;

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
  readonly clock?: Clock;
  /** Called each time a blob was found damaged while it was opened or read, before anybody is told. Must not throw. */
  readonly onDamage?: (digest: Digest) => void;
}

/**
 * Bytes by digest. Nothing leaves that was not verified: a blob up to 8 MiB is hashed before its first byte, a larger
 * one before its last, and a part of a larger one after the whole was hashed once. Damage and every other trouble of
 * the store is a 'store-failed' fault; what is in memory goes on being answered meanwhile. A damaged blob is not read
 * again, but refused at once, until it is put anew or a minute has passed.
 */
export class Blobs {
  readonly #store: ObjectStore;
  readonly #hot: LRUCache<Digest, Buffer>;
  /** Large blobs that were verified in this process, with the etag of the object that was. */
  readonly #verified = new LRUCache<Digest, string>({ max: 10_000 });
  /** Blobs seen damaged, and when they are looked at again. */
  readonly #quarantine = new Map<Digest, number>();
  readonly #reads = new SingleFlight<Buffer | undefined>();
  readonly #checks = new SingleFlight<string | undefined>();
  readonly #clock: Clock;
  readonly #onDamage: (digest: Digest) => void;

  constructor(store: ObjectStore, options: BlobsOptions = {}) {
    this.#store = store;
    this.#clock = options.clock ?? systemClock;
    this.#onDamage = options.onDamage ?? (() => undefined);
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
    if (this.#isQuarantined(descriptor.digest)) return Promise.reject(damageFault(descriptor.digest));
    return descriptor.size <= wholeBytes ? this.#openWhole(descriptor, range) : this.#openLarge(descriptor, range);
  }

  /**
   * Keeps bytes, durable once it resolves. Writes them also when they are there: what nobody named for long may be about
   * to be swept, and writing renews it.
   */
  async put(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
    const digest = digestOf(bytes);
    await this.#store.write(blobKey(digest), bytes);
    this.#quarantine.delete(digest);
    // filling ahead must not push out what clients ask for
    if (this.#hot.calculatedSize + bytes.byteLength <= this.#hot.maxSize) this.remember(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  }

  /** Whether the store has the blob, sound or not. Asked after a record that names it was written. */
  async check(digest: Digest): Promise<boolean> {
    return (await this.#store.head(blobKey(digest))) !== undefined;
  }

  /** Takes the blob out of the store and out of memory. Only for one that no record names. */
  async remove(digest: Digest): Promise<void> {
    await this.#store.remove(blobKey(digest));
    this.#hot.delete(digest);
    this.#verified.delete(digest);
    this.#quarantine.delete(digest);
  }

  /** What is in the store under this name: hashed whole, however large, and neither remembered nor counted. */
  async verify({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): Promise<'sound' | 'damaged' | 'missing'> {
    const object = await this.#store.read(blobKey(digest));
    if (!object) return 'missing';
    if (object.total === size) return (await digestOfBody(object.body)) === digest ? 'sound' : 'damaged';
    discard(object);
    return 'damaged';
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
    this.#quarantine.delete(descriptor.digest);
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
    if (range && !this.#verified.has(digest) && !(await this.#hashOnce(descriptor))) return undefined;
    const object = await this.#store.read(blobKey(digest), range);
    if (!object) return undefined;
    if (object.total !== descriptor.size) throw this.#damage(digest, object);
    if (!range) return this.#openVerifying(object, descriptor);
    if (object.etag === this.#verified.get(digest)) return object;
    if (again) throw this.#damage(digest, object);
    // another object than the one that was verified: verify this one
    discard(object);
    await this.#hashOnce(descriptor);
    return this.#openLarge(descriptor, range, true);
  }

  #openVerifying(object: OpenObject, descriptor: Descriptor): OpenBytes {
    if (Buffer.isBuffer(object.body)) {
      if (digestOf(object.body) !== descriptor.digest) throw this.#damage(descriptor.digest);
      return object;
    }
    const body = verifiedStream(object.body, descriptor, {
      toError: () => this.#damage(descriptor.digest),
      onVerified: () => this.#noteSound(descriptor.digest, object.etag),
    });
    return { ...object, body };
  }

  /** Reads a large blob through the hash, whoever asks meanwhile waiting for the same pass. Answers with its etag. */
  #hashOnce(descriptor: Descriptor): Promise<string | undefined> {
    return this.#checks.run(descriptor.digest, async () => {
      const object = await this.#store.read(blobKey(descriptor.digest));
      if (!object) return undefined;
      if (object.total !== descriptor.size) throw this.#damage(descriptor.digest, object);
      const { body } = this.#openVerifying(object, descriptor);
      if (!Buffer.isBuffer(body)) for await (const chunk of body) void chunk;
      this.#noteSound(descriptor.digest, object.etag);
      return object.etag;
    });
  }

  #noteSound(digest: Digest, etag: string): void {
    this.#quarantine.delete(digest);
    this.#verified.set(digest, etag);
  }

  #isQuarantined(digest: Digest): boolean {
    return (this.#quarantine.get(digest) ?? 0) > this.#clock.elapsed();
  }

  /** The one place that learns of damage. */
  #damage(digest: Digest, object?: OpenObject): Fault {
    if (object) discard(object);
    this.#quarantine.set(digest, this.#clock.elapsed() + quarantineMs);
    this.#verified.delete(digest);
    this.#onDamage(digest);
    return damageFault(digest);
  }
}

function damageFault(digest: Digest): Fault {
  return new Fault(
    'store-failed',
    `The blob ${digest} in the store is damaged: its bytes are not the ones it is named after.`,
    'Check the disk or bucket; the blob is written anew when it is fetched again.',
    { cause: new DamagedBlob(digest) },
  );
}

async function digestOfBody(body: Buffer | Readable): Promise<Digest> {
  if (Buffer.isBuffer(body)) return digestOf(body);
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
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
