import { createHash, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';

import { filesystemStore } from '../../../src/store/filesystem.ts';

/** Writes random objects named by their digest until it is killed, eight at a time, printing each key once it is durable. */
const [path = ''] = process.argv.slice(2);
const store = filesystemStore({ path });

async function writeForEver(size: number): Promise<never> {
  for (;;) {
    const bytes = randomBytes(size);
    const key = `objects/${createHash('sha256').update(bytes).digest('hex')}`;
    await store.write(key, bytes);
    await store.write(`replaced/${size}`, Buffer.concat([createHash('sha256').update(bytes).digest(), bytes]));
    writeSync(1, `${key}\n`);
  }
}

await Promise.all([10, 1000, 30_000, 30_000, 100_000, 400_000, 2_000_000, 2_000_000].map(writeForEver));
