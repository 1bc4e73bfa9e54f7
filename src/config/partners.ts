import type { OptionPath } from './problem.ts';
import type { OptionTree } from './tree.ts';

/** For an option those beside it that it is worth nothing without. */
export type Partners = Readonly<Record<string, readonly string[]>>;

/** Reports what is missing beside what is written in a mapping. */
export function checkPartners(tree: OptionTree, path: OptionPath, partners: Partners): void {
  const written = writtenIn(tree, path);
  for (const option of written) {
    for (const partner of partners[option] ?? []) {
      if (written.includes(partner)) continue;
      tree.reportMissing([...path, partner], `it is missing beside ${option}; expected both or neither`);
    }
  }
}

/** The names of what is written in a mapping, in its order, also where the values are wrong. */
export function writtenIn(tree: OptionTree, path: OptionPath): readonly string[] {
  const value = tree.at(...path);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
}
