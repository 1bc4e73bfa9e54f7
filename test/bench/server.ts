import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { bundle } from '../../scripts/bundle.ts';
import { end, freePort, untilReady } from '../support/process.ts';

/** What the probe measures from now on; `stop` ends it and answers with the figures. */
export type ProbeQuestion = 'stalls' | 'time' | 'stop';

export interface ProbeAnswer {
  /** The longest time between two turns of the event loop, the sampling interval of 1 ms included. */
  readonly maxStallMs: number;
  /** Of processor time, by the main thread alone. */
  readonly mainThreadMs: number;
}

/** A server under test, started as users start it. */
export interface Served {
  readonly url: string;
  readonly process: ChildProcess;
  /** When it was started, on the clock of `performance`. */
  readonly startedMs: number;
  ask(question: ProbeQuestion): Promise<ProbeAnswer>;
  /** Memory of the whole process, threads included, in MiB: the most it had at once, and now. NaN where nobody says. */
  memory(): Promise<{ readonly peakMiB: number; readonly residentMiB: number }>;
  /** Everything it logged so far. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

export interface ServeOptions {
  /** A folder for its configuration, its log and, unless said otherwise, its store. */
  readonly home: string;
  readonly upstreams: readonly Readonly<Record<string, unknown>>[];
  /** One with all upstreams unless said otherwise. */
  readonly repositories?: readonly Readonly<Record<string, unknown>>[];
  readonly store?: Readonly<Record<string, unknown>>;
  /** `info` writes an access log, to a file; `warn` writes none. */
  readonly level?: 'info' | 'warn';
  /** As the image has it: the bundle, in its environment. Otherwise the sources. */
  readonly shipped?: boolean;
}

export const adminToken = 'bench';

/** Of the image. */
const shippedEnvironment = { MALLOC_ARENA_MAX: '2' };
const probe = fileURLToPath(import.meta.resolve('./preload.ts'));

/** Writes the configuration file of a server and answers with its path. JSON is YAML. */
async function writeConfig(options: ServeOptions, listen: string): Promise<string> {
  const {
    home,
    upstreams,
    repositories,
    store = { filesystem: { path: join(home, 'data') } },
    level = 'warn',
  } = options;
  const path = join(home, `config-${level}.yaml`);
  const config = { server: { listen, adminToken }, store, upstreams, repositories, log: { level, format: 'json' } };
  await writeFile(path, JSON.stringify(config));
  return path;
}

interface Program {
  readonly main: string;
  readonly preload: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** The bundle, and the probe as JavaScript: a process that reads TypeScript needs 50 MB for that. */
async function shippedProgram(home: string): Promise<Program> {
  const preload = join(home, 'preload.mjs');
  await writeFile(preload, stripTypeScriptTypes(await readFile(probe, 'utf8')));
  await bundle(join(home, 'dist'));
  return { main: join(home, 'dist', 'main.js'), preload, environment: shippedEnvironment };
}

const fromSources: Program = { main: join(import.meta.dirname, '../../src/main.ts'), preload: probe, environment: {} };

/** Starts a server. Resolves at once; `whenReady` says when it offers something. */
export async function serve(options: ServeOptions): Promise<Served> {
  const port = await freePort();
  const config = await writeConfig(options, `127.0.0.1:${port}`);
  const logFile = join(options.home, `log-${port}.txt`);
  const log = openSync(logFile, 'w');
  const { main, preload, environment } = options.shipped ? await shippedProgram(options.home) : fromSources;
  const startedMs = performance.now();
  const child = spawn(process.execPath, ['--import', pathToFileURL(preload).href, main, 'serve', '--config', config], {
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...process.env, ...environment },
  });
  closeSync(log);
  const gone = new AbortController();
  child.once('exit', () => gone.abort(new Error('the server ended in the middle of a measurement')));
  return {
    url: `http://127.0.0.1:${port}`,
    process: child,
    startedMs,
    ask: async (question) => {
      const answer = once(child, 'message', { signal: gone.signal });
      child.send(question);
      return ((await answer) as [ProbeAnswer])[0];
    },
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
      const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
      return { peakMiB: read('VmHWM'), residentMiB: read('VmRSS') };
    },
    log: () => readFile(logFile, 'utf8'),
    stop: () => end(child),
  };
}

/** Resolves once the server has something to offer. */
export async function whenReady(served: Served): Promise<void> {
  const answers = async () => (await fetch(`${served.url}/index.yaml`, { method: 'HEAD' })).status === 200;
  await untilReady(served.process, answers, 120_000).catch(async (error: unknown) => {
    throw new Error(`the server did not become ready:\n${await served.log()}`, { cause: error });
  });
}

/** What a sync by hand answers. */
export interface SyncAnswer {
  readonly unchanged: boolean;
  readonly versions: number;
}

/** Syncs by hand, as an operator would. Throws when the answer is no report. */
export async function syncNow({ url }: Served, upstream: string): Promise<SyncAnswer> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const answer = await fetch(`${url}/api/v1/upstreams/${upstream}/sync`, { method: 'POST', headers });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`the sync answered ${answer.status}: ${text}`);
  return JSON.parse(text) as SyncAnswer;
}

/** The entity tag of an index that is served now. */
export async function indexTag({ url }: Served, path = '/index.yaml'): Promise<string> {
  const answer = await fetch(`${url}${path}`, { method: 'HEAD', headers: { 'accept-encoding': 'identity' } });
  return answer.headers.get('etag') ?? '';
}
