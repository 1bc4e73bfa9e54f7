import { TooManyBytes } from './bytes.ts';

/** Some chunks of a body on its way to a thread. */
export interface Batch {
  /** Of the body, unique. */
  readonly id: string;
  /** How many bytes of it come before. */
  readonly at: number;
  readonly chunks: readonly Uint8Array[];
}

const batchBytes = 1024 * 1024;
/** Reading goes on while so many batches are on their way. */
const maxOnTheWay = 2;

/**
 * Sends a body on in batches of about 1 MiB while it arrives, so that there is never much of it here. Resolves with its
 * size when everything arrived. Throws `TooManyBytes` beyond `maxBytes`, and what the body or `send` throws.
 */
export async function sendOn(
  id: string,
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  send: (batch: Batch) => Promise<unknown>,
): Promise<number> {
  const onTheWay: Promise<unknown>[] = [];
  let [at, size] = [0, 0];
  let chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new TooManyBytes(maxBytes);
    chunks.push(chunk);
    if (size - at < batchBytes) continue;
    onTheWay.push(quietly(send({ id, at, chunks })));
    [at, chunks] = [size, []];
    if (onTheWay.length > maxOnTheWay) await onTheWay.shift();
  }
  await Promise.all([...onTheWay, send({ id, at, chunks })]);
  return size;
}

/** The same promise, of which nobody may come to hear: reading can end before its turn. */
function quietly(sending: Promise<unknown>): Promise<unknown> {
  sending.catch(() => undefined);
  return sending;
}

/** Bodies that arrive in a thread, each in memory of its own that is given back to the system as soon as it is dropped. */
export class Gathering {
  readonly #bodies = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Copies a batch to the end of its body, and gives the memory of its chunks back. What does not follow is ignored. */
  add({ id, at, chunks }: Batch): void {
    const body = this.#bodies.get(id) ?? new Uint8Array(new ArrayBuffer(0, { maxByteLength: this.#maxBytes }));
    if (body.length === at) {
      this.#bodies.set(id, body);
      body.buffer.resize(at + chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
      chunks.reduce((end, chunk) => {
        body.set(chunk, end);
        return end + chunk.byteLength;
      }, at);
    }
    for (const { buffer } of chunks) if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
  }

  /** A body that has arrived; undefined when not all of it did. It must be dropped. */
  body(id: string, size: number): Uint8Array | undefined {
    const body = this.#bodies.get(id);
    return body?.length === size ? body : undefined;
  }

  /** Gives back the memory of a body, arrived or not. */
  drop(id: string): void {
    this.#bodies.get(id)?.buffer.transfer(0);
    this.#bodies.delete(id);
  }
}
