import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Real chart repositories that may lie beside a clone. */
export type SharedRepository = 'argo' | 'grafana' | 'ingress-nginx' | 'metrics-server' | 'podinfo';

const root = join(import.meta.dirname, '../../../shared/data');

/** The folder of one of them, present or not. */
export function sharedData(name: SharedRepository): string {
  return join(root, name);
}

/** For `describe.skipIf(needsSharedData('podinfo'))`: true, and one line that says so, when one of them is absent. */
export function needsSharedData(...names: readonly SharedRepository[]): boolean {
  const missing = names.filter((name) => !existsSync(join(sharedData(name), 'index.yaml')));
  if (missing.length > 0) console.warn(`npm test: skipping what needs the shared data of ${missing.join(', ')}`);
  return missing.length > 0;
}
