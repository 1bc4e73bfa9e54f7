import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/lib/log.ts';
import { openS3Bucket } from '../../src/store/s3.ts';
import { temporaryFolder } from '../support/temp.ts';
import { needsTools } from '../support/tools.ts';
import { startVersitygw } from '../support/versitygw.ts';
import { startChartServer } from './chart-server.ts';
import { killOver } from './kills.ts';

const rounds = 25;

describe.skipIf(needsTools('versitygw'))('on S3', () => {
  test('a server that is killed at every step of its writing loses nothing it ever served', async () => {
    const folder = await temporaryFolder();
    const gateway = await startVersitygw(join(folder, 's3'));
    onTestFinished(() => gateway.stop());
    const { endpoint, region, accessKeyId, secretAccessKey } = gateway;
    const log = openLog({ level: 'error', format: 'json' });
    const bucket = openS3Bucket(gateway.options('charts'), { clock: systemClock, log });
    await bucket.prepare();
    const s3 = { endpoint, region, accessKeyId, secretAccessKey, bucket: 'charts', pathStyle: true };
    const histogram = await killOver(
      { folder, storeConfig: { s3 }, store: bucket.store, upstream: await startChartServer() },
      rounds,
    );
    bucket.close();
    console.log(`kill -9, s3: ${JSON.stringify(histogram)}`);
    expect(Object.values(histogram).reduce((sum, count) => sum + count, 0)).toBe(rounds);
    expect(Object.keys(histogram).filter((name) => name.endsWith('(missed)'))).toEqual([]);
  }, 120_000);
});
