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

/** `1 upstream`, `2 upstreams`, `2 repositories`. */
export function count(number: number, noun: string): string {
  if (number === 1) return `1 ${noun}`;
  return `${number} ${noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}
