import { onTestFinished } from 'vitest';

import { run } from './process.ts';
import { temporaryFolder } from './temp.ts';

/** A folder that is a file system of its own. */
export interface Volume {
  readonly path: string;
  /** Makes it read-only, or writable again. */
  setReadOnly(readOnly: boolean): Promise<void>;
}

/** Mounts an empty file system in memory that holds `size` (as in `2m`); it goes with the test. */
export async function smallVolume(size: string): Promise<Volume> {
  const path = await temporaryFolder();
  const { code, stderr } = await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  if (code !== 0) throw new Error(`mount: ${stderr}`);
  onTestFinished(async () => void (await run('umount', ['-l', path])));
  return {
    path,
    setReadOnly: async (readOnly) => {
      await run('mount', ['-o', `remount,${readOnly ? 'ro' : 'rw'}`, path]);
    },
  };
}

/** For `it.skipIf`: true, and one line that says so, where file systems cannot be mounted. */
export async function cannotMount(): Promise<boolean> {
  const { code } = await run('unshare', ['-m', 'true']).catch(() => ({ code: 1 }));
  if (code !== 0) console.warn('npm test: skipping full and read-only disks: they need the right to mount');
  return code !== 0;
}
