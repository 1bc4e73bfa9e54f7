/** The candidate that `written` was probably meant to be, whatever its case and dashes; undefined when none is near. */
export function closest(written: string, candidates: readonly string[]): string | undefined {
  if (written.length > 64) return undefined;
  const bare = bareOf(written);
  const near = candidates.map((candidate) => ({ candidate, distance: editDistance(bare, bareOf(candidate)) }));
  const best = near.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= Math.min(2, Math.floor(bare.length / 3)) ? best.candidate : undefined;
}

function bareOf(text: string): string {
  return text.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one text to the other. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const replace = cell(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, replace, swapped ? cell(i - 2, j - 2) + 1 : Infinity));
    }
  }
  return cell(a.length, b.length);
}
