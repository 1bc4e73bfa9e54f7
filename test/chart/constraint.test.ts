import { describe, expect, test } from 'vitest';

import { helmConstraint } from '../../src/chart/constraint.ts';

const versions = [
  ...['0.0.3', '0.2.9', '1.0.0', '1.2.3', 'v1.2.9', '1.3.0', '1.9.9', '2.0.0'],
  ...['1.2.3-rc.1', '1.3.0-alpha', '2.0.0-beta.1', '1.2.4+build.7'],
];

function matching(constraint: string): readonly string[] | undefined {
  const matches = helmConstraint(constraint);
  return matches && versions.filter(matches);
}

const stable = versions.filter((version) => !version.includes('-'));

/** What Masterminds/semver says of each. */
describe('a constraint of a dependency', () => {
  test.each([
    ['1.2.3', ['1.2.3']],
    ['v1.2.3', ['1.2.3']],
    ['=1.2.3', ['1.2.3']],
    ['1.2', ['1.2.3', 'v1.2.9', '1.2.4+build.7']],
    ['1.2.x', ['1.2.3', 'v1.2.9', '1.2.4+build.7']],
    ['1.2.*', ['1.2.3', 'v1.2.9', '1.2.4+build.7']],
    ['~1.2.4', ['v1.2.9', '1.2.4+build.7']],
    ['~> 1.2.4', ['v1.2.9', '1.2.4+build.7']],
    ['^1.3', ['1.3.0', '1.9.9']],
    ['^0.2.3', ['0.2.9']],
    ['^0.0.3', ['0.0.3']],
    ['>=1.3, <2', ['1.3.0', '1.9.9']],
    ['>=1.3,<2', ['1.3.0', '1.9.9']],
    ['>= 1.3 < 2', ['1.3.0', '1.9.9']],
    ['=>1.9', ['1.9.9', '2.0.0']],
    ['=<0.0.3', ['0.0.3']],
    ['>1', ['2.0.0']],
    ['<=1.2', ['0.0.3', '0.2.9', '1.0.0', '1.2.3', 'v1.2.9', '1.2.4+build.7']],
    ['1.2 - 1.3.0', ['1.2.3', 'v1.2.9', '1.3.0', '1.2.4+build.7']],
    ['0.0.3 || ^2', ['0.0.3', '2.0.0']],
    ['!=1.2.x, ^1', ['1.0.0', '1.3.0', '1.9.9']],
    ['^1 != 1.9.9, !=1.0.0', ['1.2.3', 'v1.2.9', '1.3.0', '1.2.4+build.7']],
    ['1.2.4', ['1.2.4+build.7']],
  ])('%s takes %j', (constraint, expected) => {
    expect(matching(constraint)).toEqual(expected);
  });

  test.each(['', ' ', '*', 'x', '>=0'])('%j takes everything but prereleases', (constraint) => {
    expect(matching(constraint)).toEqual(stable);
  });

  test.each([
    ['>0.0.0-0', versions],
    ['>=1.3.0-0', ['1.3.0', '1.9.9', '2.0.0', '1.3.0-alpha', '2.0.0-beta.1']],
    ['^1.2.3-0', ['1.2.3', 'v1.2.9', '1.3.0', '1.9.9', '1.2.3-rc.1', '1.3.0-alpha', '1.2.4+build.7']],
    ['~1.2.3-0', ['1.2.3', 'v1.2.9', '1.2.3-rc.1', '1.2.4+build.7']],
    ['1.2.3-rc.1', ['1.2.3-rc.1']],
    ['>=1.9, <2.0.0-0', ['1.9.9']],
    ['>=1.9-0, <=2.0.0', ['1.9.9', '2.0.0', '2.0.0-beta.1']],
    ['0.0.3 || ~1.3.0-0', ['0.0.3', '1.3.0', '1.3.0-alpha']],
    ['>=1.9.0+a-b', ['1.9.9', '2.0.0']],
  ])('that names a prerelease, %s, takes them: %j', (constraint, expected) => {
    expect(matching(constraint)).toEqual(expected);
  });

  test.each(['latest', '>=', '1.2.3.4', '@1', '!=', '!=foo', '>=1 || foo', '${VERSION}'])('is not %s', (text) => {
    expect(matching(text)).toBeUndefined();
  });

  test('takes nothing that Helm would not read', () => {
    expect(helmConstraint('*')?.('not-a-version')).toBe(false);
  });
});
