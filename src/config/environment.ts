import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Environment } from './secret.ts';

export type { Environment } from './secret.ts';

/** The environment variables of this process. */
export function environment(): Environment {
  return process.env;
}

/**
 * The configuration file to use: the one given with `--config`, else the one in CHARTROOM_CONFIG, else
 * `config/minimal.yaml` in a clone; undefined elsewhere.
 */
export function chooseConfigFile(option: string | undefined, variables: Environment): string | undefined {
  const named = option ?? (variables['CHARTROOM_CONFIG'] || undefined);
  return named ?? minimalFileOf(join(import.meta.dirname, '..', '..'));
}

/** Only a clone has the sources beside the file: what is installed must be told. */
function minimalFileOf(root: string): string | undefined {
  const minimal = join(root, 'config', 'minimal.yaml');
  const inClone = ['package.json', join('src', 'config', 'environment.ts')].every((file) =>
    existsSync(join(root, file)),
  );
  return inClone && existsSync(minimal) ? minimal : undefined;
}
