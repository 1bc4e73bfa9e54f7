import type { Digest } from '../../chart/digest.ts';
import { parseDocuments } from '../../formats/chart-documents.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { derivedPlace } from '../../store/layout.ts';
import { examine } from '../committing/examine.ts';
import { mapInOrder } from '../retention/ordered.ts';
import type { Problem } from './upstream.ts';

export interface DerivedParts {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  /** Counts a record that was read: of which archive, and how large it is. */
  readonly count: (archive: Digest, bytes: number) => void;
}

const readsAtOnce = 8;

/** Reads what was made of archives. */
export async function inspectDerived({ store, signal, count }: DerivedParts): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const read = mapInOrder(store.list('derived/'), readsAtOnce, async ({ key, size }) => {
    const archive = derivedPlace(key);
    return { key, size, archive, found: archive && (await examine(store, key, parseDocuments)) };
  });
  for await (const { key, size, archive, found } of read) {
    signal.throwIfAborted();
    if (!archive || !found) continue;
    count(archive, size);
    if (!found.value) problems.push(damaged(store, key, found.etag));
  }
  return problems;
}

function damaged(store: ObjectStore, key: string, etag: string): Problem {
  return {
    finding: {
      kind: 'damaged-record',
      what: `The record of what is in an archive for people to read is damaged (${key}).`,
      advice: 'Run chartroom fsck --repair, which removes it: it is made again when somebody looks at the chart.',
      harmless: false,
    },
    repair: async () => {
      if ((await store.head(key))?.etag === etag) await store.remove(key);
      return 'It was removed; it is made again when somebody looks at the chart.';
    },
  };
}
