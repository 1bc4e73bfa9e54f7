import { createHash } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

import type { Clock } from './clock.ts';

/** Without any sign of a change, files are read again this often. */
const pollMs = 30_000;
/** Whoever writes a file in several steps is done when nothing has happened for so long. */
const settleMs = 500;
const maxSettleMs = 5_000;

/**
 * Tells when the content of files is another one: also of a file that is replaced by a rename, and of one behind a link
 * that is swapped beside it, as Kubernetes does with what it mounts. The folders are watched, since whoever watches such a
 * file hears of its first change only; and the files are read again now and then, since some file systems tell nothing.
 */
export class WatchedFiles {
  readonly #files: () => readonly string[];
  readonly #clock: Clock;
  readonly #watchers = new Map<string, FSWatcher>();
  /** What each file held when it was looked at last; undefined for one that could not be read. */
  #seen: ReadonlyMap<string, string | undefined> = new Map();
  #isDoubtful = false;
  #signs = 0;
  #heard = 0;
  #woken = new AbortController();

  /** `files` may answer with others from time to time. */
  constructor(files: () => readonly string[], clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  /**
   * Whether a file has another content than at the last look. One that is gone counts from the second look on: somebody may
   * be putting another one in its place.
   */
  async look(): Promise<boolean> {
    const found = await Promise.all(this.#files().map(async (file) => [file, await contentOf(file)] as const));
    const changed = found.filter(([file, content]) => this.#seen.has(file) && this.#seen.get(file) !== content);
    const isGone = changed.some(([, content]) => content === undefined);
    if (isGone && !this.#isDoubtful) {
      this.#isDoubtful = true;
      return false;
    }
    this.#isDoubtful = false;
    this.#seen = new Map(found);
    return changed.length > 0;
  }

  /** Calls `changed` after each change since the last look, until the signal ends it. Never rejects. */
  async watch(changed: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#watchFolders();
      // also before anything was heard: there may be other files by now
      if (await this.look()) changed();
      await this.#untilWorthALook(signal);
    }
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  async #untilWorthALook(signal: AbortSignal): Promise<void> {
    this.#woken = new AbortController();
    if (this.#signs === this.#heard) await this.#sleep(pollMs, AbortSignal.any([signal, this.#woken.signal]));
    for (let waitedMs = 0; this.#signs !== this.#heard && waitedMs < maxSettleMs; waitedMs += settleMs) {
      this.#heard = this.#signs;
      await this.#sleep(settleMs, signal);
    }
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(ms, signal).catch(() => undefined);
  }

  #watchFolders(): void {
    for (const folder of new Set(this.#files().map((file) => dirname(file)))) {
      if (!this.#watchers.has(folder)) this.#watchFolder(folder);
    }
  }

  /** One that cannot be watched is left to the next look at its files. */
  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false });
      this.#watchers.set(folder, watcher);
      watcher.on('change', (_, name) => this.#note(String(name ?? '..')));
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(folder);
      });
    } catch {}
  }

  /** `..data` is what Kubernetes swaps. */
  #note(name: string): void {
    if (!name.startsWith('..') && !this.#files().some((file) => basename(file) === name)) return;
    this.#signs += 1;
    this.#woken.abort();
  }
}

/** A pipe can be read once only: it never counts as changed. */
async function contentOf(file: string): Promise<string | undefined> {
  try {
    if (!(await stat(file)).isFile()) return '';
    return createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
  } catch {
    return undefined;
  }
}
