import { createHash } from 'node:crypto';

import { LRUCache } from 'lru-cache';

import { Catalog } from '../chart/catalog.ts';
import { bareClaim, type Claim, isDescribed, type SourceRef, type Validator } from '../chart/claim.ts';
import type { Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import type { ArchiveChart } from '../formats/chart-archive.ts';
import { mapAtOnce } from '../lib/at-once.ts';
import { readAll, TooManyBytes } from '../lib/bytes.ts';
import type { SharedTable } from '../lib/shared-table.ts';
import { listingOf } from './claim-listing.ts';
import type { Listing, Unchanged } from './contract.ts';

/** An archive as its place shows it before it is read. */
export interface FoundArchive {
  /** Where it is: the source of its claim, unless that is given. */
  readonly path: string;
  readonly size: number;
  /** Another whenever the bytes may be others. */
  readonly stamp: string;
  /** Where it is, and of which size and stamp: a claim of that source need not be read again, also after a restart. */
  readonly source?: SourceRef;
}

/** What is left alone, and why. */
export interface RefusedArchive {
  readonly path: string;
  readonly reason: 'bad-path' | 'outside-folder' | 'not-a-file';
}

/** What is in a place, both in the order of their paths. */
export interface FoundArchives {
  readonly files: readonly FoundArchive[];
  readonly refused: readonly RefusedArchive[];
}

/** All bytes of an archive. */
export interface ReadArchive {
  readonly bytes: Buffer;
  readonly digest: Digest;
}

/** Why an archive is not offered. `settled`: looking again at the same archive will say the same. */
export interface Rejection {
  readonly settled: boolean;
  readonly rejected: string;
  readonly why: string;
}

type Verdict = Rejection | { readonly settled: boolean; readonly claim: Claim };

/** How the archives of a place are read. */
export interface ArchivesOptions {
  readonly maxArchiveBytes: number;
  /** `describeArchive`, in a thread. The bytes are its own from then on. */
  readonly inspect: (bytes: Uint8Array) => Promise<ArchiveChart>;
  /** All bytes of one archive, or why they are not to be had now. Rejects when the place itself fails. */
  readonly read: (archive: FoundArchive, signal: AbortSignal) => Promise<ReadArchive | Rejection>;
  /** Whether it may still change without another stamp. */
  readonly isYoung?: (archive: FoundArchive) => boolean;
  /** Archives read at once. */
  readonly width: number;
}

/** What the archives of a place say, read to the end. */
interface Reading extends Pick<Listing, 'rejected' | 'examples'> {
  readonly claims: readonly Claim[];
  readonly settled: boolean;
}

const maxExamples = 5;
const maxRememberedChars = 64 * 1024 * 1024;

const whyNot: Readonly<
  Record<RefusedArchive['reason'] | Extract<ArchiveChart, Pick<Rejection, 'rejected'>>['rejected'], string>
> = {
  'bad-path': 'has a name that cannot be written down',
  'outside-folder': 'leads out of the folder',
  'not-a-file': 'is not a file',
  'bad-name': 'has a chart name that cannot be offered',
  'bad-version': 'has a version that Helm would refuse',
  'bad-metadata': 'has a Chart.yaml that Helm would refuse',
  'too-large': 'has a Chart.yaml too large to offer',
};

/**
 * The charts of a place that has archives and no index: each archive is read once while its size and stamp stay the
 * same. Digests are measured. Of several archives of one version the first in path order counts.
 */
export class Archives {
  readonly #options: ArchivesOptions;
  readonly #remembered = new LRUCache<string, { readonly seen: string; readonly verdict: Verdict }>({
    maxSize: maxRememberedChars,
    sizeCalculation: ({ verdict }, path) => path.length + JSON.stringify(verdict).length,
  });

  constructor(options: ArchivesOptions) {
    this.#options = options;
  }

  /**
   * Everything that was found, or that it says what the validator is of. Reads nothing while it looks the same, and no
   * archive of which `known` says all there is to say.
   */
  async list(
    found: FoundArchives,
    validator: Validator | undefined,
    signal: AbortSignal,
    known?: SharedTable,
  ): Promise<Listing | Unchanged> {
    const content = fingerprint(found, this.#options.maxArchiveBytes);
    if (validator?.content === content) return { unchanged: true, validator };
    this.#recall(found, known);
    const { settled, ...reading } = await this.#read(found, signal);
    const listing = await listingOf(reading, validator);
    return { ...listing, validator: { ...(settled && { content }), ...listing.validator } };
  }

  /** Takes over what an earlier process read. */
  #recall({ files }: FoundArchives, known: SharedTable | undefined): void {
    const unread = files.filter(
      ({ path, size }) => !this.#remembered.has(path) && size <= this.#options.maxArchiveBytes,
    );
    const bySource = new Map(unread.map((file) => [file.source, file]));
    if (!known || bySource.size === 0) return;
    for (const claim of [...new Catalog(known).all()].flatMap(({ claims }) => claims)) {
      const file = bySource.get(claim.source);
      if (!file || !isDescribed(claim)) continue;
      this.#remembered.set(file.path, { seen: seenAs(file), verdict: { settled: true, claim: bareClaim(claim) } });
    }
  }

  async #read({ files, refused }: FoundArchives, signal: AbortSignal): Promise<Reading> {
    const { width } = this.#options;
    // all of them or none
    const verdicts = await mapAtOnce(files, width, signal, (file, either) => this.#judge(file, either));
    const firsts = new Map<string, { readonly path: string; readonly claim: Claim }>();
    const dropped = refused.map(({ path, reason }) => ({ path, reason: reason as string, why: whyNot[reason] }));
    for (const [at, verdict] of verdicts.entries()) {
      const path = files[at]?.path ?? '';
      if ('rejected' in verdict) {
        dropped.push({ path, reason: verdict.rejected, why: verdict.why });
        continue;
      }
      const { claim } = verdict;
      const version = `${claim.chart} ${claim.version}`;
      const first = firsts.get(version);
      if (first) dropped.push({ path, reason: 'duplicate', why: `is ${version} as ${first.path} is` });
      else firsts.set(version, { path, claim });
    }
    const examples = dropped.slice(0, maxExamples).map(({ path, why }) => printable(`${path}: ${why}`));
    const settled = verdicts.every((verdict) => verdict.settled);
    return {
      claims: [...firsts.values()].map(({ claim }) => claim),
      rejected: countReasons(dropped),
      examples,
      settled,
    };
  }

  async #judge(file: FoundArchive, signal: AbortSignal): Promise<Verdict> {
    signal.throwIfAborted();
    const seen = seenAs(file);
    const remembered = this.#remembered.get(file.path);
    if (remembered?.seen === seen) return remembered.verdict;
    const verdict = await this.#examine(file, signal);
    const settled = verdict.settled && !this.#options.isYoung?.(file);
    if (settled) this.#remembered.set(file.path, { seen, verdict });
    else this.#remembered.delete(file.path);
    return { ...verdict, settled };
  }

  async #examine(file: FoundArchive, signal: AbortSignal): Promise<Verdict> {
    const { maxArchiveBytes, read, inspect } = this.#options;
    if (file.size > maxArchiveBytes) return rejection('too-large', `has more than ${maxArchiveBytes} bytes`, true);
    const archive = await read(file, signal);
    if ('rejected' in archive) return archive;
    const { bytes, digest } = archive;
    try {
      const found = await inspect(bytes);
      if ('rejected' in found) return rejection(found.rejected, whyNot[found.rejected], true);
      return { settled: true, claim: { ...found, source: file.source ?? file.path, digest } };
    } catch (error) {
      if (error instanceof Fault) return rejection(error.code, error.message, true);
      return rejection('not-inspected', `could not be inspected (${String(error)})`);
    }
  }
}

/** An archive that is not offered; unless it is settled, it is looked at again the next time. */
export function rejection(reason: string, why: string, settled = false): Rejection {
  return { settled, rejected: reason, why };
}

/** The chunks of an archive as a whole, or that it is no longer the one that was found. Rejects as the chunks do. */
export async function readExactly(chunks: AsyncIterable<Uint8Array>, size: number): Promise<ReadArchive | Rejection> {
  const hash = createHash('sha256');
  try {
    const bytes = await readAll(
      measured(chunks, (chunk) => hash.update(chunk)),
      size,
    );
    if (bytes.length === size) return { bytes, digest: `sha256:${hash.digest('hex')}` };
  } catch (error) {
    if (!(error instanceof TooManyBytes)) throw error;
  }
  return rejection('still-written', 'changed while it was read');
}

async function* measured(
  chunks: AsyncIterable<Uint8Array>,
  measure: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    measure(chunk);
    yield chunk;
  }
}

/** Differs whenever a listing might: the archives' paths, sizes and stamps, and what we make of them. */
function fingerprint({ files, refused }: FoundArchives, maxArchiveBytes: number): Digest {
  const hash = createHash('sha256').update(`archives 1\n${maxArchiveBytes}\n`);
  for (const { path, size, stamp } of files) hash.update(`${path}\t${size}\t${stamp}\n`);
  for (const { path, reason } of refused) hash.update(`${path}\t${reason}\n`);
  return `sha256:${hash.digest('hex')}`;
}

function seenAs({ size, stamp }: FoundArchive): string {
  return `${size} ${stamp}`;
}

function countReasons(dropped: readonly { readonly reason: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of dropped) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/** Text of a place's own, fit for a message. */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?');
}
