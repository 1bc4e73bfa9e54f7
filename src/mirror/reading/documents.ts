import { LRUCache } from 'lru-cache';

import type { Descriptor, Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { parseDocuments, type ChartDocuments } from '../../formats/chart-documents.ts';
import { readAll } from '../../lib/bytes.ts';
import { Limiter } from '../../lib/limiter.ts';
import type { Log } from '../../lib/log.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { documentsKey } from '../../store/layout.ts';
import { recordBytes } from '../../store/records.ts';
import { examine } from '../committing/examine.ts';
import type { Mirror } from '../contract/doors.ts';

export interface DocumentsParts {
  readonly store: ObjectStore;
  readonly mirror: Pick<Mirror, 'open'>;
  /** Takes them out of an archive, off the main thread. Rejects with a fault for an archive that cannot be read. */
  readonly extract: (bytes: Uint8Array) => Promise<ChartDocuments>;
  readonly log: Log;
  /** How many bytes of them stay in memory: 32 MiB. */
  readonly maxHotBytes?: number;
}

/** Archives of tens of megabytes that are in memory for this at once. */
const archivesAtOnce = 2;
const defaultHotBytes = 32 * 1024 * 1024;
/** Of what has no documents at all. */
const bytesOfNothing = 256;

/**
 * What is in archives for people to read: taken out once and kept by the archive's digest. A store that does not answer,
 * or has damaged records, costs time but no answer.
 */
export class Documents {
  readonly #parts: DocumentsParts;
  readonly #hot: LRUCache<Digest, ChartDocuments>;
  readonly #flights = new SingleFlight<ChartDocuments>();
  readonly #turns = new Limiter(archivesAtOnce);

  constructor(parts: DocumentsParts) {
    this.#parts = parts;
    this.#hot = new LRUCache({ maxSize: parts.maxHotBytes ?? defaultHotBytes, sizeCalculation });
  }

  /**
   * Those of an archive that is held, for one who may have it: whether a repository offers it is asked only when it must
   * be opened. Rejects with the fault of opening or reading it.
   */
  async of(repository: string, archive: Descriptor): Promise<ChartDocuments> {
    const { digest } = archive;
    const hot = this.#hot.get(digest);
    if (hot) return hot;
    const found = await this.#flights.run(`${repository} ${digest}`, () => this.#find(repository, archive));
    this.#hot.set(digest, found);
    return found;
  }

  async #find(repository: string, archive: Descriptor): Promise<ChartDocuments> {
    const { store } = this.#parts;
    const key = documentsKey(archive.digest);
    const kept = await examine(store, key, parseDocuments).catch(() => undefined);
    if (kept?.value) return kept.value;
    const documents = await this.#turns.run(() => this.#extract(repository, archive));
    await this.#keep(key, documents, kept?.etag);
    return documents;
  }

  async #extract(repository: string, { digest, size }: Descriptor): Promise<ChartDocuments> {
    const opened = await this.#parts.mirror.open(repository, digest);
    if (!opened) throw notOffered(repository, digest);
    const { body } = opened;
    return this.#parts.extract(Buffer.isBuffer(body) ? body : await readAll(body, size));
  }

  /** Another process writes the same; a damaged record is replaced. */
  async #keep(key: string, documents: ChartDocuments, damaged: string | undefined): Promise<void> {
    const { store, log } = this.#parts;
    try {
      await store.write(key, recordBytes(documents), damaged === undefined ? 'absent' : { etag: damaged });
    } catch (error) {
      log.debug({ key, err: error }, 'what is in an archive could not be kept; it is taken out again when needed');
    }
  }
}

function sizeCalculation({ readme = '', values = '', schema = '' }: ChartDocuments): number {
  return bytesOfNothing + bytesOf(readme) + bytesOf(values) + bytesOf(schema);
}

/** In memory: one character beyond Latin-1 has all of a text take two bytes for each. */
function bytesOf(text: string): number {
  return /[\u0100-\uffff]/.test(text) ? 2 * text.length : text.length;
}

function notOffered(repository: string, digest: Digest): Fault {
  return new Fault('not-found', `${repository} does not offer ${digest} any more.`, 'Look at its list of versions.');
}
