/** Rows of cells as lines whose cells stand below each other; those of the columns in `numbers` end below each other. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  numbers: ReadonlySet<number> = new Set(),
): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  const align = (cell: string, at: number): string => {
    const width = widths[at] ?? 0;
    return numbers.has(at) ? cell.padStart(width) : cell.padEnd(width);
  };
  return rows.map((row) => row.map(align).join('  ').trimEnd());
}

/** `1 upstream`, `2 upstreams`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
