import { Fault } from '../chart/fault.ts';
import type { Operator, SyncReport } from '../mirror/contract.ts';

/** One round of syncs and all the fills that follow. */
export interface SyncRound {
  /** Only this upstream; all of them when absent. */
  readonly upstream: string | undefined;
  readonly operator: Operator;
  /** Takes a line for people. */
  readonly print: (line: string) => void;
}

/**
 * Syncs, waits for the fills, and answers with the exit status: 0 when everything came, 1 when something did not.
 * Rejects with 'not-found' for an upstream that is not configured.
 */
export async function sync({ upstream, operator, print }: SyncRound): Promise<0 | 1> {
  const all = operator.status().upstreams.map(({ name }) => name);
  if (upstream !== undefined && !all.includes(upstream)) throw unknown(upstream, all);
  const names = upstream === undefined ? all : [upstream];
  const rounds = await Promise.allSettled(names.map(async (name) => operator.sync(name)));
  rounds.forEach((round, at) =>
    print(round.status === 'fulfilled' ? describe(round.value) : explain(names[at], round.reason)),
  );
  const { filled, failed } = await operator.settled();
  print(`${count(filled, 'archive')} fetched, ${failed} failed.`);
  return failed > 0 || rounds.some(({ status }) => status === 'rejected') ? 1 : 0;
}

function unknown(upstream: string, all: readonly string[]): Fault {
  return new Fault('not-found', `There is no upstream ${upstream}.`, `Configured are: ${all.join(', ')}.`);
}

function describe({ upstream, unchanged, charts, versions, added }: SyncReport): string {
  const news = unchanged ? 'unchanged' : `${added} added`;
  return `${upstream}: ${count(charts, 'chart')}, ${count(versions, 'version')}, ${news}.`;
}

function explain(name: string | undefined, reason: unknown): string {
  if (reason instanceof Fault) return `${reason.message} ${reason.advice}`;
  return `${name}: ${reason instanceof Error ? reason.message : String(reason)}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
