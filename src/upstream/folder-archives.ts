import { createHash } from 'node:crypto';

import { LRUCache } from 'lru-cache';

import type { Claim } from '../chart/catalog.ts';
import { Fault } from '../chart/fault.ts';
import type { ArchiveChart } from '../formats/chart-archive.ts';
import { readAll, TooManyBytes } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import {
  type FileInFolder,
  type FoundFile,
  isAbsence,
  locate,
  readChunksOf,
  type RefusedFile,
} from './folder-files.ts';

/** What an archive turned out to be. `settled`: looking again at the same file will say the same. */
export type Verdict =
  | { readonly settled: boolean; readonly claim: Claim }
  | { readonly settled: boolean; readonly rejected: string; readonly why: string };

export interface FolderArchivesOptions {
  /** Absolute. */
  readonly path: string;
  readonly maxArchiveBytes: number;
  /** `describeArchive`, in a thread. The bytes are its own from then on. */
  readonly inspect: (bytes: Uint8Array) => Promise<ArchiveChart>;
  readonly clock: Clock;
}

const maxRememberedChars = 64 * 1024 * 1024;
/** A file that changed this recently may change again without its time changing. */
const youngMs = 2000;

/** Why a file is not offered, in words. */
export const whyNot: Readonly<
  Record<RefusedFile['reason'] | Extract<ArchiveChart, { rejected: string }>['rejected'], string>
> = {
  'bad-path': 'has a name that cannot be written down',
  'outside-folder': 'leads out of the folder',
  'not-a-file': 'is not a file',
  'bad-name': 'has a chart name that cannot be offered',
  'bad-version': 'has a version that Helm would refuse',
  'bad-metadata': 'has a Chart.yaml that Helm would refuse',
  'too-large': 'has a Chart.yaml too large to offer',
};

/** Reads the archives of a folder, each once while its size and time stay the same. */
export class FolderArchives {
  readonly #options: FolderArchivesOptions;
  readonly #remembered = new LRUCache<string, { readonly seen: string; readonly verdict: Verdict }>({
    maxSize: maxRememberedChars,
    sizeCalculation: ({ verdict }, path) => path.length + JSON.stringify(verdict).length,
  });

  constructor(options: FolderArchivesOptions) {
    this.#options = options;
  }

  /** Never costs the others: rejects only with the signal's reason, or when the file system itself fails. */
  async judge(file: FoundFile, signal: AbortSignal): Promise<Verdict> {
    signal.throwIfAborted();
    const seen = `${file.size} ${file.mtimeNs}`;
    const remembered = this.#remembered.get(file.path);
    if (remembered?.seen === seen) return remembered.verdict;
    const verdict = await this.#examine(file, signal);
    const settled = verdict.settled && !this.#isYoung(file);
    if (settled) this.#remembered.set(file.path, { seen, verdict });
    else this.#remembered.delete(file.path);
    return { ...verdict, settled };
  }

  #isYoung({ mtimeNs }: FoundFile): boolean {
    return Math.abs(this.#options.clock.now() - Number(mtimeNs / 1_000_000n)) < youngMs;
  }

  async #examine({ path, size }: FoundFile, signal: AbortSignal): Promise<Verdict> {
    const { maxArchiveBytes } = this.#options;
    if (size > maxArchiveBytes) return rejected('too-large', `has more than ${maxArchiveBytes} bytes`, true);
    const file = await locate(this.#options.path, path);
    if (!file) return rejected('vanished', 'vanished before it was read');
    const hash = createHash('sha256');
    const bytes = await readExactly(file, size, (chunk) => hash.update(chunk), signal);
    if (!Buffer.isBuffer(bytes)) return bytes;
    const digest = `sha256:${hash.digest('hex')}` as const;
    try {
      const found = await this.#options.inspect(bytes);
      if ('rejected' in found) return rejected(found.rejected, whyNot[found.rejected], true);
      return { settled: true, claim: { ...found, source: path, digest } };
    } catch (error) {
      if (error instanceof Fault) return rejected(error.code, error.message, true);
      return rejected('not-inspected', `could not be inspected (${String(error)})`);
    }
  }
}

function rejected(reason: string, why: string, settled = false): Verdict {
  return { settled, rejected: reason, why };
}

/** All bytes of a file, measured as they come, or why they are not to be had now. */
async function readExactly(
  file: FileInFolder,
  size: number,
  measure: (chunk: Uint8Array) => void,
  signal: AbortSignal,
): Promise<Buffer | Verdict> {
  try {
    const bytes = await readAll(measured(readChunksOf(file, signal), measure), size);
    return bytes.length === size ? bytes : rejected('still-written', 'changed while it was read');
  } catch (error) {
    if (error instanceof TooManyBytes) return rejected('still-written', 'changed while it was read');
    if (isAbsence(error)) return rejected('vanished', 'vanished while it was read');
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') return rejected('unreadable', 'may not be read');
    throw error;
  }
}

async function* measured(chunks: AsyncIterable<Buffer>, measure: (chunk: Uint8Array) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    measure(chunk);
    yield chunk;
  }
}
