import { randomUUID } from 'node:crypto';

import { Fault } from '../chart/fault.ts';
import type { ArchiveChart, ExpectedChart } from '../formats/chart-archive.ts';
import type { ChartDocuments } from '../formats/chart-documents.ts';
import { movable } from '../lib/bytes.ts';
import { sendOn, type Batch } from '../lib/gathering.ts';
import { ThreadDied } from '../lib/thread.ts';
import type { ArchiveCheck } from '../mirror/fetching/fetch.ts';
import type { Judge } from '../mirror/fetching/verdicts.ts';
import type { ChartRepositoryOptions } from '../upstream/chart-repository.ts';
import type { WorkerThread } from './parts.ts';

/** Looks into archives in a thread; the bytes are its own from then on. */
export function inspectOn(archives: WorkerThread): (bytes: Uint8Array) => Promise<ArchiveChart> {
  return (bytes) => archives.run('describeArchive', bytes);
}

/** Takes the documents out of archives in a thread. */
export function documentsOn(archives: WorkerThread): (bytes: Uint8Array) => Promise<ChartDocuments> {
  return (bytes) => archives.run('readDocuments', bytes).catch(unreadable);
}

/** Derives the configs of images of archives in a thread. */
export function configsOn(archives: WorkerThread): (bytes: Uint8Array) => Promise<string> {
  return (bytes) => archives.run('deriveConfig', bytes).catch(unreadable);
}

/** Judges provenance files in a thread. */
export function judgeOn(archives: WorkerThread): Judge {
  return (judging) => archives.run('judgeProvenance', judging);
}

/** Reads an index in a thread, which gets it while it arrives. */
export function indexReaderOn(catalogs: WorkerThread): ChartRepositoryOptions['readIndex'] {
  return async (question, body) => {
    const id = randomUUID();
    const send = (batch: Batch) => catalogs.run('gather', batch, movable(batch.chunks));
    try {
      const size = await sendOn(id, body, question.maxBytes, send);
      return await catalogs.run('readIndex', { ...question, id, size });
    } catch (error) {
      // nobody waits for that, and a thread that is closed has nothing left to drop
      catalogs.run('drop', id).catch(() => undefined);
      throw error instanceof ThreadDied ? tooHeavy(question.upstream, error) : error;
    }
  };
}

/** What an index makes the thread die of is the index's fault. */
function tooHeavy(upstream: string, cause: ThreadDied): Fault {
  return new Fault(
    'listing-invalid',
    `${upstream}: reading index.yaml took more memory or time than it may.`,
    'The last good listing stays. Look at the index: it is very large, or built to be hard to read.',
    { cause },
  );
}

function unreadable(cause: unknown): never {
  if (!(cause instanceof ThreadDied)) throw cause;
  throw new Fault(
    'archive-invalid',
    'Looking into the archive took more memory or time than it may.',
    'Its publisher must say what is in it.',
    { cause },
  );
}

/** Checks archives in a thread. */
export function archiveCheckOn(archives: WorkerThread): ArchiveCheck {
  return async (bytes, expected) => {
    try {
      await archives.run('checkArchive', { bytes, expected });
    } catch (error) {
      throw error instanceof ThreadDied ? unfathomable(expected, error) : error;
    }
  };
}

/** What an archive makes the thread die of is the archive's fault. */
function unfathomable(expected: ExpectedChart, cause: ThreadDied): Fault {
  return new Fault(
    'archive-invalid',
    `${expected.upstream}: looking into the archive of ${expected.chart} ${expected.version} took more memory or time than it may.`,
    'It is not served. Its publisher must say what is in it.',
    { cause },
  );
}
