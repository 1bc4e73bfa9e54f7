import type { Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import { readAll } from '../lib/bytes.ts';
import type { SharedTable } from '../lib/shared-table.ts';
import type { ObjectStore } from '../store/contract.ts';
import { catalogKey, snapshotKey } from '../store/layout.ts';
import type { MirrorJobs, NamedTable } from './jobs.ts';

const keys = { catalog: catalogKey, snapshot: snapshotKey };

/** Which of the two kinds of table. */
export type TableKind = keyof typeof keys;

const maxPackedBytes = 1024 * 1024 * 1024;

/** Catalogs and snapshots in the store: immutable, compressed, named by the digest of their text. */
export class Tables {
  readonly #store: ObjectStore;
  readonly #jobs: MirrorJobs;
  /** What was saved or loaded and may be asked for soon, by digest. */
  readonly #recent = new Map<Digest, SharedTable>();

  constructor(store: ObjectStore, jobs: MirrorJobs) {
    this.#store = store;
    this.#jobs = jobs;
  }

  /** Writes a table unless it is there. */
  async save(kind: TableKind, { table, digest }: NamedTable): Promise<Digest> {
    if (!this.#recent.has(digest)) {
      const packed = await this.#jobs.run('pack', table);
      await this.#store.write(keys[kind](digest), packed, 'absent');
      this.#recent.set(digest, table);
    }
    return digest;
  }

  /** Reads a table and checks that it is the one named. Faults with 'store-failed' when it is lost or damaged. */
  async load(kind: TableKind, digest: Digest): Promise<SharedTable> {
    const recent = this.#recent.get(digest);
    if (recent) return recent;
    const object = await this.#store.read(keys[kind](digest));
    if (!object) throw damaged(kind, digest, 'is missing');
    const packed = Buffer.isBuffer(object.body) ? object.body : await readAll(object.body, maxPackedBytes);
    const unpacked = await this.#jobs.run('unpack', packed).catch(() => undefined);
    if (unpacked?.digest !== digest) throw damaged(kind, digest, 'is damaged');
    this.#recent.set(digest, unpacked.table);
    return unpacked.table;
  }

  /** Forgets every table but these. */
  keepOnly(digests: ReadonlySet<Digest>): void {
    for (const digest of this.#recent.keys()) if (!digests.has(digest)) this.#recent.delete(digest);
  }
}

function damaged(kind: TableKind, digest: Digest, how: string): Fault {
  return new Fault(
    'store-failed',
    `The ${kind} ${digest} in the store ${how}.`,
    'Restore it from a backup, or remove state.json to begin anew: archives that are held are found again.',
  );
}
