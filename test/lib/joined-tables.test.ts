import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { joinTables } from '../../src/lib/joined-tables.ts';
import { tableOf, TableReader } from '../../src/lib/shared-table.ts';

const groups = fc.array(fc.array(fc.constantFrom('a', 'b', 'ü'), { minLength: 1, maxLength: 3 }), { maxLength: 4 });

describe('joined tables', () => {
  it('read as one table of all their lines, whose text is theirs', () => {
    fc.assert(
      fc.property(fc.array(groups, { maxLength: 4 }), (all) => {
        const texts = all.map((table, at) =>
          table.flatMap((items, nth) => items.map((item) => `group-${at}-${nth}\t${item}\n`)),
        );
        const tables = texts.map((lines) => tableOf(lines));
        const [joined, expected] = [new TableReader(joinTables(tables)), new TableReader(tableOf(texts.flat()))];
        const names = [...expected.groups()];
        expect([...joined.groups()]).toEqual(names);
        expect(joined.size).toBe(expected.size);
        for (const name of names) expect(joined.linesOf(name)).toEqual(expected.linesOf(name));
        expect(Buffer.concat([...joined.text()]).toString()).toBe(texts.flat().join(''));
        expect(joined.table.texts).toEqual(tables.flatMap((table) => table.texts));
      }),
    );
  });
});
