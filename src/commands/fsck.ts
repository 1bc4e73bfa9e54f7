import type { Finding, InspectionCounts, Inspector } from '../mirror/contract.ts';
import { count } from './columns.ts';

/** One look over the whole store. */
export interface StoreCheck {
  readonly inspector: Inspector;
  /** Whether to put right what can be. */
  readonly repair: boolean;
  /** Takes a line for people. */
  readonly print: (line: string) => void;
  /** Ends it early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Says what is wrong with the store, a line for each finding, and at the end what was looked at. Answers with the exit
 * status: 0 when nothing is wrong or everything was repaired, 1 when something is left. Rejects with a fault when the
 * store does not answer.
 */
export async function fsck({ inspector, repair, print, signal }: StoreCheck): Promise<0 | 1> {
  const inspection = inspector.inspect({ repair, signal: signal ?? new AbortController().signal });
  let wrong = 0;
  let repaired = 0;
  for await (const finding of inspection.findings) {
    print(describe(finding));
    if (finding.harmless) continue;
    wrong += 1;
    if (finding.repaired !== undefined) repaired += 1;
  }
  print(summarize(inspection.counts(), wrong, repaired));
  if (isEmpty(inspection.counts())) {
    print('There is nothing in this store: is the path, or the bucket and its prefix, right?');
    return 1;
  }
  return wrong > repaired ? 1 : 0;
}

/** A store that was ever used has a state and what it names. */
function isEmpty({ records, blobs }: InspectionCounts): boolean {
  return records <= 1 && blobs === 0;
}

function describe({ what, advice, repaired }: Finding): string {
  return `${what} ${repaired ?? advice}`;
}

function summarize({ records, blobs, bytes, unnamed }: InspectionCounts, wrong: number, repaired: number): string {
  const read = `${count(records, 'record')} and ${count(blobs, 'blob')} (${bytes} bytes) read`;
  const garbage = unnamed > 0 ? `; nothing names ${count(unnamed, 'object')}, for a server to sweep` : '';
  const verdict = wrong === 0 ? 'nothing is wrong' : `${count(wrong, 'thing')} wrong, ${repaired} repaired`;
  return `${read}${garbage}; ${verdict}.`;
}
