import { Fault } from '../chart/fault.ts';
import { readAll } from '../lib/bytes.ts';
import type { ObjectStore, Written } from './contract.ts';

const maxRecordBytes = 64 * 1024 * 1024;

/** A small JSON document as it is in the store now. `etag` is for replacing this very one. */
export interface StoredRecord<T> {
  readonly value: T;
  readonly etag: string;
}

/**
 * Reads a record; undefined when there is none. One that is no JSON, or that `parse` throws at, is damaged: a
 * 'store-failed' fault that names its key.
 */
export async function readRecord<T>(
  store: ObjectStore,
  key: string,
  parse: (value: unknown) => T,
): Promise<StoredRecord<T> | undefined> {
  const object = await store.read(key);
  if (!object) return undefined;
  const bytes = Buffer.isBuffer(object.body) ? object.body : await readAll(object.body, maxRecordBytes);
  try {
    return { value: parse(JSON.parse(bytes.toString('utf8'))), etag: object.etag };
  } catch (error) {
    throw new Fault(
      'store-failed',
      `the record ${key} in the store is damaged`,
      'Restore it from a backup, or remove it: what it says is then found out anew where that is possible.',
      { cause: error },
    );
  }
}

/** Writes a record where there is none; 'conflict' when somebody did before. */
export function createRecord(store: ObjectStore, key: string, value: unknown): Promise<Written | 'conflict'> {
  return store.write(key, recordBytes(value), 'absent');
}

/** Replaces the record that was read with `etag`; 'conflict' when it is another one by now. */
export function replaceRecord(
  store: ObjectStore,
  key: string,
  value: unknown,
  etag: string,
): Promise<Written | 'conflict'> {
  return store.write(key, recordBytes(value), { etag });
}

/** A value as records are written: JSON with its keys in order, so equal values are equal bytes; a line feed behind. */
export function recordBytes(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, inOrder)}\n`);
}

function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  // fromEntries defines properties, so a key such as __proto__ stays one
  return Object.fromEntries(entries);
}
