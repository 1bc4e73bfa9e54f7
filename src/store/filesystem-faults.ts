import { Fault } from '../chart/fault.ts';

const troubles: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  ENOSPC: ['the disk is full', 'Free some space or give the store a larger volume.'],
  EDQUOT: ['the disk quota is used up', 'Free some space or raise the quota.'],
  EROFS: ['the file system is read-only', 'Mount it writable.'],
  EACCES: ['permission was denied', 'Let the user that runs Chartroom read and write the whole folder.'],
  EPERM: [
    'the operation is not permitted',
    'Let the user that runs Chartroom own the folder; it must be on a file system that has hard links.',
  ],
  EIO: ['the disk failed', 'Look into the system log and replace the disk; another replica can go on meanwhile.'],
  EMFILE: ['too many files are open', 'Raise the limit of open files (ulimit -n) of this process.'],
  ENFILE: ['too many files are open on this machine', 'Raise the limit of open files of this machine.'],
  EXDEV: ['its folders are on different file systems', 'Keep the whole store on one file system.'],
  ENOTDIR: [
    'there is a file where a folder should be',
    'Check the path of the store, and take away what is not of it.',
  ],
  EISDIR: ['there is a folder where a file should be', 'Take away what is not of the store.'],
};

/** The operating system's code of an error (`ENOENT`), if it has one. */
export function errnoOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** The 'store-failed' fault for an error of the file system while doing `what` in `folder`. A fault stays itself. */
export function diskFault(error: unknown, folder: string, what: string): Fault {
  if (error instanceof Fault) return error;
  const code = errnoOf(error) ?? 'no code';
  const [trouble, advice] = troubles[code] ?? ['the file system refused', 'Check the folder and the system log.'];
  const message = `the store in ${folder} could not ${what}: ${trouble} (${code}).`;
  return new Fault('store-failed', message, advice, { cause: error });
}

/** What `work` answers, or undefined when it fails with one of these codes. */
export async function unless<T>(codes: readonly string[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codes.includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
