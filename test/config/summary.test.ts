import { expect, test } from 'vitest';

import { summarize } from '../../src/config/summary.ts';
import { configOf, loadText } from './support.ts';

test.each([
  ['interval: 90m', '90m'],
  ['interval: 0', 'by hand'],
  ['interval: 90m, retired: true', 'retired'],
])('an upstream with %s is asked: %s', async (options, interval) => {
  const config = configOf(await loadText(`upstreams: [{ name: a, url: ./a, ${options} }]`));
  expect(summarize(config).upstreams).toMatchObject([{ interval }]);
});
