/** The candidate that `written` was probably meant to be, whatever its case and dashes; undefined when none is near. */
export function closest(written: string, candidates: readonly string[]): string | undefined {
  return misspelt(written, candidates)[0];
}

/** Up to `most` candidates that look like `written`: those that begin with it, those that have it inside, those misspelt. */
export function nearest(written: string, candidates: readonly string[], most: number): readonly string[] {
  const bare = bareOf(written);
  if (bare === '') return [];
  const parts = candidates.filter((candidate) => bareOf(candidate).includes(bare));
  const begins = parts.filter((candidate) => bareOf(candidate).startsWith(bare));
  return [...new Set([...begins, ...parts, ...misspelt(written, candidates)])].slice(0, most);
}

const maxLength = 64;

/** Candidates that a slip of the keys leads to, the fewest slips first. */
function misspelt(written: string, candidates: readonly string[]): readonly string[] {
  if (written.length > maxLength) return [];
  const bare = bareOf(written);
  const most = Math.min(2, Math.floor(bare.length / 3));
  const near = candidates.flatMap((candidate) => {
    const slips = slipsWithin(most, bare, bareOf(candidate));
    return slips <= most ? [{ candidate, slips }] : [];
  });
  return near.sort((a, b) => a.slips - b.slips).map(({ candidate }) => candidate);
}

function bareOf(text: string): string {
  return text.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/**
 * How many insertions, deletions, replacements and swaps of neighbours lead from one text to the other; `Infinity` where
 * they are more than `most`, which is small: of thousands of candidates most are far away.
 */
function slipsWithin(most: number, a: string, b: string): number {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  const [restA, restB] = [a.slice(same), b.slice(same)];
  if (restA === restB) return 0;
  if (most === 0 || Math.abs(restA.length - restB.length) > most) return Infinity;
  const after = (skippedA: number, skippedB: number): number =>
    slipsWithin(most - 1, restA.slice(skippedA), restB.slice(skippedB));
  const isSwap = restA.length > 1 && restA[0] === restB[1] && restA[1] === restB[0];
  return 1 + Math.min(after(1, 1), after(1, 0), after(0, 1), isSwap ? after(2, 2) : Infinity);
}
