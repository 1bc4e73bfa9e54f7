import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { describe, expect, it, onTestFinished } from 'vitest';

import { readAll } from '../../src/lib/bytes.ts';
import { isClaim } from '../../src/store/filesystem-succession.ts';
import { filesystemStore, openFilesystem } from '../../src/store/filesystem.ts';
import { addTo } from '../contract/counter.ts';
import { end } from '../support/process.ts';
import { temporaryFolder } from '../support/temp.ts';

const scripts = {
  count: new URL('./children/count.ts', import.meta.url),
  write: new URL('./children/write.ts', import.meta.url),
};

/** A process of its own that prints a line for everything it got done. */
class Worker {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #onLine: () => void = () => undefined;

  constructor(script: keyof typeof scripts, ...args: readonly string[]) {
    this.#child = spawn(process.execPath, [fileURLToPath(scripts[script]), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#closed = once(this.#child, 'close');
    if (!this.#child.stdout) throw new Error('no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.lines.push(line);
      this.#onLine();
    });
    onTestFinished(() => end(this.#child, 'SIGKILL'));
  }

  /** Resolves once that many lines were printed. */
  async printed(count: number): Promise<void> {
    while (this.lines.length < count) await new Promise<void>((resolve) => (this.#onLine = resolve));
  }

  async kill(): Promise<void> {
    await end(this.#child, 'SIGKILL');
    await this.#closed;
  }

  /** Its exit status, once it ended by itself. */
  async ended(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }
}

async function counterOf(path: string): Promise<number> {
  return Number(String((await filesystemStore({ path }).read('counter'))?.body));
}

describe('a folder that several processes use at once', () => {
  it('loses no update between processes that add to one object', async () => {
    const path = await temporaryFolder();
    await filesystemStore({ path }).write('counter', Buffer.from('0'));
    const workers = [1, 2, 3].map(() => new Worker('count', path, '200'));
    const statuses = await Promise.all(workers.map((worker) => worker.ended()));
    expect(statuses).toEqual([0, 0, 0]);
    expect(await counterOf(path)).toBe(600);
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
  }, 60_000);

  it('neither loses an acknowledged update nor gets stuck when writers are killed', async () => {
    const path = await temporaryFolder();
    const store = filesystemStore({ path });
    await store.write('counter', Buffer.from('0'));
    let acknowledged = 0;
    const rounds = 10;
    for (let round = 0; round < rounds; round += 1) {
      const [victim, other] = [new Worker('count', path, '100000'), new Worker('count', path, '40')];
      await victim.printed(5 + round * 7);
      await victim.kill();
      expect(await other.ended()).toBe(0);
      acknowledged += victim.lines.length + other.lines.length;
    }
    const value = await counterOf(path);
    expect(value).toBeGreaterThanOrEqual(acknowledged);
    expect(value).toBeLessThanOrEqual(acknowledged + rounds);
    await addTo(store, 'counter', 3);
    expect(await counterOf(path)).toBeGreaterThanOrEqual(value + 3);
  }, 60_000);

  it('holds only whole objects after its writer was killed at any moment', async () => {
    const path = await temporaryFolder();
    const store = filesystemStore({ path });
    const promised = new Set<string>();
    for (let round = 0; round < 10; round += 1) {
      const worker = new Worker('write', path);
      await worker.printed(10 + round * 3);
      await worker.kill();
      for (const key of worker.lines) promised.add(key);
    }
    let seen = 0;
    for await (const { key, size } of store.list('')) {
      const object = await store.read(key);
      const body = object?.body ?? Buffer.alloc(0);
      const bytes = Buffer.isBuffer(body) ? body : await readAll(body, size);
      const own = key.startsWith('replaced/') ? bytes.subarray(0, 32).toString('hex') : key.split('/')[1];
      const content = key.startsWith('replaced/') ? bytes.subarray(32) : bytes;
      expect([key, createHash('sha256').update(content).digest('hex')]).toEqual([key, own]);
      promised.delete(key);
      seen += 1;
    }
    expect(seen).toBeGreaterThan(100);
    expect([...promised]).toEqual([]);
  }, 60_000);

  it('is tidied of what killed writers left while others write on undisturbed', async () => {
    const path = await temporaryFolder();
    const { store, tidy } = openFilesystem({ path });
    await store.write('counter', Buffer.from('0'));
    for (let round = 0; round < 4; round += 1) {
      const victims = [new Worker('write', path), new Worker('count', path, '100000')];
      await Promise.all(victims.map((victim) => victim.printed(8 + round * 5)));
      await Promise.all(victims.map((victim) => victim.kill()));
    }
    const left = (await readdir(join(path, 'tmp'))).filter((name) => !isClaim(name));
    await writeFile(join(path, 'tmp', 'left'), 'half');
    for (const name of [...left, 'left']) await utimes(join(path, 'tmp', name), 0, 0);
    const before = await counterOf(path);

    const counters = [1, 2].map(() => new Worker('count', path, '60'));
    const writer = new Worker('write', path);
    let writing = true;
    const statuses = Promise.all(counters.map((worker) => worker.ended())).finally(() => (writing = false));
    let tidied = 0;
    while (writing) tidied += await tidy(60_000);
    expect(await statuses).toEqual([0, 0]);
    await writer.kill();

    expect(tidied).toBe(left.length + 1);
    expect(await counterOf(path)).toBeGreaterThanOrEqual(before + 120);
    for (const key of writer.lines) expect(await store.head(key)).toBeDefined();
    await tidy(-60_000);
    expect((await readdir(join(path, 'tmp'))).filter((name) => !isClaim(name))).toEqual([]);
  }, 60_000);
});
