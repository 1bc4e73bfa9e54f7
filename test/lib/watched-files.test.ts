import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { systemClock } from '../../src/lib/clock.ts';
import { WatchedFiles } from '../../src/lib/watched-files.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryFolder } from '../support/temp.ts';

/** A file that is looked at by the clock alone. */
async function looked() {
  const file = join(await temporaryFolder(), 'chartroom.yaml');
  await writeFile(file, 'one');
  const watched = new WatchedFiles(() => [file], new ManualClock());
  await watched.look();
  return { file, watched };
}

/** Watches as the program does, and answers with what waits for the next change. */
async function watching(file: string) {
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  const watched = new WatchedFiles(() => [file], systemClock);
  await watched.look();
  let [changes, wake] = [0, () => undefined as void];
  const next = () => new Promise<void>((resolve) => (wake = resolve));
  const count = () => {
    changes += 1;
    wake();
  };
  void watched.watch(count, ended.signal);
  return { next, changes: () => changes };
}

describe('a look at a file', () => {
  test('finds another content, once', async () => {
    const { file, watched } = await looked();
    expect(await watched.look()).toBe(false);
    await writeFile(file, 'two');
    expect(await watched.look()).toBe(true);
    expect(await watched.look()).toBe(false);
  });

  test('takes the same content in another file for the same', async () => {
    const { file, watched } = await looked();
    await writeFile(`${file}.new`, 'one');
    await rename(`${file}.new`, file);
    expect(await watched.look()).toBe(false);
  });

  test('says that it is gone only when it stays so', async () => {
    const { file, watched } = await looked();
    await unlink(file);
    expect(await watched.look()).toBe(false);
    await writeFile(file, 'one');
    expect(await watched.look()).toBe(false);

    await unlink(file);
    expect([await watched.look(), await watched.look(), await watched.look()]).toEqual([false, true, false]);
    await writeFile(file, 'one');
    expect(await watched.look()).toBe(true);
  });
});

describe('watching a file', () => {
  test('without any sign it is looked at every thirty seconds', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'chartroom.yaml');
    await mkdir(join(folder, 'elsewhere'));
    await writeFile(join(folder, 'elsewhere', 'real.yaml'), 'one');
    await symlink(join(folder, 'elsewhere', 'real.yaml'), file);
    const clock = new ManualClock();
    const watched = new WatchedFiles(() => [file], clock);
    await watched.look();
    const changed = Promise.withResolvers<void>();
    const ended = new AbortController();
    onTestFinished(() => ended.abort());
    void watched.watch(changed.resolve, ended.signal);
    await writeFile(join(folder, 'elsewhere', 'real.yaml'), 'two');
    await clock.advance(30_000);
    await changed.promise;
  });

  test('hears of every swap of what Kubernetes mounts', async () => {
    const folder = await temporaryFolder();
    const swap = async (at: number) => {
      const version = `..2026_11_21_${at}`;
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'chartroom.yaml'), `version ${at}`);
      await symlink(version, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
      if (at > 0) await rm(join(folder, `..2026_11_21_${at - 1}`), { recursive: true });
    };
    await swap(0);
    await symlink('..data/chartroom.yaml', join(folder, 'chartroom.yaml'));
    const { next, changes } = await watching(join(folder, 'chartroom.yaml'));
    for (const at of [1, 2, 3]) {
      const heard = next();
      await swap(at);
      await heard;
    }
    expect(changes()).toBe(3);
  });

  test('hears of one that is replaced by a rename, removed and written again, and written in steps', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'chartroom.yaml');
    await writeFile(file, 'one');
    const { next, changes } = await watching(file);
    let heard = next();
    await writeFile(`${file}~`, 'two');
    await rename(`${file}~`, file);
    await heard;

    heard = next();
    await unlink(file);
    await writeFile(file, 'three');
    await heard;

    heard = next();
    for (const text of ['', 'f', 'fo', 'four']) await writeFile(file, text);
    await heard;
    expect(changes()).toBe(3);
  });
});
