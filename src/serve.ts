import packageJson from '../package.json' with { type: 'json' };
import { Fault } from './chart/fault.ts';
import { compose, type Chartroom } from './compose.ts';
import type { Config } from './config/config.ts';
import { describeProblem } from './config/problem.ts';
import { systemClock } from './lib/clock.ts';
import { openLog, type ProgramLog } from './lib/log.ts';
import { WatchedFiles } from './lib/watched-files.ts';
import { waitAtMost } from './mirror/patience.ts';
import {
  configFileOf,
  configured,
  endAtOnce,
  loaded,
  noting,
  stopSignal,
  type ConfigChoice,
  type ExitCode,
} from './process.ts';
import { Reloads } from './reload.ts';
import type { RunningServer } from './server/start.ts';

const { version } = packageJson;

/** Serves the charts and keeps them in sync, until a signal says to end. */
export async function runServe(options: ConfigChoice): Promise<ExitCode> {
  const file = configFileOf(options);
  let files = file === undefined ? [] : [file];
  const watched = new WatchedFiles(() => files, systemClock);
  // before it is loaded: what changes between the two is loaded again
  await watched.look();
  return configured(options, async (config, warnings) => {
    const log = startLog(config);
    for (const warning of warnings) log.warn(describeProblem(warning));
    const begin = async ({ server: { tls }, upstreams }: Config): Promise<void> => {
      const keyrings = upstreams.flatMap(({ verify }) => verify?.keyring ?? []);
      const certificate = tls ? [tls.certFile, tls.keyFile] : [];
      files = [...files.slice(0, 1), ...certificate, ...keyrings.map(({ path }) => path)];
      // before certificates are read; keyrings were, with the configuration
      const changed = await watched.look();
      const current = await Promise.all(keyrings.map((keyring) => keyring.isCurrent()));
      if (changed || current.includes(false)) reloads.request('changed');
    };
    const apply = async (wanted: Config): Promise<void> => {
      await begin(wanted);
      await chartroom.reconfigure(wanted);
      log.level = wanted.log.level;
    };
    const reloads = new Reloads({ config, load: () => loaded(options), apply, clock: systemClock, log });
    const chartroom = compose({ config, clock: systemClock, log, version, configuration: () => reloads.status });
    watchForAccidents(log);
    try {
      await begin(config);
      return await serve({ chartroom, reloads, watched, log });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      process.stderr.write(`${error.message} ${error.advice}\n`);
      return 1;
    } finally {
      await log.flush();
    }
  });
}

function startLog({ log }: Config): ProgramLog {
  return noting(openLog({ level: log.level, format: log.format ?? (process.stdout.isTTY ? 'pretty' : 'json') }));
}

interface Serving {
  readonly chartroom: Chartroom;
  readonly reloads: Reloads;
  readonly watched: WatchedFiles;
  readonly log: ProgramLog;
}

/** Until a signal says to end: no new work then, what is under way finishes within the grace, the rest is committed. */
async function serve({ chartroom, reloads, watched, log }: Serving): Promise<ExitCode> {
  // from here on: by itself it would end the process
  process.on('SIGHUP', () => reloads.request('asked'));
  const server = await chartroom.serve();
  const address = `${reloads.config.server.tls ? 'https' : 'http'}://${server.address}`;
  log.info({ address, version }, `answering; try: helm repo add charts ${address}`);
  void log.flush();
  const stopped = stopSignal();
  const stopping = new AbortController();
  void watched.watch(() => reloads.request('changed'), stopping.signal);
  void chartroom.engine.openPatiently().then(() => chartroom.engine.start());
  const signal = await stopped;
  log.info({ signal }, 'stopping');
  stopping.abort();
  reloads.stop();
  const graceMs = reloads.config.server.shutdownGraceMs;
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

/** What nobody caught leaves the process in an unknown state: say it and end. */
function watchForAccidents(log: ProgramLog): void {
  process.once('uncaughtException', (error) => {
    log.error({ err: error }, 'an error that nobody caught; ending');
    void log.flush().then(() => process.exit(1));
  });
}
