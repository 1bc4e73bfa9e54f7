import { Fault } from '../chart/fault.ts';
import type { Clock } from '../lib/clock.ts';
import type { Filling, FillProgress } from '../mirror/contract/commands.ts';
import type { FailedVersion, Operator, SyncReport } from '../mirror/contract/operator.ts';
import { count } from './columns.ts';
import type { ProgressLine } from './progress.ts';

/** One round of syncs and all the fills that follow. */
export interface SyncRound {
  /** Only this upstream; all that are not retired when absent. */
  readonly upstream: string | undefined;
  readonly operator: Operator;
  readonly filling: Filling;
  /** Takes a line for people. */
  readonly print: (line: string) => void;
  /** Where to show how far it is; undefined when nobody watches. */
  readonly progress: ProgressLine | undefined;
  readonly clock: Clock;
  /** Asks for the end of the round: nothing more is waited for. What is under way is its caller's to end. */
  readonly signal: AbortSignal;
}

/**
 * Syncs, waits for the fills, says what came of each, and answers with the exit status: 0 when everything came, 1 when
 * something did not or the signal came first. Rejects with 'not-found' for an upstream that is not configured.
 */
export async function sync(round: SyncRound): Promise<0 | 1> {
  const names = namesOf(round);
  const listed = new Set<string>();
  const over = new AbortController();
  const watching = watch(round, over.signal, () => `${listed.size} of ${count(names.length, 'upstream')} listed`);
  try {
    return await work(round, names, listed);
  } finally {
    over.abort();
    await watching;
  }
}

function namesOf({ upstream, operator }: SyncRound): readonly string[] {
  const all = operator.status().upstreams;
  if (upstream === undefined) return all.filter(({ schedule }) => schedule !== 'retired').map(({ name }) => name);
  if (all.some(({ name }) => name === upstream)) return [upstream];
  const names = all.map(({ name }) => name).join(', ');
  throw new Fault('not-found', `There is no upstream ${upstream}.`, `Configured are: ${names}.`);
}

async function work(round: SyncRound, names: readonly string[], listed: Set<string>): Promise<0 | 1> {
  const { operator, filling } = round;
  const print = (line: string): void => {
    round.progress?.clear();
    round.print(line);
  };
  const stopped = once(round.signal);
  const listing = Promise.allSettled(
    names.map(async (name) => {
      const report = await operator.sync(name);
      listed.add(name);
      return report;
    }),
  );
  const rounds = await Promise.race([stopped, listing]);
  if (rounds === 'stopped') return stop(filling, print);
  rounds.forEach((one, at) =>
    print(one.status === 'fulfilled' ? describe(one.value) : explain(names[at] ?? '', one.reason)),
  );
  const total = await Promise.race([stopped, filling.settled()]);
  if (total === 'stopped') return stop(filling, print);
  for (const name of names) for (const failed of operator.upstream(name).failedVersions) print(lament(failed));
  const waiting = total.queued > 0 ? `, ${total.queued} left for later` : '';
  print(`${count(total.filled, 'archive')} fetched, ${total.failed} failed${waiting}.`);
  return total.failed + total.queued > 0 || rounds.some(({ status }) => status === 'rejected') ? 1 : 0;
}

function once(signal: AbortSignal): Promise<'stopped'> {
  if (signal.aborted) return Promise.resolve('stopped');
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve('stopped'), { once: true }));
}

function stop(filling: Filling, print: (line: string) => void): 1 {
  print(`Stopping; so far ${describeFills(filling.progress())}.`);
  return 1;
}

/** Often enough to see it move, seldom enough to cost nothing. */
const progressMs = 200;

/** Shows how far the round is until it is over, or asked to end. */
async function watch(round: SyncRound, over: AbortSignal, listed: () => string): Promise<void> {
  const { progress, filling, clock } = round;
  if (!progress) return;
  const begunMs = clock.elapsed();
  const until = AbortSignal.any([over, round.signal]);
  while (!until.aborted) {
    const fills = describeFills(filling.progress());
    progress.show(`${listed()}, ${fills}, ${describeTime(clock.elapsed() - begunMs)}`);
    await clock.sleep(progressMs, until).catch(() => undefined);
  }
  progress.clear();
}

function describe({ upstream, unchanged, charts, versions, added, ...rest }: SyncReport): string {
  const news = unchanged ? ['unchanged'] : [`${added} added`];
  for (const what of ['withdrawn', 'rewritten', 'changed'] as const)
    if (rest[what] > 0) news.push(`${rest[what]} ${what}`);
  return `${upstream}: ${count(charts, 'chart')}, ${count(versions, 'version')}, ${news.join(', ')}.`;
}

function describeFills({ filled, queued, failed }: FillProgress): string {
  return `${count(filled, 'archive')} fetched, ${queued} queued, ${failed} failed`;
}

/** Minutes and seconds, such as 75:09. */
function describeTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function explain(name: string, reason: unknown): string {
  if (reason instanceof Fault) return `${reason.message} ${reason.advice}`;
  return `${name}: ${reason instanceof Error ? reason.message : String(reason)}`;
}

function lament({ chart, version, fault }: FailedVersion): string {
  return `${chart} ${version}: ${fault.message} ${fault.advice}`;
}
