import { existsSync } from 'node:fs';

import { run, runOk } from '../support/process.ts';
import { tool, type Tool } from '../support/tools.ts';

/** Whether a tool is there. */
export function has(name: Tool): boolean {
  try {
    return tool(name) !== '';
  } catch {
    return false;
  }
}

const taskset = ['/usr/bin/taskset', '/bin/taskset'].find((path) => existsSync(path));

/** The processors this process may use, as numbers. Empty where that cannot be found out, or not be narrowed. */
async function usableCores(): Promise<readonly string[]> {
  if (!taskset) return [];
  const { stdout } = await run(taskset, ['-pc', String(process.pid)]);
  const list = /list: ([\d,-]+)/.exec(stdout)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 || 0 }, (_, at) => String(first + at));
  });
}

/**
 * Starts something whose processes stay on one core, where the machine lets us say so: children begin where the thread
 * that starts them is.
 */
export async function onFirstCore<T>(start: () => Promise<T>): Promise<T> {
  const cores = await usableCores();
  const [first, second] = cores;
  if (!taskset || first === undefined || second === undefined) return start();
  await runOk(taskset, ['-pc', first, String(process.pid)]);
  try {
    return await start();
  } finally {
    await runOk(taskset, ['-pc', cores.join(','), String(process.pid)]);
  }
}

/** The same command on the second core, where there is one. */
async function onSecondCore(command: readonly string[]): Promise<readonly string[]> {
  const [, second] = await usableCores();
  return taskset && second !== undefined ? [taskset, '-c', second, ...command] : command;
}

/** Somebody who answers a request. */
export interface Contestant {
  readonly name: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
}

/** Requests per second that were answered, by a real load generator. Throws when one of them went wrong. */
async function requestsPerSecond(contestant: Contestant, { connections, seconds }: LoadOptions): Promise<number> {
  const headers = Object.entries(contestant.headers ?? {}).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const load = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, ...headers, contestant.url];
  const [command = '', ...args] = await onSecondCore([tool('wrk'), ...load]);
  const { stdout, stderr } = await run(command, args);
  const rate = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(stdout)?.[1]);
  if (!(rate > 0) || /Non-2xx|Socket errors/.test(stdout)) {
    throw new Error(`${contestant.name} at ${contestant.url} did not answer all requests:\n${stdout}${stderr}`);
  }
  return rate;
}

/** Requests per second, by contestant and round. */
export type Rates = ReadonlyMap<string, readonly number[]>;

/** Loads every contestant in turn, round for round: A B C A B C ... One at a time is loaded while the others idle. */
export async function alternate(
  contestants: readonly Contestant[],
  rounds: number,
  options: LoadOptions,
): Promise<Rates> {
  const rates = new Map(contestants.map(({ name }): [string, number[]] => [name, []]));
  for (const contestant of contestants) await requestsPerSecond(contestant, { ...options, seconds: 1 });
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of contestants) {
      rates.get(contestant.name)?.push(await requestsPerSecond(contestant, options));
    }
  }
  return rates;
}

/** The best round of a contestant, in requests per second. */
export function best(rates: Rates, name: string): number {
  return Math.max(...(rates.get(name) ?? [Number.NaN]));
}
