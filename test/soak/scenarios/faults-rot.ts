import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { hexDigest } from '../../support/charts.ts';
import { Broken } from '../observer.ts';
import type { StoreRig } from './faults-store-rig.ts';

/** The files of the blobs below a folder. */
async function blobsBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.filter((path) => path.includes('/blobs/sha256/'));
}

/** Turns one bit of a file, or back again, and leaves its length. */
async function turnBit(file: string): Promise<void> {
  const bytes = await readFile(file);
  const at = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(file, bytes);
}

async function isRotten(file: string): Promise<boolean> {
  return hexDigest(await readFile(file)) !== basename(file);
}

/** One bit of every blob that is at rest turned: what is read is fetched again, and without upstream it is refused. */
export async function surviveRot(rig: StoreRig, folder: string): Promise<void> {
  const { client, shop } = rig;
  for (const file of await blobsBelow(folder)) await turnBit(file);
  await client.ask(rig.nextUnread(), 200);
  await client.readEverything();
  const unread = rig.nextUnread();
  try {
    await shop.network.apply('refused');
    await client.ask(unread, 503);
    await client.readEverything();
  } finally {
    await shop.mend();
  }
  await client.ask(unread, 200);
  const text = await (await fetch(`${client.url}/metrics`)).text();
  if (!/damaged_blobs_total [1-9]/.test(text)) throw new Broken('the metrics know of no damaged blob');
  // what nobody read must not spoil what comes next
  for (const file of await blobsBelow(folder)) if (await isRotten(file)) await turnBit(file);
}
