import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { MachineFaults } from '../../support/machine-faults.ts';
import { run, runOk } from '../../support/process.ts';
import { soakFolder } from './faults-client.ts';
import type { Kind } from './faults-kind.ts';
import { surviveRot } from './faults-rot.ts';
import { openStoreRig, withTrouble, type StoreExpected, type StoreRig } from './faults-store-rig.ts';

/** A server on a small disk of its own. */
export interface DiskRig extends StoreRig {
  /** Where the disk is. */
  readonly disk: string;
  /** What the system says of every file of the store from now on. */
  machine(faults: NonNullable<MachineFaults['disk']> | undefined): Promise<void>;
}

const versionsPerRound = 10;
const machineFaults = join(import.meta.dirname, '../../support/machine-faults.ts');

/** Why no disk can be made here; undefined when one can. */
export async function withoutDisk(): Promise<string | undefined> {
  const { code } = await run('unshare', ['-m', 'true']).catch(() => ({ code: 1 }));
  return code === 0 ? undefined : 'disks of its own need the right to mount';
}

/** Starts everything. */
export async function openDiskRig(): Promise<DiskRig> {
  const folder = await soakFolder();
  const disk = join(folder, 'disk');
  const machineFile = join(folder, 'machine.json');
  const machine = (faults: MachineFaults): Promise<void> => writeFile(machineFile, JSON.stringify(faults));
  await mkdir(disk);
  await machine({});
  await runOk('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'chartroom-soak', disk]);
  const rig = await openStoreRig({
    store: { filesystem: { path: join(disk, 'data') } },
    folder,
    versions: versionsPerRound,
    room: {
      env: { CHARTROOM_TEST_MACHINE: machineFile },
      nodeFlags: ['--import', pathToFileURL(machineFaults).href],
    },
  });
  return {
    ...rig,
    disk,
    machine: (faults) => machine(faults ? { disk: faults } : {}),
    close: async () => {
      await rig.close();
      await run('umount', ['-l', disk]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const unwritable: StoreExpected = { unread: 200, cold: 200, told: true };
const unwritablePromise = 'everything 200: what is verified is answered though it is not kept; kept again afterwards';
const unreadable: StoreExpected = { unread: 503, cold: 503, told: true };
const unreadablePromise = 'what is in memory 200, the rest 503; ready and alive; well again without a restart';

async function fillUp(disk: string): Promise<void> {
  await run('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=64k']);
}

/** What the operating system answers, where no mount can make it answer so. */
function systemSays(
  name: string,
  done: string,
  said: { readonly reads?: string; readonly writes?: string },
): Kind<DiskRig> {
  return {
    ...{ name, done, promise: said.reads ? unreadablePromise : unwritablePromise },
    run: (rig) =>
      withTrouble(rig, {
        befall: () => rig.machine({ folder: rig.disk, ...said }),
        mend: () => rig.machine(undefined),
        expected: said.reads ? unreadable : unwritable,
      }),
  };
}

const remount = (disk: string, how: 'ro' | 'rw'): Promise<string> => runOk('mount', ['-o', `remount,${how}`, disk]);

/** The lowest number that no open file of a process has. */
async function lowestFree(pid: number): Promise<number> {
  const used = new Set((await readdir(`/proc/${pid}/fd`)).map(Number));
  let lowest = 0;
  while (used.has(lowest)) lowest += 1;
  return lowest;
}

const tooManyFiles: Kind<DiskRig> = {
  name: 'FLT-35 EMFILE',
  done: 'the process may open no further file and take no further connection',
  promise: `over connections there are: ${unreadablePromise}; then it takes connections again`,
  run: async (rig) => {
    const { client, server, shop } = rig;
    const pid = server.process.pid ?? 0;
    const limit = (files: number): Promise<string> => runOk('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
    const [unread, cold] = [rig.nextUnread(), shop.nextCold()];
    // a connection that is there, and is used for one request after another
    await client.readEverything();
    await limit(await lowestFree(pid));
    try {
      await client.readEverything();
      await client.ask(unread, 503);
      await client.ask(cold, 503);
      await Promise.allSettled(Array.from({ length: 50 }, () => fetch(`${client.url}/livez`).then((a) => a.text())));
    } finally {
      await limit(20_000);
    }
    await client.eventually(() => client.readEverything());
    await client.eventually(() => client.ask(unread, 200));
    await client.eventually(() => client.ask(cold, 200));
  },
};

/** Faults of a disk and of the system that holds it. */
export const diskKinds: readonly Kind<DiskRig>[] = [
  {
    name: 'FLT-34 ENOSPC',
    done: 'the disk is full to the last block',
    promise: unwritablePromise,
    run: (rig) =>
      withTrouble(rig, {
        befall: () => fillUp(rig.disk),
        mend: () => rm(join(rig.disk, 'filler'), { force: true }),
        expected: unwritable,
      }),
  },
  {
    name: 'FLT-35 EROFS',
    done: 'the disk is mounted again read-only',
    promise: unwritablePromise,
    run: async (rig) =>
      withTrouble(rig, {
        befall: async () => void (await remount(rig.disk, 'ro')),
        mend: async () => void (await remount(rig.disk, 'rw')),
        expected: unwritable,
      }),
  },
  systemSays('FLT-35 EACCES', 'nothing may be written any more', { writes: 'EACCES' }),
  systemSays('FLT-35 EIO on writing', 'nothing can be written any more', { writes: 'EIO' }),
  systemSays('FLT-35 EIO', 'nothing can be read or written any more', { reads: 'EIO', writes: 'EIO' }),
  tooManyFiles,
  {
    name: 'FLT-36 bit rot on a disk',
    done: 'one bit of every blob on the disk turned, some of them not read before',
    promise: 'never wrong bytes: fetched again, 503 while upstream is away; counted',
    run: (rig) => surviveRot(rig, rig.disk),
  },
];
