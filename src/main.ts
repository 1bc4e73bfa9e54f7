#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander';

import packageJson from '../package.json' with { type: 'json' };
import { Fault } from './chart/fault.ts';
import { check } from './commands/check.ts';
import { confirm } from './commands/confirm.ts';
import { connect } from './commands/connect.ts';
import { explain } from './commands/explain.ts';
import { fsck } from './commands/fsck.ts';
import { plan } from './commands/plan.ts';
import { terminalLine } from './commands/progress.ts';
import { sync } from './commands/sync.ts';
import { compose, type Chartroom } from './compose.ts';
import type { Config } from './config/config.ts';
import { describeProblem } from './config/problem.ts';
import { summarize } from './config/summary.ts';
import { keepAlive, systemClock } from './lib/clock.ts';
import { openLog } from './lib/log.ts';
import {
  configured,
  endAtOnce,
  endWhenUnread,
  loaded,
  noting,
  stopSignal,
  type ConfigChoice,
  type ExitCode,
} from './process.ts';
import { runServe } from './serve.ts';

const { version } = packageJson;

interface Options extends ConfigChoice {
  readonly upstream?: string;
  readonly repair?: boolean;
  readonly prune?: boolean;
  readonly connect?: boolean;
  readonly repository?: string;
  readonly output?: 'text' | 'json';
  /** What stands on the command line beside the options. */
  readonly operands: readonly string[];
}

function commandLine(run: (command: (options: Options) => Promise<ExitCode>, options: Options) => void): Command {
  const program = new Command('chartroom')
    .description('Every Helm chart at one address: mirrors chart repositories and OCI registries.')
    .version(version)
    .exitOverride()
    .showHelpAfterError();
  const add = (name: string, description: string, work: (options: Options) => Promise<ExitCode>): Command => {
    const command = program.command(name).description(description);
    return command
      .option('--config <file>', 'the configuration file; else CHARTROOM_CONFIG, else config/minimal.yaml in a clone')
      .action(() => run(work, { ...command.opts<Omit<Options, 'operands'>>(), operands: command.args }));
  };
  add('serve', 'serves the charts and keeps them in sync', runServe);
  add('check', 'validates the configuration file', runCheck).option(
    '--connect',
    'asks every upstream and the store as well',
  );
  add('plan', 'shows what the configuration file would change of what is offered', runPlan).addOption(output());
  add('explain', 'says why a chart, or a version of it, is offered or not', runExplain)
    .argument('<chart>')
    .argument('[version]')
    .option('--repository <name>', 'only in this repository')
    .addOption(output());
  add('sync', 'syncs every upstream once, fetches what is wanted, and exits', runSync).option(
    '--upstream <name>',
    'only this upstream',
  );
  add('fsck', 'reads every record and every blob of the store, and says what is wrong', runFsck)
    .option('--repair', 'fetches damaged blobs again')
    .option('--prune', 'removes what no configuration names, after showing it');
  return program;
}

function output(): Option {
  return new Option('--output <form>', 'for people or for programs').choices(['text', 'json']).default('text');
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

type Work = (chartroom: Chartroom) => Promise<ExitCode>;

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
    return error.code === 'not-found' || error.code === 'bad-request' ? 2 : 1;
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
  work: (chartroom: Chartroom, signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const stopping = new AbortController();
  const exitCode = await run((chartroom) => {
    void stopSignal().then((signal) => stopping.abort(signal));
    return work(chartroom, stopping.signal).catch((error: unknown) => {
      if (stopping.signal.aborted) return 1;
      throw error;
    });
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

function runPlan(options: Options): Promise<ExitCode> {
  return withConfigured(options)(({ planner }) => plan({ planner, json: options.output === 'json', print }));
}

function runExplain(options: Options): Promise<ExitCode> {
  const { repository, output, operands } = options;
  const [chart = '', version] = operands;
  return withConfigured(options)(async ({ engine, explainer }) => {
    await engine.read();
    // how upstreams fare now is good to know, and not needed
    await engine.lease.listen().catch(() => undefined);
    const query = { repository, chart, version };
    return explain({ explainer, query, json: output === 'json', print });
  });
}

/** Who started this without a terminal meant it. */
async function allow(question: string, signal: AbortSignal): Promise<boolean> {
  const { stdin: input, stderr: output } = process;
  return !input.isTTY || confirm(question, { input, output, signal });
}

function runFsck(options: Options): Promise<ExitCode> {
  return untilSignal(withConfigured(options), async ({ prepareStore, inspector }, signal) => {
    // what is not ours at first sight may be ours and damaged
    await prepareStore().catch((error: unknown) => standardError.write(`${String(error)}\n`));
    const ask = (question: string): Promise<boolean> => allow(question, signal);
    return fsck({ inspector, repair: options.repair ?? false, prune: options.prune ? ask : undefined, print, signal });
  });
}

const program = commandLine((work, options) => {
  if (work !== runServe) endWhenUnread();
  void work(options).then((exitCode) => {
    process.exitCode = exitCode;
  });
});

try {
  program.parse();
} catch (error) {
  process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
}
