import { describe, expect, test } from 'vitest';

import { coldRounds } from '../soak/scenarios/cold.ts';
import { replicaRounds } from '../soak/scenarios/replicas.ts';
import { needsTools } from '../support/tools.ts';

/** Each is the soak of this name with one round. */
describe.skipIf(needsTools('versitygw'))('replicas on one bucket', () => {
  test('lose no version when the one that does the work is killed, and list none twice', async () => {
    const plan = { rounds: 1, versions: 100, variants: false, victim: 'holder', lagMs: 20_000 } as const;
    const line = await replicaRounds(plan);

    console.log(`replicas: ${line}`);
    expect(line).toContain('100 new versions, 0 lost, 0 doubled; 1 replica killed, 1 of them holding the lease');
  }, 120_000);

  test('ask upstream once each for an archive that very many want at once', async () => {
    const line = await coldRounds({ rounds: 1, clients: 200 });

    console.log(`cold: ${line}`);
    expect(line).toMatch(/: 1 upstream request for an archive; 200 at each of 3 replicas: [123];/);
  }, 120_000);
});
