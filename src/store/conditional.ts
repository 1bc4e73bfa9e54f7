import { Fault } from '../chart/fault.ts';
import { S3Failure } from '../lib/s3-failure.ts';
import type { ObjectStore } from './contract.ts';
import { formatKey, formatRecord, openLayout } from './layout.ts';
import { recordBytes } from './records.ts';

/**
 * Whether a store keeps the promise of `write`'s preconditions. Found out on `format.json`, which is made first where
 * it is missing: writes that must not happen would say the same once more. Rejects when the store cannot be
 * written, and for trouble that may pass.
 */
export async function supportsConditionalWrites(store: ObjectStore): Promise<boolean> {
  const bytes = recordBytes(formatRecord);
  // the same JSON in other bytes: a refusal that follows a lost answer must not look like a success of ours
  const other = Buffer.concat([bytes, Buffer.from('\n')]);
  try {
    await openLayout(store);
    const conflicts =
      (await store.write(formatKey, other, 'absent')) === 'conflict' &&
      (await store.write(formatKey, other, { etag: 'no-such-etag' })) === 'conflict';
    if (conflicts) return true;
  } catch (error) {
    if (!refusesConditions(error)) throw error;
    await openLayout(withOwnConditions(store));
  }
  await store.write(formatKey, bytes);
  return false;
}

/** What S3 servers say that do not know the headers; any other trouble says nothing about them. */
const unknownHeaders = new Set(['NotImplemented', 'NotSupported', 'InvalidArgument', 'InvalidRequest']);

function refusesConditions(error: unknown): boolean {
  const failure = error instanceof Fault ? error.cause : undefined;
  return failure instanceof S3Failure && (failure.status === 501 || unknownHeaders.has(failure.code));
}

/**
 * The same store with preconditions that this process keeps by itself: right as long as it is the only one that
 * writes. For a store that was found to have none.
 */
export function withOwnConditions(store: ObjectStore): ObjectStore {
  const turns = new Map<string, Promise<unknown>>();
  const inTurn = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const turn = (turns.get(key) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    turns.set(key, settled);
    void settled.then(() => turns.get(key) === settled && turns.delete(key));
    return turn;
  };
  return {
    head: (key) => store.head(key),
    read: (key, range) => store.read(key, range),
    remove: (key) => store.remove(key),
    list: (prefix) => store.list(prefix),
    write: (key, bytes, onlyIf) =>
      inTurn(key, async () => {
        const there = onlyIf && (await store.head(key));
        if (onlyIf === 'absent' ? there : onlyIf && there?.etag !== onlyIf.etag) return 'conflict';
        return store.write(key, bytes);
      }),
  };
}
