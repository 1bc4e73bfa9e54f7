import { appendFileSync, statSync } from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/** Something that was done to a disk, in the order in which it was done. Paths are whole. */
export type DiskStep =
  /** What is in the file was made to survive a power loss. */
  | { readonly step: 'content'; readonly file: number }
  /** The file got this name. */
  | { readonly step: 'name'; readonly file: number; readonly path: string }
  /** The names in the folder were made to survive a power loss. */
  | { readonly step: 'folder'; readonly path: string };

/*
 * Loaded into a server of ours by `--import`: writes what it does to its disk, as lines of JSON, to the file that
 * CHARTROOM_TEST_JOURNAL names.
 */
const journal = process.env['CHARTROOM_TEST_JOURNAL'] ?? '/dev/null';

function note(step: DiskStep): void {
  appendFileSync(journal, `${JSON.stringify(step)}\n`);
}

async function noteSync(handle: FileHandle, path: string): Promise<void> {
  const found = await handle.stat();
  note(found.isDirectory() ? { step: 'folder', path } : { step: 'content', file: found.ino });
}

const { open, link, rename } = promises;

async function opened(path: string, ...rest: [flags?: string]): Promise<FileHandle> {
  const handle = await open(path, ...rest);
  for (const name of ['sync', 'datasync'] as const) {
    const original = handle[name].bind(handle);
    Reflect.set(handle, name, async () => {
      await original();
      await noteSync(handle, path);
    });
  }
  return handle;
}

function named(give: (from: string, to: string) => Promise<void>) {
  return async (from: string, to: string): Promise<void> => {
    const found = statSync(from);
    await give(from, to);
    if (found.isFile()) note({ step: 'name', file: found.ino, path: to });
  };
}

Object.assign(promises, { open: opened, link: named(link), rename: named(rename) });
syncBuiltinESMExports();
