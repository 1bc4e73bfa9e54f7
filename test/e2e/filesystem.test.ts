import { describe } from 'vitest';

import { needsTools } from '../support/tools.ts';
import { describeWhole } from './whole.ts';

describe.skipIf(needsTools('helm3', 'helm4', 'registry', 'openssl', 'gpg'))('Chartroom on a folder,', () => {
  describeWhole(async () => ({
    config: { filesystem: { path: './data' } },
    stop: async () => {},
  }));
});
