import { randomUUID } from 'node:crypto';

import { Fault } from '../chart/fault.ts';
import type { ArchiveChart } from '../formats/chart-archive.ts';
import type { ChartDocuments } from '../formats/chart-documents.ts';
import { movable } from '../lib/bytes.ts';
import { sendOn, type Batch } from '../lib/gathering.ts';
import { ThreadDied } from '../lib/thread.ts';
import type { ChartRepositoryOptions } from '../upstream/chart-repository.ts';
import type { WorkerThread } from './parts.ts';

/** Looks into archives in a thread; the bytes are its own from then on. */
export function inspectOn(archives: WorkerThread): (bytes: Uint8Array) => Promise<ArchiveChart> {
  return (bytes) => archives.run('describeArchive', bytes);
}

/** Takes the documents out of archives in a thread. */
export function documentsOn(archives: WorkerThread): (bytes: Uint8Array) => Promise<ChartDocuments> {
  return async (bytes) => {
    try {
      return await archives.run('readDocuments', bytes);
    } catch (error) {
      throw error instanceof ThreadDied ? unreadable(error) : error;
    }
  };
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

function unreadable(cause: ThreadDied): Fault {
  return new Fault(
    'archive-invalid',
    'Looking into the archive took more memory or time than it may.',
    'Its publisher must say what is in it.',
    { cause },
  );
}
