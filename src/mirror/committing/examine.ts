import { Fault } from '../../chart/fault.ts';
import { readAll } from '../../lib/bytes.ts';
import { timestamp, type Clock } from '../../lib/clock.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { stateKey } from '../../store/layout.ts';
import { recordBytes } from '../../store/records.ts';
import { parseState, type State } from './state.ts';

const maxRecordBytes = 64 * 1024 * 1024;
const maxConflicts = 20;

/** A record as it is: what it says, or undefined when that makes no sense. */
export interface Examined<T> {
  readonly value: T | undefined;
  readonly etag: string;
}

/**
 * Reads a record, damaged or not; undefined when there is none. `parse` throws at what is none. Only a store that does
 * not answer is a fault here: what is repaired must be damage, not an outage.
 */
export async function examine<T>(
  store: ObjectStore,
  key: string,
  parse: (value: unknown) => T,
): Promise<Examined<T> | undefined> {
  const object = await store.read(key);
  if (!object) return undefined;
  if (!Buffer.isBuffer(object.body) && object.total > maxRecordBytes) {
    object.body.destroy();
    return { value: undefined, etag: object.etag };
  }
  const bytes = Buffer.isBuffer(object.body) ? object.body : await readAll(object.body, maxRecordBytes);
  try {
    return { value: parse(JSON.parse(bytes.toString('utf8'))), etag: object.etag };
  } catch {
    return { value: undefined, etag: object.etag };
  }
}

/**
 * Replaces the state by what `change` makes of it, by compare-and-swap: `change` runs again when another process was
 * faster, and leaves everything as it is by answering undefined. A state that is lost or damaged counts as empty.
 */
export async function changeState(
  store: ObjectStore,
  clock: Clock,
  change: (state: State) => Promise<State | undefined>,
): Promise<void> {
  for (let attempt = 0; attempt < maxConflicts; attempt += 1) {
    const found = await examine(store, stateKey, parseState);
    const next = await change(found?.value ?? { asOf: '', upstreams: {} });
    if (!next) return;
    const bytes = recordBytes({ ...next, asOf: timestamp(clock.now()) });
    const written = await store.write(stateKey, bytes, found ? { etag: found.etag } : 'absent');
    if (written !== 'conflict') return;
  }
  throw new Fault(
    'store-failed',
    `state.json changed ${maxConflicts} times under our hands.`,
    'Run the check again when the servers are less busy.',
  );
}
