import { describe, expect, it } from 'vitest';

import { versionFilter, versionRange } from '../../src/chart/ranges.ts';
import { canonicalVersion } from '../../src/chart/version.ts';

describe('a range', () => {
  it.each([
    ['>=1.2, <2', ['1.2.0', 'v1.9', '1.2.0-rc.1', '1.2.0+a'], ['1.1.9', '2.0.0', '2.0.0-rc.1']],
    ['>=1.2.0 <2', ['1.2.0', '1.3.0-rc.1'], ['1.2.0-rc.1', '2.0.0-rc.1']],
    ['<2.0.0', ['1.9.9', '2.0.0-rc.1'], ['2.0.0']],
    ['<2', ['1.9.9'], ['2.0.0-rc.1', '2.0.0']],
    ['~1.4', ['1.4.0', '1.4.9-rc.1'], ['1.5.0-rc.1', '1.5.0']],
    ['^1.4.2', ['1.4.2', '1.99.0', '1.5.0-rc.1'], ['1.4.1', '2.0.0-rc.1']],
    ['1.x || 2.0.1', ['1.0.0', '2.0.1', 'v2.0.1+build'], ['2.0.0']],
    ['1.2 - 2.3', ['1.2.0', '2.3.9'], ['1.1.0', '2.4.0']],
    ['1.2.3', ['1.2.3', 'v1.2.3', '1.2.3+a'], ['1.2.3-rc.1', '1.2.4']],
    ['1.2.3+a', ['1.2.3', '1.2.3+b'], ['1.2.4']],
    ['=v1.2.3', ['1.2.3'], ['1.2.2']],
    ['>1', ['2.0.0', '2.0.0-rc.1'], ['1.9.9']],
    ['*', ['0.0.1', '1.0.0-rc.1', '99.0.0'], []],
    ['>=1.0.0-0', ['1.0.0-alpha', '1.0.0'], ['0.9.9']],
  ])('%s has %j and not %j', (text, inside, outside) => {
    const test = versionRange(text);
    expect(inside.filter((version) => test?.(version))).toEqual(inside);
    expect(outside.filter((version) => test?.(version))).toEqual([]);
  });

  it.each(['', ' ', ',', '>=15 ||', '|| <2', '>=1 || || <2', '!=1.2.3', '>=1 !=1.2', '=>1', '1.2-2.3', 'latest', '>'])(
    '%j is none',
    (text) => expect(versionRange(text)).toBeUndefined(),
  );

  it.each(['', 'latest', '1.2.3.4', '1.0.0-01', 'constructor', `1.0.0-${'x'.repeat(200)}`])(
    'never has %j, which is no version',
    (version) => expect(versionRange('*')?.(version)).toBe(false),
  );
});

describe('the ranges of charts', () => {
  const filter = versionFilter([
    ['lo*', '<3'],
    ['loki', '>=2'],
    ['*', '1.x'],
    ['broken', 'not a range'],
  ]);

  it.each([
    ['loki', '3.0.0', true],
    ['loki', '1.0.0', false],
    ['local', '2.0.0', true],
    ['nginx', '2.0.0', false],
    ['nginx', '1.0.0', true],
    ['broken', '1.0.0', false],
    ['constructor', '1.0.0', true],
    ['LOKI', '1.0.0', true],
  ])('go by the exact name before globs, and by the first glob: %s %s is %s', (chart, version, isIn) =>
    expect(filter(chart, version)).toBe(isIn),
  );

  it('let everything through of charts that none is for', () => {
    expect(versionFilter([['nginx', '>=2']])('loki', '1.0.0')).toBe(true);
    expect(versionFilter([])('nginx', '1.0.0')).toBe(true);
  });
});

describe('the canonical text of a version', () => {
  it.each([
    ['v1.2', '1.2.0'],
    ['1.2.0', '1.2.0'],
    ['v1.2.0', '1.2.0'],
    ['01.2.0', '1.2.0'],
    ['1', '1.0.0'],
    ['v1.2.3-rc.1+b.7', '1.2.3-rc.1+b.7'],
    ['1.2.3+a', '1.2.3+a'],
    ['not a version', 'not a version'],
  ])('of %s is %s', (text, canonical) => expect(canonicalVersion(text)).toBe(canonical));
});
