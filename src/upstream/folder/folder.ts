import { Catalog } from '../../chart/catalog.ts';
import type { Claim, SourceRef, Validator } from '../../chart/claim.ts';
import { asFault, Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import {
  Archives,
  type ArchivesOptions,
  type FoundArchive,
  printable,
  type ReadArchive,
  readExactly,
  type Rejection,
  rejection,
} from '../archives.ts';
import type { Description, Incoming, Listing, Part, Unchanged, Upstream } from '../contract.ts';
import { type FileInFolder, findFiles, isAbsence, locate, readChunksOf } from './files.ts';

export interface FolderOptions extends Pick<ArchivesOptions, 'maxArchiveBytes' | 'inspect'> {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly clock: Clock;
}

/** A file that changed this recently may change again without its time changing. */
const youngMs = 2000;

/**
 * A folder of chart archives (`*.tgz`, there and in the folders right in it) with `.prov` files beside them. It needs
 * no index. Digests are measured; `created` stays unknown, since the times of files differ from machine to machine. A
 * listing reads only files whose size or time changed. Of several archives of one version the first in path order
 * counts. Trouble with the folder is 'upstream-unreachable', or 'not-a-repository' where the path is a file.
 */
export function folder(options: FolderOptions): Upstream {
  return new Folder(options);
}

class Folder implements Upstream {
  readonly #options: FolderOptions;
  readonly #archives: Archives;

  constructor(options: FolderOptions) {
    const { path, clock, maxArchiveBytes, inspect } = options;
    this.#options = options;
    this.#archives = new Archives({
      maxArchiveBytes,
      inspect,
      read: (archive, signal) => readArchive(path, archive, signal),
      isYoung: ({ stamp }) => Math.abs(clock.now() - Number(stamp) / 1e6) < youngMs,
      width: 1,
    });
  }

  async list(validator: Validator | undefined, signal: AbortSignal): Promise<Listing | Unchanged> {
    return this.#guard(signal, async () => {
      const found = await findFiles(this.#options.path, signal);
      return this.#archives.list(found, validator, signal);
    });
  }

  async find(chart: string, version: string, signal: AbortSignal): Promise<Claim | undefined> {
    const listing = await this.list(undefined, signal);
    return 'unchanged' in listing ? undefined : new Catalog(listing.claims).find(chart, version)?.claims[0];
  }

  /** Claims of a folder already say all there is to say. */
  describe(source: SourceRef): Promise<Description | undefined> {
    const message = `${this.#options.name}: ${printable(source)} is a file, not a chart in a registry.`;
    return Promise.reject(new Fault('not-a-chart', message, 'Its listing says everything about it.'));
  }

  async open(source: SourceRef, part: Part, signal: AbortSignal): Promise<Incoming | undefined> {
    return this.#guard(signal, async () => {
      const file = await locate(this.#options.path, part === 'archive' ? source : `${source}.prov`);
      return file && { size: file.size, body: this.#body(file, signal) };
    });
  }

  /** A folder has no rate limit. */
  allowance(): undefined {
    return undefined;
  }

  async *#body(file: FileInFolder, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* readChunksOf(file, signal);
    } catch (error) {
      throw this.#explained(error, signal);
    }
  }

  async #guard<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      signal.throwIfAborted();
      return await work();
    } catch (error) {
      throw this.#explained(error, signal);
    }
  }

  #explained(error: unknown, signal: AbortSignal): unknown {
    return signal.aborted ? signal.reason : asFault(error, (other) => this.#fault(other));
  }

  #fault(error: unknown): Fault {
    const { name, path } = this.#options;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') {
      return new Fault('not-a-repository', `${name}: ${path} is a file, not a folder.`, 'Name the folder it is in.');
    }
    return new Fault(
      'upstream-unreachable',
      `${name}: the folder ${path} cannot be read (${inWords[code ?? ''] ?? message}).`,
      'Check the path, that it is mounted, and that this process may read it.',
      { cause: error },
    );
  }
}

const inWords: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its links go in a circle',
  EIO: 'the disk fails',
  ESTALE: 'it is no longer mounted',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
};

async function readArchive(
  folderPath: string,
  { path, size }: FoundArchive,
  signal: AbortSignal,
): Promise<ReadArchive | Rejection> {
  const file = await locate(folderPath, path);
  if (!file) return rejection('vanished', 'vanished before it was read');
  try {
    return await readExactly(readChunksOf(file, signal), size);
  } catch (error) {
    if (isAbsence(error)) return rejection('vanished', 'vanished while it was read');
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') return rejection('unreadable', 'may not be read');
    throw error;
  }
}
