import { Readable } from 'node:stream';

import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { fsck } from '../../src/commands/fsck.ts';
import type { Finding, InspectionCounts, Inspector, Pruned, Unconfigured } from '../../src/mirror/contract/commands.ts';

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

const old: Unconfigured = { upstream: 'old', charts: 2, versions: 5, archives: 3, documents: 1, bytes: 1_258_291 };
const tiny: Unconfigured = { upstream: 'tiny', charts: 1, versions: 1, archives: 0, documents: 0, bytes: 0 };

interface Store {
  readonly findings?: readonly Finding[];
  readonly unconfigured?: readonly Unconfigured[];
  readonly unnamed?: number;
  /** What pruning comes to. */
  readonly pruned?: Partial<Pruned> | Fault;
}

/** Prunes, saying yes or no. */
async function prune({ findings = [], unconfigured = [old, tiny], unnamed = 0, pruned = {} }: Store, yes = true) {
  const asked: (readonly string[])[] = [];
  const [questions, lines]: [string[], string[]] = [[], []];
  const inspector: Inspector = {
    inspect: () => ({
      findings: Readable.from(findings),
      counts: () => ({ records: 9, blobs: 1, bytes: 420, unnamed }),
      unconfigured: () => unconfigured,
    }),
    prune: async (upstreams) => {
      asked.push(upstreams);
      if (pruned instanceof Fault) throw pruned;
      return { objects: 12, bytes: 1_258_291, young: 0, left: [], ...pruned };
    },
  };
  const exitCode = await fsck({
    inspector,
    repair: false,
    prune: async (question) => {
      questions.push(question);
      return yes;
    },
    print: (line) => lines.push(line),
  });
  return { exitCode, asked, questions, lines: lines.slice(lines.findIndex((line) => line.includes(' read')) + 1) };
}

async function run(findings: readonly Finding[], more: Partial<InspectionCounts> = {}, failure?: Error) {
  const asked: { readonly repair: boolean }[] = [];
  const inspector: Inspector = {
    inspect: (options) => {
      asked.push({ repair: options.repair });
      const counts = { records: 3, blobs: 1, bytes: 420, unnamed: 0, ...more };
      return { findings: all(), counts: () => counts, unconfigured: () => [] };
    },
    prune: () => Promise.reject(new Error('nobody asked for it')),
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

describe('what the configuration does not name', () => {
  test('is said in a line for each, and is nothing wrong', async () => {
    const lines: string[] = [];
    const inspector: Inspector = {
      inspect: () => ({
        findings: Readable.from([]),
        counts: () => ({ records: 9, blobs: 1, bytes: 420, unnamed: 0 }),
        unconfigured: () => [old, tiny],
      }),
      prune: () => Promise.reject(new Error('nobody asked for it')),
    };
    expect(await fsck({ inspector, repair: false, print: (line) => lines.push(line) })).toBe(0);
    expect(lines).toEqual([
      'The configuration does not name the upstream old (5 versions known, 3 archives held, 1.2 MiB); chartroom fsck --prune removes it.',
      'The configuration does not name the upstream tiny (1 version known, 0 archives held, 0 bytes); chartroom fsck --prune removes it.',
      '9 records and 1 blob (420 bytes) read; nothing is wrong.',
    ]);
  });

  test('is shown, asked about and removed by --prune', async () => {
    expect(await prune({})).toEqual({
      exitCode: 0,
      asked: [['old', 'tiny']],
      questions: ['Remove this from the store for good?'],
      lines: [
        'The configuration does not name:',
        '  upstream  charts  versions  archives  documents  becomes free',
        '  old            2         5         3          1       1.2 MiB',
        '  tiny           1         1         0          0       0 bytes',
        '12 objects removed, 1.2 MiB freed.',
      ],
    });
  });

  test('stays when the answer is no', async () => {
    const { exitCode, asked, lines } = await prune({}, false);
    expect([exitCode, asked, lines.at(-1)]).toEqual([0, [], 'Nothing was pruned.']);
  });

  test('says what is left for a server to sweep', async () => {
    const { exitCode, lines } = await prune({
      unconfigured: [],
      unnamed: 3,
      pruned: { objects: 1, bytes: 9, young: 2 },
    });
    expect([exitCode, lines]).toEqual([
      0,
      [
        'Nothing names 3 objects as it is; those go, too, when they are a day old.',
        '1 object removed, 9 bytes freed; 2 objects written within a day left for a server to sweep.',
      ],
    ]);
  });

  test('is nothing to ask about when there is none', async () => {
    expect(await prune({ unconfigured: [] })).toEqual({
      exitCode: 0,
      asked: [],
      questions: [],
      lines: ['There is nothing to prune.'],
    });
  });

  test('that is there again fails the command', async () => {
    const { exitCode, lines } = await prune({ pruned: { left: ['old'] } });
    expect([exitCode, lines.at(-1)]).toEqual([
      1,
      'old: somebody wrote something of it meanwhile. Find out who, and prune again.',
    ]);
  });

  test('that may not be removed is a fault', async () => {
    const refused = new Fault('unavailable', 'Nothing was pruned.', 'Wait.');
    await expect(prune({ pruned: refused })).rejects.toThrow(refused);
  });

  test('does not hide what is wrong', async () => {
    expect(await prune({ findings: [damaged] })).toMatchObject({ exitCode: 1, asked: [['old', 'tiny']] });
  });
});
