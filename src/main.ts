#!/usr/bin/env node
import { Command, CommanderError } from 'commander';

import packageJson from '../package.json' with { type: 'json' };
import { Fault } from './chart/fault.ts';
import { check } from './commands/check.ts';
import { connect } from './commands/connect.ts';
import { fsck } from './commands/fsck.ts';
import { terminalLine } from './commands/progress.ts';
import { sync } from './commands/sync.ts';
import { compose, type Chartroom } from './compose.ts';
import type { Config } from './config/config.ts';
import { chooseConfigFile, environment } from './config/environment.ts';
import { loadConfig } from './config/load.ts';
import { describeProblem, type Problem } from './config/problem.ts';
import { summarize } from './config/summary.ts';
import { keepAlive, systemClock } from './lib/clock.ts';
import { openLog, type ProgramLog } from './lib/log.ts';
import { waitAtMost } from './mirror/patience.ts';
import type { RunningServer } from './server/start.ts';

const { version } = packageJson;

/** 0 for success, 1 for failed work, 2 for bad configuration or usage. */
type ExitCode = 0 | 1 | 2;

interface Options {
  readonly config?: string;
  readonly upstream?: string;
  readonly repair?: boolean;
  readonly connect?: boolean;
}

function commandLine(run: (command: (options: Options) => Promise<ExitCode>, options: Options) => void): Command {
  const program = new Command('chartroom')
    .description('Every Helm chart at one address: mirrors chart repositories and OCI registries.')
    .version(version)
    .exitOverride()
    .showHelpAfterError();
  const add = (name: string, description: string, work: (options: Options) => Promise<ExitCode>): Command =>
    program
      .command(name)
      .description(description)
      .option('--config <file>', 'the configuration file; else CHARTROOM_CONFIG, else config/minimal.yaml in a clone')
      .action((options: Options) => run(work, options));
  add('serve', 'serves the charts and keeps them in sync', runServe);
  add('check', 'validates the configuration file', runCheck).option(
    '--connect',
    'asks every upstream and the store as well',
  );
  add('sync', 'syncs every upstream once, fetches what is wanted, and exits', runSync).option(
    '--upstream <name>',
    'only this upstream',
  );
  add('fsck', 'reads every record and every blob of the store, and says what is wrong', runFsck).option(
    '--repair',
    'fetches damaged blobs again',
  );
  return program;
}

async function loaded(options: Options): Promise<Awaited<ReturnType<typeof loadConfig>>> {
  const variables = environment();
  return loadConfig(chooseConfigFile(options.config, variables), variables);
}

async function runCheck(options: Options): Promise<ExitCode> {
  const outcome = await loaded(options);
  const report = check(
    'problems' in outcome
      ? { problems: outcome.problems.map(describeProblem) }
      : { ...summarize(outcome.config), warnings: outcome.warnings.map(describeProblem) },
  );
  (report.exitCode === 0 ? process.stdout : process.stderr).write(report.text);
  if (!('config' in outcome) || !options.connect) return report.exitCode;
  print('');
  const run = (work: Work): Promise<ExitCode> => runWith(outcome.config, work);
  return untilSignal(run, ({ prober }, signal) => connect({ prober, print, signal }));
}

/** Runs with a valid configuration; a bad one is explained as `check` does. */
async function configured(
  options: Options,
  work: (config: Config, warnings: readonly Problem[]) => Promise<ExitCode>,
): Promise<ExitCode> {
  const outcome = await loaded(options);
  if ('config' in outcome) return work(outcome.config, outcome.warnings);
  process.stderr.write(check({ problems: outcome.problems.map(describeProblem) }).text);
  return 2;
}

function startLog({ log }: Config): ProgramLog {
  return noting(openLog({ level: log.level, format: log.format ?? (process.stdout.isTTY ? 'pretty' : 'json') }));
}

/** What libraries warn their users of is for whoever looks for it; what Node itself warns of, such as TLS without checks, is for all. */
function noting(log: ProgramLog): ProgramLog {
  process.removeAllListeners('warning').on('warning', ({ name, message }) => {
    log[name === 'Warning' ? 'warn' : 'debug']({ warning: name }, message);
  });
  return log;
}

function runServe(options: Options): Promise<ExitCode> {
  return configured(options, async (config, warnings) => {
    const log = startLog(config);
    for (const warning of warnings) log.warn(describeProblem(warning));
    const chartroom = compose({ config, clock: systemClock, log, version });
    watchForAccidents(log);
    try {
      return await serve(chartroom, config, log);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      process.stderr.write(`${error.message} ${error.advice}\n`);
      return 1;
    } finally {
      await log.flush();
    }
  });
}

/** Until a signal says to end: no new work then, what is under way finishes within the grace, the rest is committed. */
async function serve(chartroom: Chartroom, config: Config, log: ProgramLog): Promise<ExitCode> {
  const server = await chartroom.serve();
  const address = `${config.server.tls ? 'https' : 'http'}://${server.address}`;
  log.info({ address, version }, `answering; try: helm repo add charts ${address}`);
  void log.flush();
  const stopped = stopSignal();
  void chartroom.engine.openPatiently().then(() => chartroom.engine.start());
  const signal = await stopped;
  log.info({ signal }, 'stopping');
  const graceMs = config.server.shutdownGraceMs;
  await waitAtMost(windDown(chartroom, server, graceMs), graceMs, systemClock, tooLate).catch(
    async (error: unknown) => {
      log.error(
        { err: error },
        'not everything could be finished in time; what was fetched last is found again on use',
      );
      await log.flush();
      endAtOnce(signal);
    },
  );
  log.info('stopped');
  return 0;
}

const maxRecordMs = 5_000;

/** Within the grace: slow clients may have most of it, recording what was fetched has the rest. */
async function windDown(chartroom: Chartroom, server: RunningServer, graceMs: number): Promise<void> {
  chartroom.engine.quiesce();
  await server.drain(graceMs - Math.min(maxRecordMs, graceMs / 4));
  await chartroom.close();
}

function tooLate(): Fault {
  return new Fault('unavailable', 'Stopping took longer than server.shutdownGrace.', 'Raise it, or look at the store.');
}

/** By the signal that nobody handles any more: an exit would wait for a file system that hangs. */
function endAtOnce(signal: NodeJS.Signals): never {
  process.kill(process.pid, signal);
  // the first process of a container is not ended by its own signals
  process.exit(1);
}

/** The first signal asks politely; a second one ends the process at once, as Node does by itself. */
function stopSignal(): Promise<NodeJS.Signals> {
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

/** What nobody caught leaves the process in an unknown state: say it and end. */
function watchForAccidents(log: ProgramLog): void {
  process.once('uncaughtException', (error) => {
    log.error({ err: error }, 'an error that nobody caught; ending');
    void log.flush().then(() => process.exit(1));
  });
}

/** How far a command is, for whoever sits at a terminal. */
const progress = process.stderr.isTTY ? terminalLine(process.stderr) : undefined;

/** What goes wrong belongs beside the report, not in it. */
const standardError = {
  write: (line: string): void => {
    progress?.clear();
    process.stderr.write(line);
  },
};

const print = (line: string): void => void process.stdout.write(`${line}\n`);

type Work = (chartroom: Chartroom) => Promise<0 | 1>;

/** Runs a command on what the store holds, and commits what it brought, whatever became of it. */
async function runWith(config: Config, work: Work): Promise<ExitCode> {
  const letEnd = keepAlive();
  const log = noting(openLog({ level: 'warn', format: config.log.format ?? 'pretty' }, standardError));
  const chartroom = compose({ config, clock: systemClock, log, version });
  try {
    return await work(chartroom);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    standardError.write(`${error.message} ${error.advice}\n`);
    return error.code === 'not-found' ? 2 : 1;
  } finally {
    await chartroom.close();
    await log.flush();
    letEnd();
  }
}

/** The same with the configuration of the command line, which may be bad or doubtful. */
function withConfigured(options: Options): (work: Work) => Promise<ExitCode> {
  return (work) =>
    configured(options, (config, warnings) => {
      for (const warning of warnings) standardError.write(`warning: ${describeProblem(warning)}\n`);
      return runWith(config, work);
    });
}

/** A signal ends a command as it would end any, once what it brought is committed. */
async function untilSignal(
  run: (work: Work) => Promise<ExitCode>,
  work: (chartroom: Chartroom, signal: AbortSignal) => Promise<0 | 1>,
): Promise<ExitCode> {
  const stopping = new AbortController();
  const exitCode = await run((chartroom) => {
    void stopSignal().then((signal) => stopping.abort(signal));
    return work(chartroom, stopping.signal);
  });
  if (stopping.signal.aborted) endAtOnce(stopping.signal.reason as NodeJS.Signals);
  return exitCode;
}

function runSync(options: Options): Promise<ExitCode> {
  return untilSignal(withConfigured(options), async ({ engine, operator, filling }, signal) => {
    await engine.open();
    const { upstream } = options;
    return sync({ upstream, operator, filling, print, progress, clock: systemClock, signal });
  });
}

function runFsck(options: Options): Promise<ExitCode> {
  return untilSignal(withConfigured(options), async ({ prepareStore, inspector }, signal) => {
    // what is not ours at first sight may be ours and damaged
    await prepareStore().catch((error: unknown) => standardError.write(`${String(error)}\n`));
    return fsck({ inspector, repair: options.repair ?? false, print, signal });
  });
}

const program = commandLine((work, options) => {
  void work(options).then((exitCode) => {
    process.exitCode = exitCode;
  });
});

try {
  program.parse();
} catch (error) {
  process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
}
