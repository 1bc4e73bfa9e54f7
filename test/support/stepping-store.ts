import type { Holding } from '../../src/chart/holding.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { blobKey, catalogKey, snapshotKey } from '../../src/store/layout.ts';
import { keysOf, stateOf } from './kept-store.ts';

/** What happens right before and right after every step of somebody's work on a store; either may throw. */
export type Around = (step: string, at: 'before' | 'after') => Promise<void>;

/** A store of which every step is told. */
export function stepping(inner: ObjectStore, around: Around): ObjectStore {
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    await around(name, 'before');
    const result = await work();
    await around(name, 'after');
    return result;
  };
  return {
    head: (key) => step(`head ${key}`, () => inner.head(key)),
    read: (key, range) => step(`read ${key}`, () => inner.read(key, range)),
    write: (key, bytes, onlyIf) => step(`write ${key}`, () => inner.write(key, bytes, onlyIf)),
    remove: (key) => step(`remove ${key}`, () => inner.remove(key)),
    async *list(prefix) {
      await around(`list ${prefix}`, 'before');
      yield* inner.list(prefix);
      await around(`list ${prefix}`, 'after');
    },
  };
}

/** Archives that a record names, and tables that the state names, and that are not there. */
export async function missing(store: ObjectStore): Promise<readonly string[]> {
  const named: string[] = [];
  for (const key of await keysOf(store, 'holdings/')) {
    const found = await store.read(key);
    named.push(blobKey((JSON.parse(String(found?.body)) as Holding).archive.digest));
  }
  for (const { catalog, snapshot } of Object.values((await stateOf(store))?.upstreams ?? {})) {
    if (catalog) named.push(catalogKey(catalog));
    if (snapshot) named.push(snapshotKey(snapshot));
  }
  const found = await Promise.all(named.map((key) => store.head(key)));
  return named.filter((_, at) => found[at] === undefined);
}
