import { expect, test } from 'vitest';

import { describeProblem } from '../../src/config/problem.ts';
import { brokenAuth, unfitAuth } from './broken-auth.ts';
import { brokenDocuments, brokenKeys } from './broken-documents.ts';
import { brokenSecrets } from './broken-secrets.ts';
import { brokenUpstreams } from './broken-upstreams.ts';
import { brokenValues } from './broken-values.ts';
import { brokenVerify } from './broken-verify.ts';
import { loadText, problemsOf } from './support.ts';

const brokenConfigurations = [
  ...brokenDocuments,
  ...brokenKeys,
  ...brokenValues,
  ...brokenSecrets,
  ...brokenAuth,
  ...unfitAuth,
  ...brokenUpstreams,
  ...brokenVerify,
];

test.each(brokenConfigurations)('says where $wrong is, and what is allowed there', async (broken) => {
  const problems = problemsOf(await loadText(broken.text, broken.environment));
  const found = problems.map(({ position, option, message }) => [position?.line, position?.column, option, message]);
  const expected = broken.expected.map(([line, column, option, message]) => [
    line,
    column,
    option,
    expect.stringContaining(message),
  ]);
  expect(found).toEqual(expected);
});

test.each(brokenConfigurations)('shows no secret when the file has $wrong', async (broken) => {
  const printed = problemsOf(await loadText(broken.text, broken.environment))
    .map(describeProblem)
    .join('\n');
  expect(printed).not.toMatch(/hunter2|12345678/);
  expect(printed).not.toMatch(/at .*\.ts:\d+/);
});

test('knows at least fifty ways to be wrong', () => {
  expect(brokenConfigurations.length).toBeGreaterThanOrEqual(50);
});
