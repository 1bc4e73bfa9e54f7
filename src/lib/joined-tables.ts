import { sizeOf, type SharedTable } from './shared-table.ts';

/** The lines of several tables, which have no group in common, as one that shares their text. */
export function joinTables(tables: readonly SharedTable[]): SharedTable {
  const texts = tables.flatMap((table) => table.texts);
  const lines = sharedNumbers(3 * tables.reduce((sum, table) => sum + sizeOf(table), 0));
  const groups = sharedNumbers(tables.reduce((sum, table) => sum + numbersOf(table.groups).length - 1, 1));
  let [textAt, lineAt, groupAt] = [0, 0, 0];
  for (const table of tables) {
    const own = numbersOf(table.lines);
    for (let at = 0; at < own.length; at += 3) {
      lines[3 * lineAt + at] = (own[at] ?? 0) + textAt;
      lines[3 * lineAt + at + 1] = own[at + 1] ?? 0;
      lines[3 * lineAt + at + 2] = own[at + 2] ?? 0;
    }
    for (const first of numbersOf(table.groups).subarray(0, -1)) {
      groups[groupAt] = first + lineAt;
      groupAt += 1;
    }
    textAt += table.texts.length;
    lineAt += sizeOf(table);
  }
  groups[groupAt] = lineAt;
  return { texts, lines: lines.buffer, groups: groups.buffer };
}

function numbersOf(shared: SharedArrayBuffer): Uint32Array {
  return new Uint32Array(shared, 0, shared.byteLength / Uint32Array.BYTES_PER_ELEMENT);
}

function sharedNumbers(count: number): Uint32Array<SharedArrayBuffer> {
  const bytes = count * Uint32Array.BYTES_PER_ELEMENT;
  // as in any table: what can grow is given back to the system as soon as nobody refers to it
  return new Uint32Array(new SharedArrayBuffer(bytes, { maxByteLength: bytes }), 0, count);
}
