import { join } from 'node:path';

import { expect, test } from 'vitest';

import { filesystemStore } from '../../src/store/filesystem.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startChartServer } from './chart-server.ts';
import { killOver } from './kills.ts';

const rounds = 25;

test('a server on a folder that is killed at every step of its writing loses nothing it ever served', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'data');
  const histogram = await killOver(
    {
      folder,
      storeConfig: { filesystem: { path } },
      store: filesystemStore({ path }),
      upstream: await startChartServer(),
    },
    rounds,
  );
  console.log(`kill -9, filesystem: ${JSON.stringify(histogram)}`);
  expect(Object.values(histogram).reduce((sum, count) => sum + count, 0)).toBe(rounds);
  expect(Object.keys(histogram).filter((name) => name.endsWith('(missed)'))).toEqual([]);
}, 120_000);
