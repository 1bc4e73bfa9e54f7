import type { z } from 'zod';

import { mappingForm, type OptionSchema, stepInto } from './options.ts';
import { describeValue, kindOf, type OptionPath, shorten } from './problem.ts';
import type { OptionTree } from './tree.ts';

type Issue = z.core.$ZodIssue;

/** Reports what the schema found wrong: for each place what was found there and what is allowed. */
export function reportIssues(issues: readonly Issue[], tree: OptionTree, options: OptionSchema): void {
  for (const issue of issues) reportIssue(issue, issue.path as OptionPath, tree, options);
}

function reportIssue(issue: Issue, path: OptionPath, tree: OptionTree, options: OptionSchema): void {
  const value = tree.at(...path);
  const schema = path.reduce<OptionSchema | undefined>(stepInto, options);
  if (value === undefined) {
    tree.reportMissing(path, `it is missing; expected ${schema?.allowed ?? 'a value'}`);
    return;
  }
  if (issue.code === 'invalid_union') {
    reportUnion(issue, path, tree, options);
    return;
  }
  const expected = issue.code === 'custom' ? issue.message : `expected ${schema?.allowed ?? 'something else'}`;
  tree.report(path, `found ${describeFound(value, path, tree, schema)}; ${expected}`);
}

/** Of several forms the one that was attempted: a mapping that is not quite right is told what is wrong inside. */
function reportUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: OptionPath,
  tree: OptionTree,
  options: OptionSchema,
): void {
  const inside = issue.errors.find((errors) => errors.every((error) => error.path.length > 0));
  if (inside && kindOf(tree.at(...path)) === 'a mapping') {
    for (const error of inside) reportIssue(error, [...path, ...(error.path as OptionPath)], tree, options);
    return;
  }
  const schema = path.reduce<OptionSchema | undefined>(stepInto, options);
  const found = describeFound(tree.at(...path), path, tree, schema);
  // what the form for plain values says, with its advice, is meant for all of them
  const plain = issue.errors.flat().find((error) => error.code === 'custom' && error.path.length === 0);
  tree.report(path, `found ${found}; ${plain?.message ?? `expected ${schema?.allowed ?? 'something else'}`}`);
}

/** The value, unless it is a secret or stands where secrets do. */
function describeFound(value: unknown, path: OptionPath, tree: OptionTree, schema: OptionSchema | undefined): string {
  if (schema?.writeOnly) return '[secret]';
  const written = tree.written(path);
  if (written !== undefined) return `${describeValue(written)}, which stands for something else`;
  if (mappingForm(schema) && !schema?.anyOf) return kindOf(value);
  return typeof value === 'number'
    ? `the number ${shorten(tree.numeral(path) ?? String(value))}`
    : describeValue(value);
}
