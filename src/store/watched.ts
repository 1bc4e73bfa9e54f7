import { Fault } from '../chart/fault.ts';
import type { ObjectStore } from './contract.ts';

/** A store, and what its last answers were when they were trouble. */
export interface WatchedStore {
  readonly store: ObjectStore;
  /** Of the last write, else of the last read: a disk that is full can still be read. */
  readonly fault: () => Fault | undefined;
}

/** The same store, remembering whether it can be written and read. */
export function watchStore(store: ObjectStore): WatchedStore {
  const last: { read?: Fault | undefined; write?: Fault | undefined } = {};
  const noted = async <T>(kind: 'read' | 'write', work: Promise<T>): Promise<T> => {
    try {
      const result = await work;
      last[kind] = undefined;
      return result;
    } catch (error) {
      if (error instanceof Fault) last[kind] = error;
      throw error;
    }
  };
  return {
    fault: () => last.write ?? last.read,
    store: {
      head: (key) => noted('read', store.head(key)),
      read: (key, range) => noted('read', store.read(key, range)),
      write: (key, bytes, onlyIf) => noted('write', store.write(key, bytes, onlyIf)),
      remove: (key) => noted('write', store.remove(key)),
      list: (prefix) => store.list(prefix),
    },
  };
}
