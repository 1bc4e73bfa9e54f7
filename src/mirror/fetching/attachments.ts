import { Fault } from '../../chart/fault.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { createRecord, readRecord, replaceRecord } from '../../store/records.ts';
import { parseAttachments, type Recorded } from '../retention/records.ts';

const maxConflicts = 20;

/** What the record says; nothing when there is none. */
export async function readAttachments(store: ObjectStore, key: string): Promise<Recorded> {
  return (await readRecord(store, key, parseAttachments))?.value ?? {};
}

/**
 * Changes the record by compare-and-swap: `change` runs again on what another one wrote meanwhile, and leaves everything
 * as it is by answering with the very same object. Answers with what the record says then. Rejects with 'store-failed'.
 */
export async function changeAttachments(
  store: ObjectStore,
  key: string,
  change: (present: Recorded) => Recorded,
): Promise<Recorded> {
  for (let attempt = 0; attempt < maxConflicts; attempt += 1) {
    const record = await readRecord(store, key, parseAttachments);
    const present = record?.value ?? {};
    const next = change(present);
    if (next === present) return present;
    const written = await (record ? replaceRecord(store, key, next, record.etag) : createRecord(store, key, next));
    if (written !== 'conflict') return next;
  }
  throw new Fault(
    'store-failed',
    `The record ${key} changed ${maxConflicts} times under our hands.`,
    'Try again later.',
  );
}
