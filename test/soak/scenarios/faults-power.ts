import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { DiskStep } from '../../support/disk-journal.ts';
import { Broken } from '../observer.ts';
import { openRoom, soakFolder } from './faults-client.ts';
import type { Kind } from './faults-kind.ts';
import type { Shop } from './faults-shops.ts';

const diskJournal = join(import.meta.dirname, '../../support/disk-journal.ts');

/** What a loss of power at any moment would take is seen in the order of what a server does to its disk. */
export const powerLoss: Kind<{ readonly shop: Shop }> = {
  name: 'FLT-41 power loss',
  done: 'what a server does to its disk is written down while it lists, fetches, commits and stops',
  promise: 'no file has its name before its content is safe, and every name is made safe',
  run: async ({ shop }) => {
    const folder = await soakFolder();
    const journal = join(folder, 'journal');
    const room = await openRoom({
      ...{ folder, upstreams: [shop.settings] },
      env: { CHARTROOM_TEST_JOURNAL: journal },
      nodeFlags: ['--import', pathToFileURL(diskJournal).href],
    });
    try {
      for (const path of shop.warm) await room.client.eventually(() => room.client.ask(path, 200));
      await room.server.stop();
      const lines = (await readFile(journal, 'utf8')).trim().split('\n');
      expectSafe(
        lines.map((line) => JSON.parse(line) as DiskStep),
        join(folder, 'data'),
      );
    } finally {
      await room.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** The folder for work under way: what is in it may be lost. */
const workFolder = 'tmp';

function expectSafe(steps: readonly DiskStep[], store: string): void {
  const contents = new Set<number>();
  /** Names that are not safe yet. */
  const unsafe = new Map<string, string>();
  const seen = new Set<string>();
  for (const step of steps) {
    if (step.step === 'content') contents.add(step.file);
    else if (step.step === 'folder') unsafe.delete(step.path);
    else if (!step.path.startsWith(join(store, workFolder))) {
      if (!contents.has(step.file)) throw new Broken(`${step.path} got its name before its content was safe`);
      unsafe.set(dirname(step.path), step.path);
      seen.add(step.path.slice(store.length + 1).split('/')[0] ?? '');
    }
  }
  const [lost] = unsafe.values();
  if (lost !== undefined) throw new Broken(`the name of ${lost} was never made safe`);
  const missing = ['blobs', 'holdings', 'catalogs', 'snapshots', 'state.json'].find((kind) => !seen.has(kind));
  if (missing !== undefined) throw new Broken(`nothing was written to ${missing}`);
}
