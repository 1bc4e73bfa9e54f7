import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { columnsOf, tableOf, TableReader, type SharedTable } from '../../src/lib/shared-table.ts';

const linesOf = (reader: TableReader): string[] =>
  Array.from({ length: reader.size }, (_, at) => reader.line(at).toString());

const textOf = (table: SharedTable): string => Buffer.concat([...new TableReader(table).text()]).toString();

const column = fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => text.replaceAll(/[\t\n]/g, ' '));

/** Lines as callers make them: sorted by their first two columns, so that groups and items are adjacent. */
const lines = fc
  .array(fc.tuple(column, column, column), { maxLength: 20 })
  .map((rows) => rows.map((row) => `${row.join('\t')}\n`).sort());

describe('a shared table', () => {
  it('gives back every line, group and item that was put in', () => {
    fc.assert(
      fc.property(lines, (all) => {
        const reader = new TableReader(tableOf(all));
        expect(linesOf(reader).map((line) => `${line}\n`)).toEqual(all);
        const groups = Map.groupBy(all, (line) => line.split('\t')[0] ?? '');
        expect([...reader.groups()]).toEqual([...groups.keys()]);
        expect(reader.groupCount).toBe(groups.size);
        for (const [group, members] of groups) {
          const [first, end] = reader.linesOf(group) ?? [0, 0];
          expect(linesOf(reader).slice(first, end)).toEqual(members.map((line) => line.slice(0, -1)));
          for (const [item, same] of Map.groupBy(members, (line) => line.split('\t')[1] ?? '')) {
            const [from, to] = reader.find(group, item) ?? [0, 0];
            expect(Buffer.concat([...reader.text(from, to)]).toString()).toBe(same.join(''));
          }
        }
      }),
    );
  });

  it('is the same whether it is made of strings, of bytes, or of many lines at once', () => {
    const all = ['a\t1\tä\n', 'a\t2\t\n', 'b\t1\t€\n'];
    const text = (pieces: Parameters<typeof tableOf>[0]): string => textOf(tableOf(pieces));
    expect(text([Buffer.from(all.join(''))])).toBe(text(all));
    expect(text([all.slice(0, 2).join(''), Buffer.from(all[2] ?? '')])).toBe(text(all));
    expect(text([Buffer.from(all[0] ?? ''), Buffer.from(all[1] ?? ''), all[2] ?? ''])).toBe(text(all));
    expect(new TableReader(tableOf([Buffer.from(all.join(''))])).size).toBe(3);
  });

  it('finds nothing that only begins or ends alike', () => {
    const reader = new TableReader(tableOf(['ab\tcd\tx\n', 'ab\tcde\tx\n', 'abc\td\tx\n']));
    expect(reader.find('ab', 'cd')).toEqual([0, 1]);
    for (const [group, item] of [
      ['ab', 'c'],
      ['ab', ''],
      ['a', 'b\tcd'],
      ['abc', 'd\tx'],
      ['', ''],
      ['abc', 'dx'],
    ] as const) {
      expect(reader.find(group, item)).toBeUndefined();
    }
    expect(reader.linesOf('__proto__')).toBeUndefined();
    expect(reader.linesOf('constructor')).toBeUndefined();
  });

  it('is shared with a thread, not copied', () => {
    const table = tableOf(['a\t1\tx\n']);
    const other = structuredClone(table);
    new Uint8Array(table.texts[0] ?? new ArrayBuffer())[4] = 'y'.charCodeAt(0);
    expect(columnsOf(new TableReader(other).line(0))).toEqual(['a', '1', 'y']);
  });

  it('may be empty', () => {
    const reader = new TableReader(tableOf([]));
    expect([reader.size, reader.groupCount, [...reader.groups()]]).toEqual([0, 0, []]);
    expect(reader.find('a', 'b')).toBeUndefined();
  });

  it('is refused when its last line does not end', () => {
    expect(() => tableOf(['a\t1\tx'])).toThrow('line feed');
  });
});

it('finds every item of a large group, however often it stands there', () => {
  const lines = Array.from({ length: 500 }, (_, at) => `nginx\t${Math.floor(at / 2)}\t${at}\n`);
  const reader = new TableReader(tableOf(['a\t0\tx\n', ...lines, 'z\t0\tx\n']));
  for (let item = 0; item < 250; item += 1)
    expect(reader.find('nginx', String(item))).toEqual([1 + 2 * item, 3 + 2 * item]);
  expect(reader.find('nginx', '250')).toBeUndefined();
});
