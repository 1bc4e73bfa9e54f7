import { once } from 'node:events';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';

import { servingKey } from '../../src/store/layout.ts';
import { startChartServer, type ChartServer } from '../process/chart-server.ts';
import { startChartroom, type Chartroom } from './chartroom.ts';
import { curl } from './page-curl.ts';
import { run, runOk, untilReady } from './process.ts';
import { newSigner, type Signer } from './signed-provenance.ts';
import { temporaryFolder } from './temp.ts';

/** What a page about operations runs on: a server in a process of its own, and two upstreams on loopback. */
export interface OperationsWorld {
  /** Runs a command as it stands on the page; answers with what it printed, hosts and folders as the page has them. */
  run(command: string): Promise<string>;
  /** Writes `next.yaml`: the present file with what a fragment says. Lists of what has names are merged by these. */
  edit(fragment: string): Promise<void>;
  /** Writes `next.yaml` without an upstream, and without what had no other. */
  drop(upstream: string): Promise<void>;
  /** Has the server load the configuration that the page begins with again, where it has another by now. */
  restore(): Promise<void>;
  /** What is behind https://charts.example does not answer any more. */
  goOffline(): Promise<void>;
  /** What is behind https://nexus.internal wants another password from now on. */
  wantPassword(password: string): void;
  /** It has other bytes under a version that it had before. */
  rewrite(): Promise<void>;
}

type Options = Readonly<Record<string, unknown>>;

const main = join(import.meta.dirname, '../../src/main.ts');
const firstPassword = 'first';
const adminToken = 'open-sesame';

/** What the page calls something, and what it is here. */
type Names = readonly (readonly [there: string, here: string])[];

/** Starts it on the configuration that the page begins with, everything listed and fetched. It ends with the test. */
export async function openOperationsWorld(configuration: string): Promise<OperationsWorld> {
  const folder = await temporaryFolder();
  const secrets = join(folder, 'secrets');
  const signer = await newSigner('Release Team', 'releases@corp.example');
  const guard = await startGuard((await startNexus(signer, { '1.0.0': 4, '1.1.0': 4 })).url);
  const charts = await startCharts();
  const names: Names = [
    ['https://nexus.internal', guard.url],
    ['https://charts.example', charts.url],
    ['/run/secrets', secrets],
  ];
  const here = (text: string): string => names.reduce((all, [there, real]) => all.replaceAll(there, real), text);
  await mkdir(secrets);
  await writeFile(join(secrets, 'nexus'), firstPassword);
  await writeFile(join(secrets, 'pubring.gpg'), signer.publicKey);
  const file = join(folder, 'chartroom.yaml');
  const first = here(configuration).replace('0.0.0.0:8080', '127.0.0.1:0');
  await writeFile(file, first);
  const env = { ...process.env, CHARTROOM_CONFIG: file, CHARTROOM_ADMIN_TOKEN: adminToken };
  await runOk(process.execPath, [main, 'sync'], { env });
  const server = await startChartroom(file, { env });
  onTestFinished(() => server.kill9());
  for (const name of ['internal', 'public']) {
    await server.logged(({ msg, upstream }) => msg === 'synced' && upstream === name);
  }
  // what plan compares with is noted a moment after the start
  await untilReady(server.process, async () => (await stat(join(folder, 'data', servingKey))).isFile());
  const there = pageNames([...names, ['https://charts.corp', server.url], ['', `${folder}/`]]);
  const shell = commandRunner({ folder, env, server, here });
  const change = async (changed: (present: Options) => unknown): Promise<void> =>
    writeFile(join(folder, 'next.yaml'), stringify(changed(parse(await readFile(file, 'utf8')) as Options)));
  return {
    run: async (command) => there(await shell(command)),
    edit: (fragment) => change((present) => merged(present, parse(here(fragment)))),
    drop: (upstream) => change((present) => without(present, upstream)),
    restore: async () => {
      if ((await readFile(file, 'utf8')) !== first) await reloaded(server, () => writeFile(file, first));
    },
    goOffline: () => charts.offline(),
    wantPassword: (password) => guard.want(password),
    rewrite: async () => guard.lead((await startNexus(signer, { '1.0.0': 4, '1.1.0': 5 })).url),
  };
}

/** Says of a text what the page would. */
function pageNames(names: Names): (text: string) => string {
  const hosts = names.map(([there, here]) => [hostOf(there), hostOf(here)] as const);
  return (text) =>
    [...names, ...hosts]
      .reduce((all, [there, here]) => all.replaceAll(here, there), text)
      .replaceAll('127.0.0.1:0 ', '0.0.0.0:8080 ');
}

async function startCharts(): Promise<ChartServer> {
  const charts = await startChartServer();
  for (const version of ['1.24.0', '1.25.0', '1.26.0-rc.1']) await charts.publish('nginx', version);
  for (const version of ['7.0.0', '7.2.0']) await charts.publish('redis', version);
  await charts.publish('corp-app', '9.9.9');
  return charts;
}

/** A chart in versions of so many kilobytes, the first of them signed. */
async function startNexus(signer: Signer, versions: Readonly<Record<string, number>>): Promise<ChartServer> {
  const nexus = await startChartServer();
  for (const [version, kilobytes] of Object.entries(versions)) {
    const archive = await nexus.publish('corp-app', version, kilobytes);
    if (version !== '1.0.0') continue;
    nexus.put(`/corp-app-${version}.tgz.prov`, await signer.provenance('corp-app', version, archive));
  }
  return nexus;
}

interface Guard {
  readonly url: string;
  want(password: string): void;
  /** To another repository, from now on. */
  lead(behind: string): void;
}

/** Lets nobody through to a chart repository but who knows the password. */
async function startGuard(first: string): Promise<Guard> {
  let behind = first;
  let password = firstPassword;
  const server = createServer((request, response) => {
    const wanted = `Basic ${Buffer.from(`reader:${password}`).toString('base64')}`;
    if (request.headers.authorization !== wanted) return void response.writeHead(401).end();
    void fetch(behind + (request.url ?? '/')).then(async (answer) =>
      response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer())),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    want: (wanted) => void (password = wanted),
    lead: (other) => void (behind = other),
  };
}

interface Shell {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly server: Chartroom;
  /** A text of the page with the addresses and folders that there are. */
  readonly here: (text: string) => string;
}

/** A shell that knows `chartroom`, `curl` as far as the page needs it, and otherwise what any shell does. */
function commandRunner({ folder, env, server, here }: Shell): (command: string) => Promise<string> {
  let status = 0;
  const execute = async (program: string, args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(program, args, { env, cwd: folder });
    status = code;
    return stderr + stdout;
  };
  return async (command) => {
    const [program = '', ...args] = command.split(' ');
    // one that runs takes up to ten seconds to tell what it works for
    if (args.includes('--prune')) await server.stop();
    if (program === 'chartroom') return execute(process.execPath, [main, ...args]);
    if (program === 'curl') return curl(server.url, command, adminToken);
    if (command === 'echo $?') return `${status}\n`;
    const printing = (): Promise<string> => execute('sh', ['-c', here(command)]);
    return command.endsWith(' chartroom.yaml') ? reloaded(server, printing) : printing();
  };
}

/** Changes the configuration file, and waits until the server has heard of it by itself. */
async function reloaded<T>(server: Chartroom, change: () => Promise<T>): Promise<T> {
  const reloads = (): number => server.log.filter(({ msg }) => isReload(msg)).length;
  const before = reloads();
  const changed = await change();
  while (reloads() === before) await server.logged(() => reloads() > before);
  return changed;
}

function isReload(message: string): boolean {
  return /^the configuration (?:was loaded again|is bad)/.test(message);
}

function merged(before: unknown, after: unknown): unknown {
  if (Array.isArray(before) && Array.isArray(after) && [...before, ...after].every(hasName)) {
    const later = after.filter(({ name }) => before.every((one) => (one as Options)['name'] !== name));
    const kept = before.map((one) => merged(one, after.find(({ name }) => name === (one as Options)['name']) ?? one));
    return [...(kept as unknown[]), ...later];
  }
  if (!isMapping(before) || !isMapping(after)) return after;
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, key in after ? merged(before[key], after[key]) : before[key]]),
  );
}

function without(settings: Options, upstream: string): Options {
  const { upstreams, repositories } = settings as { upstreams: Options[]; repositories: Options[] };
  return {
    ...settings,
    upstreams: upstreams.filter(({ name }) => name !== upstream),
    repositories: repositories
      .map((one) => ({ ...one, upstreams: (one['upstreams'] as string[]).filter((name) => name !== upstream) }))
      .filter((one) => one.upstreams.length > 0),
  };
}

function hasName(value: unknown): value is Options {
  return isMapping(value) && 'name' in value;
}

function isMapping(value: unknown): value is Options {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hostOf(url: string): string {
  return url.replace(/^https?:\/\//, '');
}
