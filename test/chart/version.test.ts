import fc from 'fast-check';
import { SemVer } from 'semver';
import { describe, expect, it } from 'vitest';

import { isChartVersion, isStrictVersion, newestFirst, parseVersion, sortable } from '../../src/chart/version.ts';

const sorted = (versions: readonly string[]): string[] =>
  versions
    .map(sortable)
    .sort(newestFirst)
    .map(({ text }) => text);

const number = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 1e9 }));
const identifier = fc.oneof(number.map(String), fc.stringMatching(/^[a-z-][0-9a-z-]{0,5}$/));
const identifiers = fc.array(identifier, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
const strictVersion = fc
  .tuple(number, number, number, fc.option(identifiers), fc.option(identifiers))
  .map(([a, b, c, pre, build]) => `${a}.${b}.${c}${pre ? `-${pre}` : ''}${build ? `+${build}` : ''}`);
const lenientVersion = fc
  .tuple(fc.constantFrom('', 'v'), fc.array(number, { minLength: 1, maxLength: 3 }), fc.option(identifiers))
  .map(([v, numbers, pre]) => `${v}${numbers.join('.')}${pre ? `-${pre}` : ''}`);

describe('a version', () => {
  it.each([
    ['1', '1.0.0'],
    ['1.2', '1.2.0'],
    ['v1.2.3', '1.2.3'],
    ['01.2.3', '1.2.3'],
    ['2024.01.05', '2024.1.5'],
    ['1.2-rc.1', '1.2.0-rc.1'],
    ['v1', '1.0.0'],
    ['1.0.0-0', '1.0.0-0'],
    ['1.0.0-0a', '1.0.0-0a'],
    ['1.0.0+01', '1.0.0'],
  ])('is read as Helm reads it: %s is %s', (text, meaning) => {
    expect(isChartVersion(text)).toBe(true);
    expect(parseVersion(text)?.version).toBe(meaning);
  });

  it.each([
    '',
    'latest',
    '1.2.3.4',
    '1.0.0_b',
    '1.0.0-01',
    '1.0.0-rc.01',
    '1.2.3\n',
    ' 1.2.3',
    '1.2.3 ',
    'V1.2.3',
    'vv1.2.3',
    '1..3',
    '1.2.',
    '-1.2.3',
    '1.2.3-',
    '1.2.3+',
    '1.2.3-a..b',
    '1.2.3+a/b',
    '1.2.3-a+b+c',
    '1.2.3-ä',
    '９.0.0',
    '1e3.0.0',
    '9007199254740993.0.0',
    '1.0.9007199254740993',
    `1.0.0-${'a'.repeat(123)}`,
  ])('is none where Helm or a client of ours refuses it: %j', (text) => {
    expect(isChartVersion(text)).toBe(false);
    expect(isStrictVersion(text)).toBe(false);
  });

  it('may be as long as 128 characters', () => {
    expect(isChartVersion(`1.0.0-${'a'.repeat(122)}`)).toBe(true);
    expect(isStrictVersion(`1.0.0-${'a'.repeat(122)}`)).toBe(true);
  });

  it('is decided at once however long the text is', () => {
    for (const text of ['1'.repeat(1e6), `1.0.0-${'a.'.repeat(5e5)}a`, `1.0.0-${'0'.repeat(1e6)}!`]) {
      const start = process.cpuUsage().user;
      expect(isChartVersion(text)).toBe(false);
      expect(isStrictVersion(text)).toBe(false);
      expect(process.cpuUsage().user - start).toBeLessThan(100_000);
    }
  });

  it('is strict when SemVer 2 takes it to the letter, and only then', () => {
    const whole = (text: string): boolean => {
      try {
        return new SemVer(text).raw === text && !text.startsWith('v') && text.trim() === text;
      } catch {
        return false;
      }
    };
    fc.assert(fc.property(strictVersion, (text) => isStrictVersion(text)));
    fc.assert(
      fc.property(fc.oneof(lenientVersion, fc.stringMatching(/^[v0-9.a+-]{0,12}$/)), (text) => {
        expect(isStrictVersion(text)).toBe(whole(text));
      }),
    );
  });

  it('that is strict is also one that Helm takes, and means the same', () => {
    fc.assert(
      fc.property(strictVersion, (text) => {
        expect(parseVersion(text)?.compare(new SemVer(text))).toBe(0);
      }),
    );
  });
});

describe('the order of versions', () => {
  it('is newest first, prereleases before their release, numbers as numbers', () => {
    expect(sorted(['1.9.0', '1.10.0', 'v2', '1.10.0-rc.2', '1.10.0-rc.10', '1.10.0-alpha'])).toEqual([
      'v2',
      '1.10.0',
      '1.10.0-rc.10',
      '1.10.0-rc.2',
      '1.10.0-alpha',
      '1.9.0',
    ]);
  });

  it('is the same for versions that differ only in spelling or build, whatever order they came in', () => {
    const same = ['1.2.0', 'v1.2.0', '1.2', '1.2.0+a', '1.2.0+b', '01.2.0'];
    const once = sorted(same);
    fc.assert(
      fc.property(fc.shuffledSubarray(same, { minLength: same.length }), (other) => {
        expect(sorted(other)).toEqual(once);
      }),
    );
  });

  it('agrees with SemVer, and is total', () => {
    const version = fc.oneof(strictVersion, lenientVersion);
    fc.assert(
      fc.property(version, version, version, (...texts) => {
        const [a, b, c] = texts.map(sortable) as [
          ReturnType<typeof sortable>,
          ReturnType<typeof sortable>,
          ReturnType<typeof sortable>,
        ];
        const semver = parseVersion(b.text)?.compare(parseVersion(a.text) ?? '') ?? NaN;
        if (semver !== 0) expect(Math.sign(newestFirst(a, b))).toBe(semver);
        expect(newestFirst(a, b) === 0).toBe(a.text === b.text);
        expect(Math.sign(newestFirst(a, b))).toBe(-Math.sign(newestFirst(b, a)) + 0);
        if (newestFirst(a, b) <= 0 && newestFirst(b, c) <= 0) expect(newestFirst(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('puts what is no version last', () => {
    expect(sorted(['latest', '0.0.1', '0.0.0-1'])).toEqual(['0.0.1', '0.0.0-1', 'latest']);
  });
});
