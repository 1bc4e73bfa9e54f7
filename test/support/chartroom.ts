import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { end } from './process.ts';

/** One line of the server's log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A server of our own in a process of its own. */
export interface Chartroom {
  /** Where it answers, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly process: ChildProcess;
  /** What it logged so far; lines that are not JSON become their `msg`. */
  readonly log: readonly LogLine[];
  /** Resolves with the first line, past or future, that `wanted` accepts; rejects when the process ends before. */
  logged(wanted: (line: LogLine) => boolean): Promise<LogLine>;
  /** Asks it to end, waits for it, and answers with its exit status. */
  stop(): Promise<number | null>;
  /** Ends it at once, without a chance to tidy up. */
  kill9(): Promise<void>;
}

export interface ChartroomOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What to run instead of the sources, such as the bundle. */
  readonly program?: readonly string[];
  /** Flags for Node itself. */
  readonly nodeFlags?: readonly string[];
}

const main = join(import.meta.dirname, '../../src/main.ts');

/** Starts `serve` with a configuration file and waits for the log line that says at which address it answers. */
export function startChartroom(configFile: string, options: ChartroomOptions = {}): Promise<Chartroom> {
  const program = options.program ?? [...(options.nodeFlags ?? []), main];
  const args = [...program, 'serve', '--config', configFile];
  return startServer([process.execPath, ...args], { ...process.env, ...options.env });
}

/** The same with any command, and with no more of an environment than is given. */
export async function startServer(command: readonly string[], env: NodeJS.ProcessEnv): Promise<Chartroom> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const { log, logged } = collectLog(child);
  const first = await logged((line) => typeof line['address'] === 'string');
  return {
    url: String(first['address']),
    process: child,
    log,
    logged,
    stop: async () => {
      await end(child);
      return child.exitCode;
    },
    kill9: () => end(child, 'SIGKILL'),
  };
}

function collectLog(child: ChildProcess): Pick<Chartroom, 'log' | 'logged'> {
  const log: LogLine[] = [];
  const waiting = new Set<(line: LogLine) => void>();
  const take = (text: string) => {
    const line = parseLine(text);
    log.push(line);
    for (const wake of waiting) wake(line);
  };
  for (const stream of [child.stdout, child.stderr]) if (stream) createInterface({ input: stream }).on('line', take);
  const gone = once(child, 'close');
  const logged = async (wanted: (line: LogLine) => boolean) => {
    const past = log.find(wanted);
    if (past) return past;
    const { promise, resolve } = Promise.withResolvers<LogLine>();
    const wake = (line: LogLine) => wanted(line) && resolve(line);
    waiting.add(wake);
    try {
      return await Promise.race([promise, gone.then(() => Promise.reject(endedEarly(child, log)))]);
    } finally {
      waiting.delete(wake);
    }
  };
  return { log, logged };
}

function endedEarly(child: ChildProcess, log: readonly LogLine[]): Error {
  const text = log.map((line) => line.msg).join('\n');
  return new Error(`the server ended with ${child.exitCode ?? child.signalCode} after logging:\n${text}`);
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: 30, msg: text };
  }
}
