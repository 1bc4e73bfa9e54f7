import { describe, expect, it } from 'vitest';

import { digestOf, hexOf, isDigest } from '../../src/chart/digest.ts';
import { archivePath, isChartName, lookUp, nameFilter } from '../../src/chart/names.ts';

describe('a chart name', () => {
  it.each(['nginx', 'cert-manager', 'Upper', 'a.b_c', '0ad', 'constructor', 'toString', 'x'.repeat(128)])(
    'may be %s',
    (name) => expect(isChartName(name)).toBe(true),
  );

  it.each([
    '',
    '.',
    '..',
    '../x',
    'a/b',
    'a\\b',
    '/abs',
    'C:/x',
    '__proto__',
    '-x',
    '.hidden',
    'a b',
    'a%2fb',
    'a\n',
    'a\tb',
    'a\u0000',
    'a\u001b[31m',
    'ä',
    'a\u2028',
    'a"b',
    'a?b',
    'a#b',
    'x'.repeat(129),
  ])('may not be %j', (name) => expect(isChartName(name)).toBe(false));

  it('makes a path whose last part is the name that Helm signs, with a plus as it is', () => {
    expect(archivePath('nginx', '1.0.0+a')).toBe('charts/nginx/nginx-1.0.0+a.tgz');
  });
});

describe('a list of names and globs', () => {
  it.each([
    [['*'], ['nginx', '.x', 'loki'], []],
    [[], ['nginx'], []],
    [
      ['nginx', 'lo*'],
      ['nginx', 'loki'],
      ['nginx2', 'xloki'],
    ],
    [['!legacy-*'], ['nginx'], ['legacy-x']],
    [
      ['*', '!legacy-*', '!old'],
      ['nginx', 'older'],
      ['legacy-x', 'old'],
    ],
    [['!legacy-*', 'legacy-kept', '*'], ['nginx'], ['legacy-kept']],
    [
      ['nginx-?', 'app-[ab]', '{x,y}'],
      ['nginx-1', 'app-a', 'x'],
      ['nginx-12', 'app-c', 'z'],
    ],
    [['constructor'], ['constructor'], ['toString']],
  ])('%j lets through %j and not %j', (patterns, through, not) => {
    const passes = nameFilter(patterns);
    expect(through.filter(passes)).toEqual(through);
    expect(not.filter(passes)).toEqual([]);
  });
});

describe('a table of names and globs', () => {
  const table = [
    ['corp-*', 1],
    ['Corp-App', 2],
    ['*', 3],
    ['corp-app', 4],
    ['constructor', 5],
  ] as const;

  it.each([
    ['corp-app', [4, 1, 3]],
    ['corp-lib', [1, 3]],
    ['CORP-LIB', [3]],
    ['constructor', [5, 3]],
    ['toString', [3]],
  ])('has under %s what its exact name has, then what globs have, in order: %j', (name, values) =>
    expect(lookUp(table)(name)).toEqual(values),
  );

  it.each([
    ['corp-app', [2, 4, 1, 3]],
    ['CORP-APP', [2, 4, 1, 3]],
    ['CORP-LIB', [1, 3]],
  ])('has under %s the same in any case, when none matters: %j', (name, values) =>
    expect(lookUp(table, { anyCase: true })(name)).toEqual(values),
  );

  it('has nothing under names that only objects have', () => {
    for (const name of ['constructor', '__proto__', 'toString']) expect(lookUp([['nginx', 1]])(name)).toEqual([]);
  });
});

describe('a digest', () => {
  it('is sha256 of the bytes, in lower-case hex', () => {
    const digest = digestOf(Buffer.from('abc'));
    expect(digest).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(isDigest(digest)).toBe(true);
    expect(hexOf(digest)).toBe(digest.slice(7));
  });

  it.each([
    'sha256:',
    'sha256:baddigeststring',
    `sha256:${'a'.repeat(63)}`,
    `sha256:${'a'.repeat(65)}`,
    `sha256:${'A'.repeat(64)}`,
    `sha512:${'a'.repeat(128)}`,
    'a'.repeat(64),
    `sha256:${'a'.repeat(64)}\n`,
    ` sha256:${'a'.repeat(64)}`,
  ])('is not %j', (text) => expect(isDigest(text)).toBe(false));
});
