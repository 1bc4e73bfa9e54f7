import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { formatDuration, formatSize, parseDuration, parsePercentage, parseSize } from '../../src/config/units.ts';

describe('a duration', () => {
  test.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['2m', 120_000],
    ['24h', 86_400_000],
    ['0', 0],
    [0, 0],
  ])('%j is %i ms', (written, ms) => expect(parseDuration(written)).toBe(ms));

  test.each([
    '',
    '10',
    10,
    '10 s',
    '1.5s',
    '-1s',
    '1e3s',
    '10S',
    '1d',
    's',
    '0x10s',
    '٣s',
    ' 1s',
    '1s\n',
    '99999999999999999s',
    null,
    true,
    [],
    '1m30s',
  ])('%j is none', (written) => expect(parseDuration(written)).toBeUndefined());

  test('is read back as it was written out', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (ms) => parseDuration(formatDuration(ms)) === ms));
  });

  test.each([
    [0, '0'],
    [1500, '1500ms'],
    [60_000, '1m'],
    [5_400_000, '90m'],
  ])('%i ms is written %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('a size', () => {
  test.each([
    ['64MiB', 67_108_864],
    ['1GiB', 1_073_741_824],
    ['512KiB', 524_288],
    ['1000', 1000],
    [1000, 1000],
    ['0', 0],
  ])('%j is %i bytes', (written, bytes) => expect(parseSize(written)).toBe(bytes));

  test.each([
    '',
    '64MB',
    '64M',
    '64 MiB',
    '64mib',
    '1.5GiB',
    1.5,
    -1,
    Number.NaN,
    1e21,
    '1TiB',
    'MiB',
    null,
    false,
    {},
  ])('%j is none', (written) => expect(parseSize(written)).toBeUndefined());

  test('is read back as it was written out', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
});

describe('a percentage', () => {
  test.each([
    ['0%', 0],
    ['7%', 0.07],
    ['50%', 0.5],
    ['100%', 1],
  ])('%j is the fraction %d', (written, fraction) => expect(parsePercentage(written)).toBe(fraction));

  test.each([
    '',
    '%',
    '50',
    50,
    0.5,
    '50 %',
    '-1%',
    '101%',
    '1000%',
    '12.5%',
    '1e1%',
    ' 5%',
    '5%\n',
    '٣%',
    null,
    true,
    [],
  ])('%j is none', (written) => expect(parsePercentage(written)).toBeUndefined());
});
