import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';

import { eventually } from '../e2e/client.ts';
import { startChartroom, type Chartroom } from '../support/chartroom.ts';

/** What the status says of the configuration. */
export interface Configuration {
  readonly state: 'ok' | 'refused';
  readonly loadedAt: string;
  readonly problems?: readonly string[];
  readonly needsRestart?: readonly string[];
}

export interface Reloading extends Chartroom {
  configuration(): Promise<Configuration>;
  get(path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** Resolves when a path is answered with a status. */
  answers(path: string, status: number): Promise<unknown>;
  /** Asks for a reload. */
  hup(): void;
}

/** The text of a configuration with these repositories; each with more of its own. */
export function configurationOf(upstreams: readonly object[], ...repositories: readonly object[]): string {
  return stringify({ server: { listen: '127.0.0.1:0' }, upstreams, repositories });
}

/** A server in a process of its own. It ends with the test. */
export async function startReloading(file: string): Promise<Reloading> {
  const server = await startChartroom(file);
  onTestFinished(() => server.kill9());
  const json = async (path: string): Promise<unknown> => (await fetch(server.url + path)).json();
  return {
    ...server,
    configuration: async () => ((await json('/api/v1/status')) as { configuration: Configuration }).configuration,
    get: async (path) => {
      const answer = await fetch(server.url + path);
      return { status: answer.status, body: await answer.text() };
    },
    answers: (path, status) =>
      eventually(
        async () => (await fetch(server.url + path)).status,
        (seen) => seen === status,
      ),
    hup: () => void server.process.kill('SIGHUP'),
  };
}

/** A folder as the kubelet mounts a ConfigMap: `chartroom.yaml` leads through `..data`, which is swapped. */
export async function mount(
  folder: string,
): Promise<{ readonly file: string; readonly swap: (text: string) => Promise<void> }> {
  let at = 0;
  const file = join(folder, 'chartroom.yaml');
  const swap = async (text: string): Promise<void> => {
    const version = `..2026_11_21_10_00_00.${(at += 1)}`;
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'chartroom.yaml'), text);
    await symlink(version, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    if (at > 1) await rm(join(folder, `..2026_11_21_10_00_00.${at - 1}`), { recursive: true });
  };
  await mkdir(dirname(file), { recursive: true });
  await symlink('..data/chartroom.yaml', file);
  return { file, swap };
}
