import { access } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { elsewhere, groups } from '../soak/scenarios/faults-table.ts';
import { faultsOf } from './faults-of.ts';

/** The numbers of the fault model. A configuration cannot be loaded anew yet, so there is no 70. */
const model = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  ...[20, 21, 22, 23, 30, 31, 32, 33, 34, 35, 36],
  ...[40, 41, 42, 43, 50, 51, 52, 60, 80, 81, 90],
];

test('every fault of the model has a test by name', async () => {
  const rows = groups.flatMap((group) => group.rows.map(({ name }) => name.split(' ')[0]));
  const named = new Set([...rows, ...Object.keys(elsewhere)]);
  expect(model.map((number) => `FLT-${number}`).filter((name) => !named.has(name))).toEqual([]);
  for (const file of Object.values(elsewhere)) await access(join(import.meta.dirname, '../..', file));
});

await faultsOf('upstreams');
