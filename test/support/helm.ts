import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { run, type Finished } from './process.ts';
import { tool } from './tools.ts';

/** A real Helm that remembers nothing of any other. */
export interface Helm {
  readonly major: 3 | 4;
  /** A folder of its own, where it runs and writes what it pulls. */
  readonly folder: string;
  run(...args: readonly string[]): Promise<Finished>;
  /** For what must succeed: answers with standard output, throws with all output otherwise. */
  ok(...args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Starts a Helm with fresh cache, configuration and data folders. Remove it when done. */
export async function freshHelm(major: 3 | 4): Promise<Helm> {
  const home = await mkdtemp(join(tmpdir(), `chartroom-helm${major}-`));
  const folder = join(home, 'work');
  await mkdir(folder);
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
  };
  const start = (args: readonly string[]) => run(tool(`helm${major}`), args, { cwd: folder, env });
  return {
    major,
    folder,
    run: (...args) => start(args),
    ok: async (...args) => {
      const { code, stdout, stderr } = await start(args);
      if (code !== 0) throw new Error(`helm ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
      return stdout;
    },
    remove: () => rm(home, { recursive: true, force: true }),
  };
}
