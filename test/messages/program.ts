import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';

import type { FaultCode } from '../../src/chart/fault.ts';
import { compose, type Chartroom } from '../../src/compose.ts';
import { loadConfig } from '../../src/config/load.ts';
import { describeProblem } from '../../src/config/problem.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/lib/log.ts';
import type { UpstreamStatus, UpstreamDetails } from '../../src/mirror/contract/operator.ts';
import type { Internet } from '../support/internet.ts';
import { temporaryFolder } from '../support/temp.ts';

/** What somebody outside was told. */
export interface Told {
  /** The code, or the status at a door that says no codes. */
  readonly as: FaultCode | number;
  /** What happened, and what to do. */
  readonly text: string;
  readonly retryAfter: string | null;
}

/** One way to come by a fault, and what it says then. */
export interface Example {
  readonly when: string;
  readonly happens: () => Promise<Told>;
  /** At a door that says no codes. */
  readonly status?: number;
  readonly says: string | RegExp;
}

/** Chartroom on a configuration, in this process, with its doors open on loopback. */
export interface Program {
  readonly chartroom: Chartroom;
  /** Beside the configuration; the store is `data` in it. */
  readonly folder: string;
  /** One sync by hand, which may be refused. Without a refusal it answers 200. */
  sync(upstream: string, query?: string): Promise<Told>;
  /** A sync that must succeed, and all the fills that follow. */
  fill(upstream: string): Promise<void>;
  /** The fault of the only version that could not be had. */
  failed(upstream: string): Promise<Told>;
  upstream(name: string): Promise<UpstreamDetails & UpstreamStatus>;
  get(path: string): Promise<Told>;
  post(path: string): Promise<Told>;
}

interface Surroundings {
  /** What the upstreams are reached through. */
  readonly internet?: Internet;
  /** Their authority is not trusted. */
  readonly distrust?: boolean;
  readonly withoutAdminToken?: boolean;
}

const adminToken = 'open-sesame';

/** Composes it as the program does, and closes it with the test. Nothing is synced before it is asked for. */
export async function openProgram(settings: object, surroundings: Surroundings = {}): Promise<Program> {
  const { internet, distrust = false, withoutAdminToken = false } = surroundings;
  const folder = await temporaryFolder();
  const file = join(folder, 'config.yaml');
  const server = { listen: '127.0.0.1:0', ...(!withoutAdminToken && { adminToken }) };
  const defaults = { retries: 1, ...(internet && !distrust && { tls: { caFile: internet.caFile } }) };
  await writeFile(file, stringify({ server, store: { filesystem: { path: './data' } }, defaults, ...settings }));
  const way = internet ? { HTTP_PROXY: internet.proxy, HTTPS_PROXY: internet.proxy } : {};
  const loaded = await loadConfig(file, way);
  if ('problems' in loaded) throw new Error(loaded.problems.map(describeProblem).join('\n'));
  const chartroom = compose({ config: loaded.config, clock: systemClock, log: silent, version: '0.1.0' });
  onTestFinished(() => chartroom.close());
  const running = await chartroom.serve();
  onTestFinished(() => running.drain(0));
  await chartroom.engine.open();
  const ask = async (path: string, method = 'GET'): Promise<Told> => {
    const headers = { authorization: `Bearer ${adminToken}` };
    return toldOf(await fetch(`http://${running.address}${path}`, { method, headers }));
  };
  const upstream = async (name: string) =>
    parse((await ask(`/api/v1/upstreams/${name}`)).text) as UpstreamDetails & UpstreamStatus;
  const sync: Program['sync'] = (name, query = '') => ask(`/api/v1/upstreams/${name}/sync${query}`, 'POST');
  return {
    chartroom,
    folder,
    sync,
    fill: async (name) => {
      const { as, text } = await sync(name);
      if (as !== 200) throw new Error(text);
      await chartroom.filling.settled();
    },
    failed: async (name) => {
      const [version] = (await upstream(name)).failedVersions;
      if (!version) throw new Error(`${name}: nothing failed`);
      const { code, message, advice } = version.fault;
      return { as: code, text: `${message} ${advice}`, retryAfter: null };
    },
    upstream,
    get: (path) => ask(path),
    post: (path) => ask(path, 'POST'),
  };
}

interface ApiRefusal {
  readonly error?: { readonly code: FaultCode; readonly message: string; readonly advice: string };
}

async function toldOf(answer: Response): Promise<Told> {
  const text = (await answer.text()).trimEnd();
  const retryAfter = answer.headers.get('retry-after');
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  const { error } = (isJson ? JSON.parse(text) : {}) as ApiRefusal;
  if (!error) return { as: answer.status, text, retryAfter };
  return { as: error.code, text: `${error.message} ${error.advice}`, retryAfter };
}

const silent = openLog({ level: 'error', format: 'json' }, { write: () => undefined });
