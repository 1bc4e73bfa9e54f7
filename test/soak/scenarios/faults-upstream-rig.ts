import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { MachineFaults } from '../../support/machine-faults.ts';
import { Broken } from '../observer.ts';
import { createSoakCertificates, type SoakCertificates } from './faults-certificates.ts';
import { openRoom, soakFolder, type Room } from './faults-client.ts';
import type { Kind, Rig } from './faults-kind.ts';
import { openRegistry, openRepository, type RegistryShop, type Shop } from './faults-shops.ts';

/** The upstreams of the server that upstream faults happen to. */
export interface Shops {
  /** A chart repository with a host name. */
  readonly named: Shop;
  /** A registry with a token service. */
  readonly registry: RegistryShop;
  /** A chart repository with TLS, whose withdrawn versions are dropped here. */
  readonly secure: Shop;
  /** A chart repository with archives that are streamed, and time to do so. */
  readonly large: Shop;
}

export type ShopName = keyof Shops;

/** One server over three upstreams, with everything warm. */
export interface UpstreamRig extends Rig, Room {
  readonly shops: Shops;
  readonly certificates: SoakCertificates;
  /** What is wrong with the machine from now on. */
  machine(faults: MachineFaults): Promise<void>;
}

const host = 'charts.test';
const here: MachineFaults = { names: { [host]: '127.0.0.1' } };
const versionsPerRound = 120;
const stockedWithinMs = 30_000;
const machineFaults = join(import.meta.dirname, '../../support/machine-faults.ts');

/** Starts everything, and has a client read what it will read again. */
export async function openUpstreamRig(): Promise<UpstreamRig> {
  const folder = await soakFolder();
  const certificates = await createSoakCertificates(folder);
  const shops: Shops = {
    named: await openRepository({ name: 'named', host }),
    registry: await openRegistry('registry'),
    secure: await openRepository({
      ...{ name: 'secure', host: '127.0.0.1', tls: certificates.good },
      settings: { withdrawn: 'drop' },
    }),
    large: await openRepository({
      ...{ name: 'large', host: '127.0.0.1', kilobytes: 9 * 1024, charts: 1 },
      settings: { timeout: '20s', maxArchiveBytes: '16MiB' },
    }),
  };
  const all: readonly Shop[] = Object.values(shops);
  const small = all.filter((shop) => shop !== shops.large);
  const machineFile = join(folder, 'machine.json');
  const machine = (faults: MachineFaults): Promise<void> => writeFile(machineFile, JSON.stringify(faults));
  const stock = (): Promise<unknown> => Promise.all(small.map((shop) => shop.stock(versionsPerRound)));
  await machine(here);
  await stock();
  const room = await openRoom({
    folder,
    upstreams: all.map(({ settings }) => settings),
    env: { CHARTROOM_TEST_MACHINE: machineFile, NODE_EXTRA_CA_CERTS: certificates.caFile },
    nodeFlags: ['--import', pathToFileURL(machineFaults).href],
  });
  const { client } = room;
  await client.sync(shops.large.name, 200);
  await showsAll(room, small);
  for (const path of small.flatMap(({ warm }) => warm)) await client.eventually(() => client.ask(path, 200));
  return {
    ...room,
    ...{ shops, certificates },
    machine: (faults) => machine({ ...here, ...faults }),
    restock: async () => {
      await stock();
      await showsAll(room, small);
    },
    reads: () => client.observer.reads,
    close: async () => {
      await room.close();
      for (const shop of all) await shop.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when everything in stock is listed; of a registry that takes a while. */
function showsAll({ client, server }: Room, shops: readonly Shop[]): Promise<void> {
  return client.eventually(async () => {
    for (const { name } of shops) await client.sync(name, 200);
    const rows = new Set((await client.observer.index(server.url)).map(({ path }) => path));
    const missing = shops.flatMap(({ cold }) => cold).find((path) => !rows.has(path));
    if (missing !== undefined) throw new Broken(`${missing} is not listed`);
  }, stockedWithinMs);
}

/** Which statuses are right. */
export interface Expected {
  /** Of a sync by hand. */
  readonly sync: number;
  /** Of a version that is listed and was never fetched. */
  readonly cold: readonly number[];
  /** Of a version that nobody has. */
  readonly nobodys: readonly number[];
}

/** Nobody has it, or a listing began too recently to begin another one and see. */
const none = [404, 504];
/** What is expected where upstream answers as it should. */
export const well: Expected = { sync: 200, cold: [200], nobodys: none };

/** The same trouble whatever is asked. */
export function trouble(status: number): Expected {
  return { sync: status, cold: [status], nobodys: [status] };
}

/** What happens to some upstreams at once, and what their clients are to see. */
export interface UpstreamFault {
  readonly name: string;
  readonly done: string;
  readonly promise: string;
  readonly at: readonly ShopName[];
  readonly befall: (shop: Shop, rig: UpstreamRig) => void | Promise<void>;
  readonly expected: Expected | ((shop: Shop) => Expected);
  /** What else is to be mended. */
  readonly mend?: (shop: Shop, rig: UpstreamRig) => void | Promise<void>;
}

/**
 * The kind for a fault of upstreams: while it lasts syncs are forced, a client reads everything it ever saw without
 * anything warm being asked of upstream, and asks for what is cold and for what nobody has; then all is well again.
 */
export function upstreamKind({ name, done, promise, ...fault }: UpstreamFault): Kind<UpstreamRig> {
  return { name, done, promise, run: (rig) => runFault(rig, fault) };
}

type FaultWork = Omit<UpstreamFault, 'name' | 'done' | 'promise'>;

async function runFault(rig: UpstreamRig, { at, befall, expected, mend }: FaultWork): Promise<void> {
  const shops = at.map((name) => rig.shops[name]);
  const warmAsked = (): number => shops.reduce((sum, shop) => sum + shop.warmAsked(), 0);
  const before = warmAsked();
  try {
    for (const shop of shops) await befall(shop, rig);
    const looks = shops.map((shop) =>
      lookDuring(rig, shop, typeof expected === 'function' ? expected(shop) : expected),
    );
    await Promise.all([...looks, rig.client.readEverything()]);
    await rig.client.readEverything();
  } finally {
    for (const shop of shops) {
      await mend?.(shop, rig);
      await shop.mend();
    }
  }
  if (warmAsked() > before) throw new Broken('what is warm was asked of upstream');
  await Promise.all(shops.map((shop) => expectWell(rig, shop)));
  await rig.client.readEverything();
}

async function lookDuring({ client }: UpstreamRig, shop: Shop, expected: Expected): Promise<void> {
  await Promise.all([client.sync(shop.name, expected.sync), client.ask(shop.nextCold(), ...expected.cold)]);
  await client.miss(shop.nobodys(), ...expected.nobodys);
}

/** Upstream is asked again, and what could not be had can be had. */
export async function expectWell({ client }: UpstreamRig, shop: Shop): Promise<void> {
  await client.eventually(() => client.sync(shop.name, 200));
  const path = shop.nextCold();
  await client.eventually(() => client.ask(path, 200));
  await client.miss(shop.nobodys(), ...none);
}
