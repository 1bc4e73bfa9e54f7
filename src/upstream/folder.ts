import { createHash } from 'node:crypto';

import { type Claim, claimTable, type SourceRef, type Validator } from '../chart/catalog.ts';
import { type Digest, digestOf } from '../chart/digest.ts';
import { asFault, Fault } from '../chart/fault.ts';
import { TableReader, type SharedTable } from '../lib/shared-table.ts';
import type { Description, Incoming, Listing, Part, Unchanged, Upstream } from './contract.ts';
import { FolderArchives, type FolderArchivesOptions, whyNot } from './folder-archives.ts';
import { type FileInFolder, findFiles, type FoundFiles, locate, readChunksOf } from './folder-files.ts';

export interface FolderOptions extends FolderArchivesOptions {
  readonly name: string;
}

/** What the files of a folder say, read to the end. `settled`: the same files will say the same again. */
interface Reading extends Pick<Listing, 'rejected' | 'examples'> {
  readonly claims: readonly Claim[];
  readonly settled: boolean;
}

const maxExamples = 5;

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
  readonly #archives: FolderArchives;

  constructor(options: FolderOptions) {
    this.#options = options;
    this.#archives = new FolderArchives(options);
  }

  async list(validator: Validator | undefined, signal: AbortSignal): Promise<Listing | Unchanged> {
    return this.#guard(signal, async () => {
      const found = await findFiles(this.#options.path, signal);
      const etag = fingerprint(found, this.#options.maxArchiveBytes);
      if (validator?.etag === etag) return { unchanged: true, validator };
      const { claims, rejected, examples, settled } = await this.#read(found, signal);
      const table = claimTable(claims);
      const rows = rowsDigest(table, rejected);
      const told = { ...(settled && { etag }), rows };
      if (validator?.rows === rows) return { unchanged: true, validator: told };
      return { claims: table, validator: told, rejected, examples };
    });
  }

  async find(chart: string, version: string, signal: AbortSignal): Promise<Claim | undefined> {
    return this.#guard(signal, async () => {
      const { claims } = await this.#read(await findFiles(this.#options.path, signal), signal);
      return claims.find((claim) => claim.chart === chart && claim.version === version);
    });
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

  async #read({ files, refused }: FoundFiles, signal: AbortSignal): Promise<Reading> {
    const claims = new Map<string, Claim>();
    const dropped = refused.map(({ path, reason }) => ({ path, reason: reason as string, why: whyNot[reason] }));
    let settled = true;
    for (const file of files) {
      const verdict = await this.#archives.judge(file, signal);
      settled &&= verdict.settled;
      if ('rejected' in verdict) {
        dropped.push({ path: file.path, reason: verdict.rejected, why: verdict.why });
        continue;
      }
      const version = `${verdict.claim.chart} ${verdict.claim.version}`;
      const first = claims.get(version);
      if (first) dropped.push({ path: file.path, reason: 'duplicate', why: `is ${version} as ${first.source} is` });
      else claims.set(version, verdict.claim);
    }
    const examples = dropped.slice(0, maxExamples).map(({ path, why }) => printable(`${path}: ${why}`));
    return { claims: [...claims.values()], rejected: countReasons(dropped), examples, settled };
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

/** Differs whenever a listing might: the files' paths, sizes and times, and what we make of them. */
function fingerprint({ files, refused }: FoundFiles, maxArchiveBytes: number): string {
  const hash = createHash('sha256').update(`folder 1\n${maxArchiveBytes}\n`);
  for (const { path, size, mtimeNs } of files) hash.update(`${path}\t${size}\t${mtimeNs}\n`);
  for (const { path, reason } of refused) hash.update(`${path}\t${reason}\n`);
  return hash.digest('hex');
}

function rowsDigest(table: SharedTable, rejected: Readonly<Record<string, number>>): Digest {
  return digestOf(Buffer.concat([...new TableReader(table).text(), Buffer.from(JSON.stringify(rejected))]));
}

function countReasons(dropped: readonly { readonly reason: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of dropped) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?');
}
