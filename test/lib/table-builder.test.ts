import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { sizeOf, tableOf, TableReader, type SharedTable } from '../../src/lib/shared-table.ts';
import { TableBuilder } from '../../src/lib/table-builder.ts';

const textOf = (table: SharedTable): string => Buffer.concat([...new TableReader(table).text()]).toString();
const bytesOf = ({ texts }: SharedTable): number => texts.reduce((sum, text) => sum + text.byteLength, 0);
const lineOf = (group: number, item: number, words: string): string => `g${group}\t${item}\t${words}\n`;

/** What to make of a line of the table before: keep it, cut its last column off, or write another one. */
const step = fc.constantFrom('share', 'cut', 'write', 'like', 'drop');

/** A table made of the lines of another one, and its text as it must be. */
function follow(before: TableReader, steps: readonly string[]): { table: SharedTable; text: string } {
  const builder = new TableBuilder();
  let text = '';
  for (let at = 0; at < before.size; at += 1) {
    const line = before.line(at).toString();
    const cut = line.slice(0, line.lastIndexOf('\t'));
    const other = `${cut}\t#${at}`;
    const wanted = steps[at % steps.length];
    // a line that was cut before has little left
    const what = wanted === 'cut' && cut.split('\t').length < 2 ? 'share' : wanted;
    if (what === 'share') builder.share(before, at);
    if (what === 'cut') builder.share(before, at, Buffer.byteLength(cut));
    if (what === 'write') builder.add(`${other}\n`);
    if (what === 'like') builder.addLike(`${line}\n`, before, [0, before.size]);
    const made = { share: line, cut, write: other, like: line }[what ?? ''];
    if (made !== undefined) text += `${made}\n`;
  }
  return { table: builder.finish(), text };
}

describe('a table made of another one', () => {
  it('says what a table made of the same lines says, however often it is made anew', () => {
    const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { maxLength: 60 }), rounds, (words, all) => {
        const clean = words.map((one) => one.replaceAll(/[\t\n]/g, ' '));
        let table = tableOf(clean.map((one, at) => lineOf(Math.floor(at / 7), at, `${one}\t.`)));
        for (const steps of all) {
          const next = follow(new TableReader(table), steps);
          const whole = tableOf([next.text]);
          const [reader, expected] = [new TableReader(next.table), new TableReader(whole)];
          expect(textOf(next.table)).toBe(next.text);
          expect([reader.size, [...reader.groups()]]).toEqual([expected.size, [...expected.groups()]]);
          for (const group of expected.groups()) expect(reader.linesOf(group)).toEqual(expected.linesOf(group));
          table = next.table;
        }
      }),
    );
  });

  const many = Array.from({ length: 2000 }, (_, at) => lineOf(Math.floor(at / 10), at, 'x'.repeat(1000)));

  it('shares the text that they have in common', () => {
    const before = tableOf(many);
    const rows = new TableReader(before);
    const builder = new TableBuilder();
    for (let at = 0; at < rows.size; at += 1) {
      if (at === 777) builder.add(lineOf(77, 777, 'changed'));
      else builder.share(rows, at);
    }
    const after = builder.finish();
    expect(before.texts.length).toBeGreaterThan(1);
    const own = after.texts.filter((text) => !before.texts.includes(text));
    expect(own.map((text) => text.byteLength)).toEqual([lineOf(77, 777, 'changed').length]);
    expect(textOf(after)).toBe(many.with(777, lineOf(77, 777, 'changed')).join(''));
  });

  it('neither grows nor falls to pieces, however often lines change', () => {
    let table = tableOf(many);
    const words = [...many];
    for (let round = 0; round < 400; round += 1) {
      const rows = new TableReader(table);
      const builder = new TableBuilder();
      for (let at = 0; at < rows.size; at += 1) {
        if (at % 100 === round % 100) words[at] = lineOf(Math.floor(at / 10), at, `${round}`.repeat(300));
        builder.addLike(words[at] ?? '', rows, [at, at + 1]);
      }
      table = builder.finish();
    }
    const text = words.join('');
    expect(textOf(table)).toBe(text);
    expect(bytesOf(table)).toBeLessThan(1.6 * text.length);
    expect(table.texts.length).toBeLessThan(130);
  });

  it('writes what is little of a text anew, so that the text can be forgotten', () => {
    const before = tableOf(many);
    const builder = new TableBuilder();
    for (let at = 0; at < sizeOf(before); at += 10) builder.share(new TableReader(before), at);
    const after = builder.finish();
    expect(after.texts.some((text) => before.texts.includes(text))).toBe(false);
    expect(bytesOf(after)).toBe(Buffer.byteLength(many.filter((_, at) => at % 10 === 0).join('')));
  });
});
