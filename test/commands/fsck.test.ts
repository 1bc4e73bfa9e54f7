import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { fsck } from '../../src/commands/fsck.ts';
import type { Finding, InspectionCounts, Inspector } from '../../src/mirror/contract.ts';

const damaged: Finding = {
  kind: 'damaged-blob',
  what: 'nexus: the archive of demo 1.0.0 is damaged.',
  advice: 'Restore it.',
  harmless: false,
};
const repaired: Finding = { ...damaged, repaired: 'It was fetched again from nexus.' };
const harmless: Finding = {
  ...damaged,
  kind: 'uncommitted-holding',
  what: 'nexus: demo 2.0.0 is not in the snapshot yet.',
  advice: 'Nothing need be done.',
  harmless: true,
};

async function run(findings: readonly Finding[], more: Partial<InspectionCounts> = {}, failure?: Error) {
  const asked: { readonly repair: boolean }[] = [];
  const inspector: Inspector = {
    inspect: (options) => {
      asked.push({ repair: options.repair });
      const counts = { records: 3, blobs: 1, bytes: 420, unnamed: 0, ...more };
      return { findings: all(), counts: () => counts };
    },
  };
  async function* all(): AsyncGenerator<Finding> {
    yield* findings;
    if (failure) throw failure;
  }
  const lines: string[] = [];
  const exitCode = await fsck({ inspector, repair: true, print: (line) => lines.push(line) });
  return { exitCode, lines, asked };
}

describe('fsck', () => {
  test('succeeds when nothing is wrong, and says what was read', async () => {
    expect(await run([])).toEqual({
      exitCode: 0,
      lines: ['3 records and 1 blob (420 bytes) read; nothing is wrong.'],
      asked: [{ repair: true }],
    });
  });

  test('says what nothing names, which is nothing wrong', async () => {
    expect(await run([], { unnamed: 2 })).toMatchObject({
      exitCode: 0,
      lines: [
        '3 records and 1 blob (420 bytes) read; nothing names 2 objects, for a server to sweep; nothing is wrong.',
      ],
    });
  });

  test('fails when something is left wrong, with a line for each finding', async () => {
    expect(await run([damaged, repaired])).toMatchObject({
      exitCode: 1,
      lines: [
        'nexus: the archive of demo 1.0.0 is damaged. Restore it.',
        'nexus: the archive of demo 1.0.0 is damaged. It was fetched again from nexus.',
        '3 records and 1 blob (420 bytes) read; 2 things wrong, 1 repaired.',
      ],
    });
  });

  test('succeeds when all was repaired', async () => {
    expect(await run([repaired])).toMatchObject({ exitCode: 0 });
  });

  test('shows what is harmless, and does not fail for it', async () => {
    expect(await run([harmless])).toMatchObject({
      exitCode: 0,
      lines: ['nexus: demo 2.0.0 is not in the snapshot yet. Nothing need be done.', expect.anything()],
    });
  });

  test('passes on that the store does not answer', async () => {
    const gone = new Fault('store-failed', 'the store is gone', 'Bring it back.');
    await expect(run([damaged], {}, gone)).rejects.toThrow(gone);
  });
});
