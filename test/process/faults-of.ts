import { afterAll, beforeAll, describe, test } from 'vitest';

import { groups, type OpenGroup } from '../soak/scenarios/faults-table.ts';

/** One test for each row of a group, on the same servers and in order; one line where this machine cannot do it. */
export async function faultsOf(name: string): Promise<void> {
  const group = groups.find((one) => one.name === name);
  if (!group) throw new Error(`no faults happen to ${name}`);
  const why = await group.impossible();
  if (why !== undefined) console.warn(`npm test: skipping faults of ${name}: ${why}`);

  describe.skipIf(why !== undefined)(`faults of ${name}`, () => {
    let open: OpenGroup | undefined;
    beforeAll(async () => {
      open = await group.open();
    });
    afterAll(() => open?.close());

    test.each(group.rows)('$name: $done: $promise', async (row) => {
      await open?.run(row);
    });
  });
}
