import { dirname, resolve } from 'node:path';

import type { Config } from './config.ts';
import { reportIssues } from './issues.ts';
import type { CountKeys } from './keyring.ts';
import { describeOptions } from './options.ts';
import { inFileOrder, type Problem } from './problem.ts';
import { environmentProxies } from './proxies.ts';
import { resolveConfig } from './resolve.ts';
import { reportRules } from './rules.ts';
import { fileSchema } from './schema.ts';
import type { Environment } from './secret.ts';
import { readSource } from './source.ts';
import { OptionTree } from './tree.ts';

/** A configuration and what is doubtful about it, or everything that is wrong with it. Problems are in file order. */
export type Loaded =
  | { readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] };

const noFile: Problem = {
  file: 'chartroom',
  position: undefined,
  option: '',
  message: 'no configuration file was named; name one with --config FILE or in CHARTROOM_CONFIG',
};

/**
 * Reads, validates and completes a configuration file. All problems come back at once; none holds a secret. Never
 * rejects because of what the file or the environment says. `file` is absent when nobody named one. Without `countKeys`
 * keyrings are looked at from outside only.
 */
export async function loadConfig(
  file: string | undefined,
  environment: Environment,
  countKeys?: CountKeys,
): Promise<Loaded> {
  if (file === undefined) return { problems: [noFile] };
  const source = await readSource(file);
  if (!('document' in source)) return { problems: source };
  const options = describeOptions(fileSchema);
  const tree = await OptionTree.read(source, options, { folder: dirname(resolve(file)), environment, countKeys });
  const listen = environment['CHARTROOM_LISTEN'];
  if (listen) tree.supply('server', 'listen', listen, '${CHARTROOM_LISTEN}');
  const data = environment['CHARTROOM_DATA'];
  if (data && tree.at('store') === undefined) tree.supply('store', 'filesystem', { path: data }, '${CHARTROOM_DATA}');
  const parsed = fileSchema.safeParse(tree.at());
  reportIssues(parsed.error?.issues ?? [], tree, options);
  const { proxy, invalid } = environmentProxies(environment);
  reportRules(tree, invalid);
  if (!parsed.success || tree.problems.length > 0) return { problems: tree.problems.toSorted(inFileOrder) };
  return { config: resolveConfig(file, parsed.data, options, proxy), warnings: tree.warnings.toSorted(inFileOrder) };
}
