import type { Readable } from 'node:stream';

import type { Descriptor } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import type { ByteRange, OpenBytes } from '../../lib/bytes.ts';
import { DamagedBlob, type Blobs } from '../../store/blobs.ts';
import type { Known } from '../committing/known.ts';
import type { ChartRef } from '../contract/doors.ts';
import type { Restorations } from './restore.ts';

/** Whose bytes, and for whom. */
export interface Request {
  readonly ref: ChartRef;
  readonly known: Known;
  readonly kept: KeptVersion;
}

/** One blob of a held version. */
export interface HeldPart {
  readonly what: 'archive' | 'provenance' | 'manifest' | 'config' | 'artifact';
  readonly descriptor: Descriptor;
}

/**
 * Opens what is held. That cannot be absent: bytes that are lost or damaged are fetched again while their client waits, or
 * their loss is a 'store-failed' fault.
 */
export class HeldBytes {
  readonly #blobs: Blobs;
  readonly #restorations: Restorations;
  readonly #waiting: <T>(work: Promise<T>, ref: ChartRef) => Promise<T>;

  /** `waiting` bounds how long a client waits. */
  constructor(parts: {
    readonly blobs: Blobs;
    readonly restorations: Restorations;
    readonly waiting: <T>(work: Promise<T>, ref: ChartRef) => Promise<T>;
  }) {
    this.#blobs = parts.blobs;
    this.#restorations = parts.restorations;
    this.#waiting = parts.waiting;
  }

  /** A blob, or the part of it that `range` names. A promise only when it is not in memory. */
  open(request: Request, part: HeldPart, range?: ByteRange): OpenBytes | Promise<OpenBytes> {
    const opening = this.#blobs.open(part.descriptor, range);
    if (opening !== undefined && !(opening instanceof Promise)) return opening;
    return this.#openOrRestored(request, part, range, opening);
  }

  async #openOrRestored(
    request: Request,
    { what, descriptor }: HeldPart,
    range: ByteRange | undefined,
    opening: Promise<OpenBytes | undefined> | undefined,
  ): Promise<OpenBytes> {
    const restore = () => this.#restore(request, { what, descriptor });
    let first = opening;
    const open = async () => {
      const attempt = first ?? this.#blobs.open(descriptor, range);
      first = undefined;
      return (await attempt) ?? lost(request.ref, what);
    };
    const opened = await this.#orAgain(request.ref, open, restore);
    if (!Buffer.isBuffer(opened.body)) restoreWhenDamaged(opened.body, restore);
    return opened;
  }

  #restore({ known, kept }: Request, { what, descriptor }: HeldPart): Promise<void> {
    if (what === 'archive') return this.#restorations.archive(known, kept);
    if (what === 'provenance') return this.#restorations.provenance(known, kept);
    if (what === 'artifact') return this.#restorations.artifact(known, kept, descriptor);
    return this.#restorations.document(known, kept, descriptor);
  }

  async #orAgain(ref: ChartRef, open: () => Promise<OpenBytes>, restore: () => Promise<void>): Promise<OpenBytes> {
    const first = await open().catch((error: unknown) => {
      if (error instanceof Error && isLoss(error)) return error;
      throw error;
    });
    if (!(first instanceof Error)) return first;
    const restored = restore().catch((error: unknown) => Promise.reject(notRestored(ref, first, error)));
    await this.#waiting(restored, ref);
    return open();
  }
}

/** A large blob is found damaged while it goes out: this client sees it break off, the next one must not. */
function restoreWhenDamaged(body: Readable, restore: () => Promise<void>): void {
  body.once('error', (error) => {
    if (isLoss(error)) restore().catch(() => undefined);
  });
}

/** Whether the store answered, and the bytes are not what they should be. */
function isLoss(fault: Error): boolean {
  return fault.cause instanceof DamagedBlob || fault.cause === missingBytes;
}

const missingBytes = 'missing';

function lost({ chart, version }: ChartRef, what: string): never {
  throw new Fault(
    'store-failed',
    `The ${what} of ${chart} ${version} is recorded, but its bytes are not in the store.`,
    'Restore the blobs from a backup.',
    { cause: missingBytes },
  );
}

function notRestored({ chart, version }: ChartRef, loss: Error, why: unknown): Fault {
  const reason = why instanceof Error ? why.message : String(why);
  return new Fault(
    'store-failed',
    `The bytes of ${chart} ${version} in the store are lost or damaged, and could not be fetched again: ${reason}`,
    'Restore the blob from a backup; nothing but the bytes that were held is served.',
    { cause: loss.cause },
  );
}
