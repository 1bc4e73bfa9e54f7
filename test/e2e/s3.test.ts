import { join } from 'node:path';

import { describe } from 'vitest';

import { needsTools } from '../support/tools.ts';
import { startVersitygw } from '../support/versitygw.ts';
import { describeWhole } from './whole.ts';

describe.skipIf(needsTools('helm3', 'helm4', 'registry', 'versitygw', 'openssl', 'gpg'))('Chartroom on S3,', () => {
  describeWhole(async (folder) => {
    const s3 = await startVersitygw(join(folder, 's3'));
    const { endpoint, region, accessKeyId, secretAccessKey } = s3;
    const bucket = { bucket: 'charts', prefix: 'chartroom/', pathStyle: true, createBucket: true };
    return {
      config: { s3: { endpoint, region, accessKeyId, secretAccessKey, ...bucket } },
      stop: () => s3.stop(),
    };
  });
});
