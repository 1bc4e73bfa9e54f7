import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

import { afterAll, describe, expect, it } from 'vitest';

import { Fault, reviveFault, type PlainFault } from '../../src/chart/fault.ts';
import type { IndexContents, UnchangedIndex } from '../../src/formats/index.ts';
import { movable } from '../../src/lib/bytes.ts';
import { sendOn, type Batch } from '../../src/lib/gathering.ts';
import { Thread, ThreadDied } from '../../src/lib/thread.ts';
import type { WorkerJobs } from '../../src/worker.ts';
import { indexBombs } from '../support/index-bombs.ts';
import { claimsOf, oneRow, readText, wordsOf } from '../support/indexes.ts';

const maxBytes = 64 * 1024 * 1024;
/** Twice what is promised, for machines slower than most. */
const maxCpuMs = 4000;

function openThread(maxHeapMiB: number): Thread<WorkerJobs> {
  return new Thread({
    module: new URL('../../src/worker.ts', import.meta.url),
    maxHeapMiB,
    timeoutMs: 60_000,
    revive: (details) => reviveFault(details as PlainFault),
  });
}

async function readIn(
  thread: Thread<WorkerJobs>,
  text: string | Uint8Array,
  gzip = false,
): Promise<IndexContents | UnchangedIndex> {
  const send = (batch: Batch) => thread.run('gather', batch, movable(batch.chunks));
  const body = Readable.from([new Uint8Array(Buffer.from(text as string))]);
  const size = await sendOn('index', body, maxBytes, send);
  return thread.run('readIndex', { upstream: 'nexus', id: 'index', size, gzip, maxBytes, last: undefined });
}

/** What a reading came to: a fault, or all that is left of one row. */
function endOf(read: () => IndexContents): string {
  try {
    const { claims, rejected } = read();
    const dropped = Object.values(rejected).reduce((sum, count) => sum + count, 0);
    return `${wordsOf(claimsOf(claims)).join()} and ${dropped} dropped`;
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}

/** Those that cost no more than the row, or what is unknown in it. Every other costs the listing. */
const harmless: Readonly<Record<string, string>> = {
  'a long alias for each keyword': ' and 1 dropped',
  'one scalar of 10 MB': ' and 1 dropped',
  'one block scalar of 10 MB': ' and 1 dropped',
  'one quoted scalar of escapes': ' and 1 dropped',
  'a version of 1 MB': ' and 1 dropped',
  '1,000,000 empty rows': ' and 1000000 dropped',
  'one explicit key of 10 MB': 'nginx 1.0.0 and 0 dropped',
  'JSON with 5,000,000 backslashes': 'nginx 1.0.0 and 0 dropped',
};

describe('an index that is built to be hard to read', () => {
  it.each(Object.entries(indexBombs))(
    'ends in a fault or a dropped row, and soon: %s',
    (name, make) => {
      const bomb = make();
      const before = process.cpuUsage();
      const end = endOf(() => readText(bomb));
      const { user, system } = process.cpuUsage(before);
      expect(end).toBe(harmless[name] ?? 'listing-invalid');
      expect((user + system) / 1000).toBeLessThan(maxCpuMs);
    },
    60_000,
  );
});

describe('a thread that reads such an index', () => {
  const thread = openThread(512);
  afterAll(() => thread.close());

  it('says the same fault, or drops the same row, while the main thread goes on', async () => {
    await readIn(thread, oneRow());
    // the largest take longer to make than to refuse
    const quick = Object.entries(indexBombs).filter(([name]) => !/,000,000|20 MB/.test(name));
    for (const [name, make] of quick) {
      const bomb = Buffer.from(make() as string);
      let longestMs = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        longestMs = Math.max(longestMs, performance.now() - last);
        last = performance.now();
      }, 5);
      const end = await readIn(thread, bomb).then(
        (contents) => endOf(() => contents as IndexContents),
        (error: unknown) => (error instanceof Fault ? error.code : String(error)),
      );
      clearInterval(timer);
      expect([name, end]).toEqual([name, harmless[name] ?? 'listing-invalid']);
      expect(longestMs).toBeLessThan(1000);
    }
    expect(wordsOf(claimsOf(((await readIn(thread, oneRow())) as IndexContents).claims))).toEqual(['nginx 1.0.0']);
  }, 120_000);

  it('dies of one that is too much for its memory, and the next index is read', async () => {
    const small = openThread(32);
    try {
      const rows = Array.from(
        { length: 90_000 },
        (_, at) => `  - {name: nginx, version: 1.0.${at}, urls: [x], x: {a: b}}\n`,
      );
      const error: unknown = await readIn(small, `entries:\n  nginx:\n${rows.join('')}`).catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(ThreadDied);
      expect(await readIn(small, oneRow())).toMatchObject({ rejected: {} });
    } finally {
      await small.close();
    }
  }, 60_000);

  it('unpacks no more than it may', async () => {
    const bomb = gzipSync(Buffer.alloc(2 * maxBytes, ' '));
    const error: unknown = await readIn(thread, bomb, true).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'listing-invalid',
      message: `nexus: index.yaml is larger than ${maxBytes} bytes.`,
    });
  }, 60_000);
});
