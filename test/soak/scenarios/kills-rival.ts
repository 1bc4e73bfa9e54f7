import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ObjectStore } from '../../../src/store/contract.ts';
import { recordBytes } from '../../../src/store/records.ts';
import { hexDigest } from '../../support/charts.ts';
import { blobKey } from './kills-stores.ts';

/** The files by which a server and its rival know of each other. */
export interface Meeting {
  /** Made when the sweep of the server is about to remove the blob. */
  readonly asked: string;
  /** Made when the rival has used it. */
  readonly done: string;
}

/**
 * Another replica, with an upstream of its own, that begins to use a blob just when it is about to be swept: after the
 * sweep looked at it for the last time. It does as every replica does: puts the blob, writes the record, and then looks
 * whether the blob is there still.
 */
export class Rival {
  readonly hex: string;
  readonly #store: ObjectStore;
  readonly #bytes: Buffer;
  readonly #version: string;

  constructor(store: ObjectStore, turn: number) {
    this.#store = store;
    this.#version = `1.${turn}.0`;
    this.#bytes = Buffer.from(`delta ${this.#version}`);
    this.hex = hexDigest(this.#bytes);
  }

  /** Puts the blob, also when nothing names it yet. */
  async put(): Promise<void> {
    await this.#store.write(blobKey(this.hex), this.#bytes);
  }

  /** Waits for its moment, and uses the blob then. Resolves without it when `isOver`. */
  async use({ asked, done }: Meeting, isOver: () => boolean): Promise<void> {
    while (!existsSync(asked) && !isOver()) await sleep(5);
    if (!existsSync(asked)) return;
    await this.put();
    const version = this.#version;
    const archive = { mediaType: 'application/octet-stream', digest: `sha256:${this.hex}`, size: this.#bytes.length };
    const holding = recordBytes({ chart: 'delta', version, archive, heldAt: '2026-01-01T00:00:00Z' });
    await this.#store.write(`holdings/elsewhere/delta/${version}/first.json`, holding, 'absent');
    await writeFile(done, '');
  }

  /** The last of what it does, when it did the rest. */
  async lookAgain({ done }: Meeting): Promise<void> {
    if (existsSync(done) && !(await this.#store.head(blobKey(this.hex)))) await this.put();
  }
}
