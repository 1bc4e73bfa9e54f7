import { describe, expect, test } from 'vitest';

import { killRounds } from '../soak/scenarios/kills.ts';
import { needsTools } from '../support/tools.ts';

/** Not what is promised on a machine of its own, but that a server comes back. */
const readyWithinMs = 60_000;

describe.skipIf(needsTools('versitygw'))('a server that is killed', () => {
  test('at every step of its writing, on a disk and in a bucket, loses nothing it ever served', async () => {
    expect(await killRounds(15, readyWithinMs)).toContain('each of 15 steps hit at least 1 times');
  }, 180_000);
});
