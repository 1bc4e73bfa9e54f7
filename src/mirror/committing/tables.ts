import type { Catalog } from '../../chart/catalog.ts';
import type { Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import type { Snapshot } from '../../chart/holding.ts';
import { readAll } from '../../lib/bytes.ts';
import type { SharedTable } from '../../lib/shared-table.ts';
import { ThreadDied } from '../../lib/thread.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { catalogKey, snapshotKey } from '../../store/layout.ts';
import type { MirrorJobs, NamedTable } from '../jobs.ts';
import type { UpstreamRecord } from './state.ts';

const keys = { catalog: catalogKey, snapshot: snapshotKey };

/** Which of the two kinds of table. */
export type TableKind = keyof typeof keys;

const maxPackedBytes = 1024 * 1024 * 1024;

/** The cause of the fault for a table that is lost or not what its name promises. */
export class DamagedTable extends Error {
  override readonly name = 'DamagedTable';
}

/** Catalogs and snapshots in the store: immutable, compressed, named by the digest of their text. */
export class Tables {
  readonly #store: ObjectStore;
  readonly #jobs: MirrorJobs;
  /** What was saved or loaded and may be asked for soon, by key. */
  readonly #recent = new Map<string, SharedTable>();

  constructor(store: ObjectStore, jobs: MirrorJobs) {
    this.#store = store;
    this.#jobs = jobs;
  }

  /** Writes a table, also over one of its name: that may be damaged, or about to be swept. */
  async save(kind: TableKind, { table, digest }: NamedTable): Promise<Digest> {
    const key = keys[kind](digest);
    if (!this.#recent.has(key)) {
      await this.#store.write(key, await this.#jobs.run('pack', table));
      this.#recent.set(key, table);
    }
    return digest;
  }

  /** Writes a table that was saved a moment ago again, if it is not there any more. */
  async ensure(kind: TableKind, digest: Digest): Promise<void> {
    const key = keys[kind](digest);
    const table = this.#recent.get(key);
    if (table && !(await this.#store.head(key))) await this.#store.write(key, await this.#jobs.run('pack', table));
  }

  /** Reads a table and checks that it is the one named. Faults with 'store-failed' when it is lost or damaged. */
  async load(kind: TableKind, digest: Digest): Promise<SharedTable> {
    const key = keys[kind](digest);
    const recent = this.#recent.get(key);
    if (recent) return recent;
    const object = await this.#store.read(key);
    if (!object) throw damaged(kind, digest, 'is missing');
    const packed = Buffer.isBuffer(object.body) ? object.body : await readAll(object.body, maxPackedBytes);
    const unpacked = await this.#jobs.run('unpack', packed).catch((error: unknown) => {
      if (error instanceof ThreadDied) throw error;
      return undefined;
    });
    if (unpacked?.digest !== digest) throw damaged(kind, digest, 'is damaged');
    this.#recent.set(key, unpacked.table);
    return unpacked.table;
  }

  /**
   * What a record names, as far as another one has it already: who has handed over since is not told of what was committed
   * later. Faults as `load` does.
   */
  async ofRecord(
    record: UpstreamRecord,
    had: { readonly record: UpstreamRecord; readonly catalog: Catalog; readonly snapshot: Snapshot },
  ): Promise<{ readonly catalog: SharedTable; readonly snapshot: SharedTable }> {
    const take = (kind: TableKind): SharedTable | Promise<SharedTable> => {
      const digest = record[kind];
      return digest === undefined || digest === had.record[kind] ? had[kind].table : this.load(kind, digest);
    };
    return { catalog: await take('catalog'), snapshot: await take('snapshot') };
  }

  /** Forgets every table but those that these records name. */
  keepOnly(records: Iterable<UpstreamRecord>): void {
    const named = new Set<string>();
    for (const { catalog, snapshot } of records) {
      if (catalog) named.add(catalogKey(catalog));
      if (snapshot) named.add(snapshotKey(snapshot));
    }
    for (const key of this.#recent.keys()) if (!named.has(key)) this.#recent.delete(key);
  }
}

function damaged(kind: TableKind, digest: Digest, how: string): Fault {
  return new Fault(
    'store-failed',
    `The ${kind} ${digest} in the store ${how}.`,
    'Servers that had read it go on; those that start refuse the index. Run chartroom fsck --repair, or restore it.',
    { cause: new DamagedTable(`${kind} ${digest}`) },
  );
}
