import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'vitest';

import type { Config } from '../../src/config/config.ts';
import type { Environment } from '../../src/config/environment.ts';
import { type Loaded, loadConfig } from '../../src/config/load.ts';
import type { Problem } from '../../src/config/problem.ts';
import { temporaryFolder } from '../support/temp.ts';

/** A configuration in a folder of its own, read. */
export async function loadText(text: string | Uint8Array, environment: Environment = {}): Promise<Loaded> {
  return loadConfig(await writeConfig(text), environment);
}

/** Writes `config.yaml` into a folder of its own and says where it is. */
export async function writeConfig(text: string | Uint8Array): Promise<string> {
  const file = join(await temporaryFolder(), 'config.yaml');
  await writeFile(file, text);
  return file;
}

/** The configuration, which must be valid. */
export function configOf(loaded: Loaded): Config {
  expect('problems' in loaded ? loaded.problems : []).toEqual([]);
  if ('problems' in loaded) throw new Error('not valid');
  return loaded.config;
}

/** The problems, of which there must be some. */
export function problemsOf(loaded: Loaded): readonly Problem[] {
  if (!('problems' in loaded)) throw new Error('no problem was found');
  return loaded.problems;
}
