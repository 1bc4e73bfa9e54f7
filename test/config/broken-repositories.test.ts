import { expect, test } from 'vitest';

import { describeProblem } from '../../src/config/problem.ts';
import { brokenRepositories } from './broken-repositories.ts';
import { loadText, problemsOf } from './support.ts';

test.each(brokenRepositories)('says where $name is, and what is allowed there', async (broken) => {
  const problems = problemsOf(await loadText(broken.yaml));
  const found = problems.map(({ position, option, message }) => ({ ...position, option, message }));
  const { line, column, option } = broken;
  expect(found).toEqual([{ line, column, option, message: expect.stringContaining(broken.message) }]);
  expect(problems.map(describeProblem).join('\n')).not.toMatch(/hunter2/);
});

test('names each upstream once that could be meant, however often it is written', async () => {
  const upstream = '  - { name: internal, url: https://internal.corp }';
  const repository = '  - { name: all, upstreams: [internal, internal], owners: { nginx: nobody } }';
  const problems = problemsOf(await loadText(['upstreams:', upstream, 'repositories:', repository].join('\n')));
  expect(problems.map(({ message }) => message)).toContain(
    'found "nobody"; expected an upstream of this repository: internal',
  );
});

test('knows at least fifty ways to be wrong about repositories', () => {
  expect(new Set(brokenRepositories.map(({ yaml }) => yaml)).size).toBeGreaterThanOrEqual(50);
});
