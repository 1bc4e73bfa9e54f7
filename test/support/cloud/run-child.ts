import { join } from 'node:path';

import type { Internet } from '../internet.ts';
import { runOk } from '../process.ts';
import { temporaryFolder } from '../temp.ts';
import type { ChildTask } from './child.ts';

/** What the child found, or the words of its fault. */
export interface ChildFound {
  readonly found?: unknown;
  readonly fault?: { readonly code: string; readonly message: string; readonly advice: string };
}

type Task = ChildTask extends infer One ? (One extends ChildTask ? Omit<One, 'proxy'> : never) : never;

/**
 * Runs the real code and the real SDK in a process that has this environment and no other, and reaches nothing but
 * loopback and the internet of the test.
 */
export async function findIn(
  environment: Readonly<Record<string, string>>,
  task: Task,
  internet: Internet,
): Promise<ChildFound> {
  const guard = join(import.meta.dirname, '../loopback-only.ts');
  const child = join(import.meta.dirname, 'child.ts');
  const env = {
    HOME: await temporaryFolder(),
    PATH: '/usr/bin',
    NODE_EXTRA_CA_CERTS: internet.caFile,
    ...environment,
  };
  const args = ['--import', guard, child, JSON.stringify({ ...task, proxy: internet.proxy })];
  return JSON.parse(await runOk(process.execPath, args, { env })) as ChildFound;
}
