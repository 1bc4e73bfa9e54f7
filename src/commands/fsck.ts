import type { Finding, InspectionCounts, Inspector, Pruned, Unconfigured } from '../mirror/contract/commands.ts';
import { alignColumns, count } from './columns.ts';
import { describeBytes } from './sizes.ts';

/** One look over the whole store. */
export interface StoreCheck {
  readonly inspector: Inspector;
  /** Whether to put right what can be. */
  readonly repair: boolean;
  /** Removes what no configuration names once this has answered yes to the question; absent: it is only named. */
  readonly prune?: ((question: string) => Promise<boolean>) | undefined;
  /** Takes a line for people. */
  readonly print: (line: string) => void;
  /** Ends it early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Says what is wrong with the store, a line for each finding, what upstreams it knows that the configuration does not name,
 * and at the end what was looked at. Answers with the exit status: 0 when nothing is wrong or everything was repaired and
 * pruned, 1 when something is left. Rejects with a fault when the store does not answer, or nothing may be pruned.
 */
export async function fsck(check: StoreCheck): Promise<0 | 1> {
  const { inspector, repair, prune: ask, print, signal = new AbortController().signal } = check;
  const inspection = inspector.inspect({ repair, signal });
  const { wrong, repaired } = await report(inspection.findings, print);
  const [counts, unconfigured] = [inspection.counts(), inspection.unconfigured()];
  if (!ask) for (const one of unconfigured) print(describeUnconfigured(one));
  print(summarize(counts, wrong, repaired));
  if (isEmpty(counts)) {
    print('There is nothing in this store: is the path, or the bucket and its prefix, right?');
    return 1;
  }
  const isPruned = !ask || (await prune({ inspector, ask, print, signal }, counts, unconfigured));
  return wrong > repaired || !isPruned ? 1 : 0;
}

async function report(findings: AsyncIterable<Finding>, print: StoreCheck['print']) {
  let [wrong, repaired] = [0, 0];
  for await (const finding of findings) {
    print(describe(finding));
    if (finding.harmless) continue;
    wrong += 1;
    if (finding.repaired !== undefined) repaired += 1;
  }
  return { wrong, repaired };
}

interface Pruning extends Pick<StoreCheck, 'inspector' | 'print'> {
  readonly ask: (question: string) => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** Shows it, asks, and removes it. Answers whether nothing is left that should be gone. */
async function prune(
  { inspector, ask, print, signal }: Pruning,
  { unnamed }: InspectionCounts,
  unconfigured: readonly Unconfigured[],
): Promise<boolean> {
  if (unconfigured.length + unnamed === 0) {
    print('There is nothing to prune.');
    return true;
  }
  for (const line of showUnconfigured(unconfigured, unnamed)) print(line);
  if (!(await ask('Remove this from the store for good?'))) {
    print('Nothing was pruned.');
    return true;
  }
  const names = unconfigured.map(({ upstream }) => upstream);
  const pruned = await inspector.prune(names, signal);
  for (const line of describePruned(pruned)) print(line);
  return pruned.left.length === 0;
}

/** A store that was ever used has a state and what it names. */
function isEmpty({ records, blobs }: InspectionCounts): boolean {
  return records <= 1 && blobs === 0;
}

function describe({ what, advice, repaired }: Finding): string {
  return `${what} ${repaired ?? advice}`;
}

function describeUnconfigured({ upstream, versions, archives, bytes }: Unconfigured): string {
  const kept = `${count(versions, 'version')} known, ${count(archives, 'archive')} held, ${describeBytes(bytes)}`;
  return `The configuration does not name the upstream ${upstream} (${kept}); chartroom fsck --prune removes it.`;
}

const titles = ['upstream', 'charts', 'versions', 'archives', 'documents', 'becomes free'];

function showUnconfigured(unconfigured: readonly Unconfigured[], unnamed: number): readonly string[] {
  const rows = unconfigured.map(({ upstream, charts, versions, archives, documents, bytes }) => [
    upstream,
    ...[charts, versions, archives, documents].map(String),
    describeBytes(bytes),
  ]);
  const table = alignColumns([titles, ...rows], new Set([1, 2, 3, 4, 5])).map((line) => `  ${line}`);
  return [
    ...(rows.length > 0 ? ['The configuration does not name:', ...table] : []),
    ...(unnamed > 0
      ? [`Nothing names ${count(unnamed, 'object')} as it is; those go, too, when they are a day old.`]
      : []),
  ];
}

function describePruned({ objects, bytes, young, left }: Pruned): readonly string[] {
  const removed = `${count(objects, 'object')} removed, ${describeBytes(bytes)} freed`;
  const rest = `${count(young, 'object')} written within a day`;
  return [
    young > 0 ? `${removed}; ${rest} left for a server to sweep.` : `${removed}.`,
    ...left.map((name) => `${name}: somebody wrote something of it meanwhile. Find out who, and prune again.`),
  ];
}

function summarize({ records, blobs, bytes, unnamed }: InspectionCounts, wrong: number, repaired: number): string {
  const read = `${count(records, 'record')} and ${count(blobs, 'blob')} (${bytes} bytes) read`;
  const garbage = unnamed > 0 ? `; nothing names ${count(unnamed, 'object')}, for a server to sweep` : '';
  const verdict = wrong === 0 ? 'nothing is wrong' : `${count(wrong, 'thing')} wrong, ${repaired} repaired`;
  return `${read}${garbage}; ${verdict}.`;
}
