import { rm } from 'node:fs/promises';

import { Broken } from '../observer.ts';
import { openRoom, soakFolder, type Room, type RoomOptions } from './faults-client.ts';
import type { Rig } from './faults-kind.ts';
import { openRepository, type Shop } from './faults-shops.ts';

/** One server over one upstream, whose store breaks. */
export interface StoreRig extends Rig, Room {
  readonly shop: Shop;
  /** A version that the store holds and this server never read, so that it is not in its memory. */
  readonly nextUnread: () => string;
}

interface StoreRigOptions {
  /** Where the server keeps things. */
  readonly store: object;
  readonly folder: string;
  readonly room?: Partial<RoomOptions>;
  /** Unread versions that are used in a round, and cold ones. */
  readonly versions: number;
}

/** Fills the store by one server, and starts another one that has nothing in its memory. */
export async function openStoreRig({ store, folder, room: more, versions }: StoreRigOptions): Promise<StoreRig> {
  const shop = await openRepository({ name: 'kept', host: '127.0.0.1' });
  const unread: string[] = [];
  await shop.stock(2 * versions);
  const options = { ...more, folder, store, upstreams: [shop.settings] };
  const before = await openRoom(options);
  const fill = async (room: Room): Promise<void> => {
    for (let at = 0; at < versions; at += 1) {
      const path = shop.nextCold();
      await room.client.eventually(() => room.client.ask(path, 200));
      unread.push(path);
    }
  };
  for (const path of shop.warm) await before.client.eventually(() => before.client.ask(path, 200));
  await fill(before);
  await before.server.stop();
  const room = await openRoom(options);
  for (const path of shop.warm) await room.client.ask(path, 200);
  return {
    ...room,
    shop,
    nextUnread: () => {
      const path = unread.shift();
      if (path === undefined) throw new Error('everything was read');
      return path;
    },
    restock: async () => {
      await shop.stock(2 * versions);
      await room.client.sync(shop.name, 200);
      const helper = await openRoom({ ...options, folder: await soakFolder() });
      await fill(helper);
      await helper.server.stop();
      await rm(helper.folder, { recursive: true, force: true });
    },
    reads: () => room.client.observer.reads,
    close: async () => {
      await room.close();
      await shop.close();
    },
  };
}

/** What a client sees while a store is in trouble, beside what is in memory. */
export interface StoreExpected {
  /** Held, and not in memory. */
  readonly unread: number;
  /** Never fetched. */
  readonly cold: number;
  /** Whether the status says so. */
  readonly told: boolean;
}

interface StoreTrouble {
  readonly befall: () => void | Promise<void>;
  readonly mend: () => void | Promise<void>;
  readonly expected: StoreExpected;
}

/** Breaks the store, looks, mends it, and expects everything to be well within five seconds. */
export async function withTrouble(rig: StoreRig, { befall, mend, expected }: StoreTrouble): Promise<void> {
  const { client, shop } = rig;
  const [unread, cold] = [rig.nextUnread(), shop.nextCold()];
  try {
    await befall();
    await Promise.all([client.readEverything(), client.ask(unread, expected.unread), client.ask(cold, expected.cold)]);
    await client.readEverything();
    if (expected.told) await expectTold(rig);
  } finally {
    await mend();
  }
  await client.eventually(() => client.ask(unread, 200));
  await client.eventually(() => client.ask(cold, 200));
  await client.eventually(() => client.sync(shop.name, 200));
  await client.readEverything();
}

async function expectTold({ client }: StoreRig): Promise<void> {
  const { store } = (await (await fetch(`${client.url}/api/v1/status`)).json()) as { store: { state: string } };
  if (store.state !== 'failing') throw new Broken(`the status says that the store is ${store.state}`);
}
