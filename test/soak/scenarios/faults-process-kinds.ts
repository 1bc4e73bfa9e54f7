import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { Chartroom } from '../../support/chartroom.ts';
import type { MachineFaults } from '../../support/machine-faults.ts';
import { Broken } from '../observer.ts';
import { openRoom, soakFolder, type Room } from './faults-client.ts';
import type { Kind, Rig } from './faults-kind.ts';
import { powerLoss } from './faults-power.ts';
import { openRepository, type Shop } from './faults-shops.ts';

/** A folder with everything in it, and a server on it that may not live long. */
export interface ProcessRig extends Rig {
  readonly folder: string;
  readonly shop: Shop;
  readonly machine: (faults: MachineFaults) => Promise<void>;
  /** The one there is, with everything warm; started when there is none. */
  readonly room: () => Promise<Room>;
  /** Ends it, if it lives. */
  readonly forget: () => Promise<void>;
}

const machineFaults = join(import.meta.dirname, '../../support/machine-faults.ts');
const heapMiB = 120;
const versionsPerRound = 10;

/** Prepares a folder. */
export async function openProcessRig(): Promise<ProcessRig> {
  const folder = await soakFolder();
  const shop = await openRepository({ name: 'kept', host: '127.0.0.1' });
  const machineFile = join(folder, 'machine.json');
  const machine = (faults: MachineFaults): Promise<void> => writeFile(machineFile, JSON.stringify(faults));
  let reads = 0;
  let current: Room | undefined;
  const start = async (): Promise<Room> => {
    await machine({});
    const room = await openRoom({
      folder,
      upstreams: [shop.settings],
      env: { CHARTROOM_TEST_MACHINE: machineFile },
      nodeFlags: [`--max-old-space-size=${heapMiB}`, '--import', pathToFileURL(machineFaults).href],
    });
    for (const path of shop.warm) await room.client.eventually(() => room.client.ask(path, 200));
    return room;
  };
  const forget = async (): Promise<void> => {
    reads += current?.client.observer.reads ?? 0;
    await current?.close();
    current = undefined;
  };
  await shop.stock(versionsPerRound);
  return {
    ...{ folder, shop, machine, forget },
    room: async () => (current ??= await start()),
    restock: async () => {
      await shop.stock(versionsPerRound);
      await (current ??= await start()).client.sync(shop.name, 200);
    },
    reads: () => reads + (current?.client.observer.reads ?? 0),
    close: async () => {
      await forget();
      await shop.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The server dies of it; the next one has everything without upstream. */
function deadly(name: string, done: string, accident: NonNullable<MachineFaults['accident']>): Kind<ProcessRig> {
  return {
    ...{ name, done, promise: 'the process ends and not with 0; the next one serves everything without upstream' },
    run: async (rig) => {
      const { server } = await rig.room();
      const gone = once(server.process, 'exit');
      await rig.machine({ accident });
      server.process.kill('SIGUSR2');
      const [code] = (await gone) as [number | null];
      await rig.forget();
      if (code === 0) throw new Broken('it ended as if nothing had happened');
      try {
        await rig.shop.network.apply('refused');
        await (await rig.room()).client.readEverything();
      } finally {
        await rig.shop.mend();
      }
    },
  };
}

/** Something happens to a running server that it takes no harm from. */
function harmless(
  { name, done, promise }: Pick<Kind<ProcessRig>, 'name' | 'done' | 'promise'>,
  during: (room: Room, rig: ProcessRig) => Promise<void>,
): Kind<ProcessRig> {
  return {
    ...{ name, done, promise },
    run: async (rig) => {
      const room = await rig.room();
      try {
        await during(room, rig);
        await rig.machine({});
        await room.client.eventually(() => room.client.sync(rig.shop.name, 200));
        await room.client.ask(rig.shop.nextCold(), 200);
        await room.client.readEverything();
      } catch (error) {
        await rig.forget();
        throw error;
      }
    },
  };
}

const hourMs = 3_600_000;
const jumps = [hourMs, -hourMs, 365 * 24 * hourMs, -365 * 24 * hourMs];

const clocks = harmless(
  {
    name: 'FLT-60 clock jumps',
    done: 'the clock on the wall jumps by an hour and by a year, forth and back',
    promise: 'no more than one sync comes of it, the index stays as it is, cold and warm 200',
  },
  async ({ client, server }, { shop, machine }) => {
    const etag = async (): Promise<string | null> =>
      (await fetch(`${client.url}/index.yaml`, { method: 'HEAD' })).headers.get('etag');
    const [before, listed] = [await etag(), shop.upstream.count('/index.yaml')];
    for (const clockMs of jumps) {
      await machine({ clockMs });
      await client.eventually(() => isClockOff(server, clockMs));
      await client.ask(shop.nextCold(), 200);
      await client.readEverything();
    }
    const syncs = shop.upstream.count('/index.yaml') - listed;
    // the first one of a server that was just started may be under way
    if (syncs > 1) throw new Broken(`upstream was asked for its index ${syncs} times`);
    if ((await etag()) !== before) throw new Broken('the index changed');
  },
);

/** The log says what it takes for the time. */
async function isClockOff({ url, log }: Chartroom, ms: number): Promise<void> {
  await (await fetch(`${url}/livez`)).text();
  const offMs = Date.parse(String(log.at(-1)?.['time'])) - Date.now();
  if (!(Math.abs(offMs - ms) < 60_000)) throw new Broken(`its clock is ${offMs} ms off, not ${ms}`);
}

const threads = harmless(
  {
    name: 'FLT-43 dead threads',
    done: 'every thread that reads listings and archives ends, again and again',
    promise: 'what was asked of them fails as 502 at most; warm reads 200; new ones do the work afterwards',
  },
  async ({ client }, { shop, machine }) => {
    await machine({ threads: 7 });
    await Promise.all([
      client.sync(shop.name, 200, 502),
      client.ask(shop.nextCold(), 200, 502),
      client.readEverything(),
    ]);
    await client.readEverything();
  },
);

const deaf = harmless(
  {
    name: 'FLT-81 nobody listens to the log',
    done: 'whoever reads the output of the server ends',
    promise: 'it goes on without',
  },
  async ({ server, client }) => {
    server.process.stdout?.destroy();
    server.process.stderr?.destroy();
    // more than what is kept back before it is written
    for (let times = 0; times < 3; times += 1) await client.readEverything();
  },
);

/** Its log can be read by nobody any more. */
const deafAndForgotten: Kind<ProcessRig> = {
  ...deaf,
  run: async (rig) => {
    await deaf.run(rig);
    await rig.forget();
  },
};

const patienceMs = 3_000;

const fullLog = harmless(
  {
    name: 'FLT-34 no room for the log',
    done: 'the disk that the log is written to is full',
    promise: 'it goes on without, and with it once there is room',
  },
  async ({ client }, { machine }) => {
    await machine({ log: 'ENOSPC' });
    // more than what is kept back before it is written
    for (let times = 0; times < 60; times += 1) {
      const alive = await fetch(`${client.url}/livez`, { signal: AbortSignal.timeout(patienceMs) });
      if (alive.status !== 200) throw new Broken(`/livez answered ${alive.status}`);
    }
  },
);

const laterLayout: Kind<ProcessRig> = {
  name: 'FLT-52 later layout',
  done: 'a store that a later version laid out in another way',
  promise: 'refused, and left as it is: alive, not ready, 503 with the reason',
  run: async (rig) => {
    const folder = join(rig.folder, 'later');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'format.json'), JSON.stringify({ format: 'chartroom', version: 1_000 }));
    const options = { folder: rig.folder, store: { filesystem: { path: folder } }, upstreams: [rig.shop.settings] };
    const room = await openRoom({ ...options, unserved: true });
    try {
      await room.server.logged(({ msg }) => msg.startsWith('the store cannot be read yet'));
      await room.client.ask('/index.yaml', 503);
      await room.client.ask(rig.shop.warm[0] ?? '', 503);
      const alive = await fetch(`${room.client.url}/livez`);
      if (alive.status !== 200) throw new Broken(`/livez answered ${alive.status}`);
    } finally {
      await room.close();
    }
  },
};

/** Accidents of one process. */
export const processKinds: readonly Kind<ProcessRig>[] = [
  powerLoss,
  deadly('FLT-42 out of memory', `more memory is asked for than ${heapMiB} MiB`, 'memory'),
  deadly('FLT-43 exception', 'an error that nobody catches', 'exception'),
  deadly('FLT-43 rejection', 'a rejection that nobody handles', 'rejection'),
  clocks,
  threads,
  fullLog,
  deafAndForgotten,
  laterLayout,
];
