import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Real counterparts that `scripts/install-tools` provides. */
export type Tool =
  | 'helm3'
  | 'helm4'
  | 'registry'
  | 'versitygw'
  | 'crane'
  | 'nginx'
  | 'wrk'
  | 'openssl'
  | 'buildah'
  | 'gpg'
  | 'tar';

const folders = [
  join(import.meta.dirname, '../../.tools/bin'),
  ...(process.env['PATH'] ?? '').split(':'),
  '/usr/sbin',
  '/usr/bin',
];

function findTool(name: Tool): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where a tool is: the project's own build of it, else the machine's. Throws when there is none. */
export function tool(name: Tool): string {
  const path = findTool(name);
  if (!path) throw new Error(`${name} is not installed: run scripts/install-tools`);
  return path;
}

/**
 * For `describe.skipIf(needsTools('helm3', 'registry'))`: true, and one line that says so, when one of them is
 * missing. With CI=true a missing tool is an error instead, since a test that never runs proves nothing.
 */
export function needsTools(...names: readonly Tool[]): boolean {
  const missing = names.filter((name) => !findTool(name));
  if (missing.length === 0) return false;
  if (process.env['CI'] === 'true') throw new Error(`missing ${missing.join(', ')}: run scripts/install-tools`);
  console.warn(`npm test: skipping what needs ${missing.join(', ')}: run scripts/install-tools`);
  return true;
}
