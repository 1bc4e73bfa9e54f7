import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { sharedData, type SharedRepository } from '../support/shared-data.ts';

/** Why a scenario cannot use the shared data; undefined when it can. */
export function missingData(...repositories: readonly SharedRepository[]): { readonly skipped: string } | undefined {
  const missing = repositories.filter((name) => !existsSync(join(sharedData(name), 'index.yaml')));
  return missing.length === 0 ? undefined : { skipped: `the shared data of ${missing.join(' and ')} is not there` };
}
