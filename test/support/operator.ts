import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { stringify } from 'yaml';

import type { UpstreamDetails, UpstreamStatus } from '../../src/mirror/contract/operator.ts';
import { startChartroom, type Chartroom } from './chartroom.ts';
import { run, type Finished } from './process.ts';

/** What a server answered, whatever its status. */
export interface Answered {
  readonly status: number;
  readonly text: string;
}

/** A real server in a process of its own, and what an operator does with it. */
export interface Operated {
  readonly server: Chartroom;
  /** One sync by hand. */
  sync(upstream: string): Promise<Answered>;
  upstream(name: string): Promise<UpstreamDetails & UpstreamStatus>;
  get(path: string): Promise<Answered>;
  /** Another command on the same configuration. */
  command(...words: readonly string[]): Promise<Finished>;
}

interface OperatorOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly adminToken?: string;
}

const main = join(import.meta.dirname, '../../src/main.ts');

/** Writes `chartroom.yaml` into a folder, which is made when missing; answers with its path. */
export async function writeConfig(folder: string, settings: object): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'chartroom.yaml');
  await writeFile(file, stringify(settings));
  return file;
}

/** Runs a command of the program to its end. */
export function command(file: string, words: readonly string[], env: OperatorOptions['env'] = {}): Promise<Finished> {
  return run(process.execPath, [main, ...words, '--config', file], { env: { ...process.env, ...env } });
}

/** Serves a configuration that lies in `folder`. Whoever starts it stops `server`. */
export async function operate(folder: string, settings: object, options: OperatorOptions = {}): Promise<Operated> {
  const { env = {}, adminToken = 'open-sesame' } = options;
  const file = await writeConfig(folder, { server: { listen: '127.0.0.1:0', adminToken }, ...settings });
  const server = await startChartroom(file, { env });
  const ask = async (path: string, method = 'GET'): Promise<Answered> => {
    const headers = method === 'GET' ? {} : { authorization: `Bearer ${adminToken}` };
    const answer = await fetch(new URL(path, server.url), { method, headers });
    return { status: answer.status, text: await answer.text() };
  };
  return {
    server,
    sync: (upstream) => ask(`/api/v1/upstreams/${upstream}/sync`, 'POST'),
    upstream: async (name) =>
      JSON.parse((await ask(`/api/v1/upstreams/${name}`)).text) as UpstreamDetails & UpstreamStatus,
    get: (path) => ask(path),
    command: (...words) => command(file, words, env),
  };
}
