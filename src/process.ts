import { check } from './commands/check.ts';
import type { Config } from './config/config.ts';
import { chooseConfigFile, environment } from './config/environment.ts';
import { loadConfig } from './config/load.ts';
import { describeProblem, type Problem } from './config/problem.ts';
import { countKeys } from './formats/keyring.ts';
import type { ProgramLog } from './lib/log.ts';

/** 0 for success, 1 for failed work, 2 for bad configuration or usage, 3 for a plan that something would be lost by. */
export type ExitCode = 0 | 1 | 2 | 3;

/** Where the command line says that the configuration is. */
export interface ConfigChoice {
  readonly config?: string;
}

/** The configuration file that the command line or the environment chooses; undefined when neither does. */
export function configFileOf(options: ConfigChoice): string | undefined {
  return chooseConfigFile(options.config, environment());
}

/** What that file says, or everything that is wrong with it. */
export async function loaded(options: ConfigChoice): Promise<Awaited<ReturnType<typeof loadConfig>>> {
  return loadConfig(configFileOf(options), environment(), countKeys);
}

/** Runs with a valid configuration; a bad one is explained as `check` does. */
export async function configured(
  options: ConfigChoice,
  work: (config: Config, warnings: readonly Problem[]) => Promise<ExitCode>,
): Promise<ExitCode> {
  const outcome = await loaded(options);
  if ('config' in outcome) return work(outcome.config, outcome.warnings);
  process.stderr.write(check({ problems: outcome.problems.map(describeProblem) }).text);
  return 2;
}

/** What libraries warn their users of is for whoever looks for it; what Node itself warns of, such as TLS without checks, is for all. */
export function noting(log: ProgramLog): ProgramLog {
  process.removeAllListeners('warning').on('warning', ({ name, message }) => {
    log[name === 'Warning' ? 'warn' : 'debug']({ warning: name }, message);
  });
  return log;
}

/** As SIGPIPE ends programs that do not ignore it, which Node does. */
const unreadStatus = 141;

/** Ends a command quietly once nobody reads what it prints any more: `chartroom fsck | head -1`. */
export function endWhenUnread(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(unreadStatus);
      throw error;
    });
  }
}

/** By the signal that nobody handles any more: an exit would wait for a file system that hangs. */
export function endAtOnce(signal: NodeJS.Signals): never {
  process.kill(process.pid, signal);
  // the first process of a container is not ended by its own signals
  process.exit(1);
}

/** The first signal asks politely; a second one ends the process at once, as Node does by itself. */
export function stopSignal(): Promise<NodeJS.Signals> {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      for (const one of signals) {
        process.off(one, stop);
        // nor by anybody else's
        if (process.pid === 1) process.once(one, () => process.exit(1));
      }
      resolve(signal);
    };
    for (const signal of signals) process.on(signal, stop);
  });
}
