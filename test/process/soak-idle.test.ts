import { describe, expect, test } from 'vitest';

import { idleFor } from '../soak/scenarios/idle.ts';
import { visibleRounds } from '../soak/scenarios/visible.ts';
import { needsTools } from '../support/tools.ts';

/** Each is the soak of this name with one round; they mostly wait, and so they wait together. */
describe.skipIf(needsTools('versitygw'))('replicas on a bucket', () => {
  test.concurrent('that nobody asks for anything leave it alone but for their lease and their state', async () => {
    const line = await idleFor(30_000);

    console.log(`idle: ${line}`);
    expect(line).not.toMatch(/\d (?!HEAD state\.json|GET lease\.json|PUT lease\.json)[A-Z]+ [a-z]/);
  }, 120_000);

  test.concurrent('have a new version by name at once, and list it within the interval', async () => {
    const line = await visibleRounds({ cycles: 1, registry: !needsTools('registry', 'helm4'), patienceMs: 20_000 });

    console.log(`visible: ${line}`);
    expect(line).toContain('listed by both replicas');
  }, 120_000);
});
