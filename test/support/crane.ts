import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { run, type Finished } from './process.ts';
import { tool } from './tools.ts';

/** A real crane (go-containerregistry) that knows no credentials of anybody. */
export interface Crane {
  /** A folder of its own, where it runs and writes what it pulls. */
  readonly folder: string;
  run(...args: readonly string[]): Promise<Finished>;
  /** For what must succeed: answers with standard output, throws with all output otherwise. */
  ok(...args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Speaks to registries without TLS. Remove it when done. */
export async function freshCrane(): Promise<Crane> {
  const folder = await mkdtemp(join(tmpdir(), 'chartroom-crane-'));
  const env = { PATH: process.env['PATH'], HOME: folder };
  const start = (args: readonly string[]) => run(tool('crane'), [...args, '--insecure'], { cwd: folder, env });
  return {
    folder,
    run: (...args) => start(args),
    ok: async (...args) => {
      const { code, stdout, stderr } = await start(args);
      if (code !== 0) throw new Error(`crane ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
      return stdout.trimEnd();
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
