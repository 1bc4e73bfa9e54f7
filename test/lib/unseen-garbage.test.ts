import { expect, it } from 'vitest';

import { noteUnseenGarbage } from '../../src/lib/unseen-garbage.ts';

it('costs no memory, however much is noted', () => {
  const before = process.memoryUsage.rss();
  for (let at = 0; at < 100; at += 1) noteUnseenGarbage(64 * 1024 * 1024);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
});
