import { describe, expect, test } from 'vitest';

import { ociNameOf } from '../../src/formats/oci-names.ts';

describe('the name of a chart version in our registry', () => {
  test('is below the name of its repository, or at the root', () => {
    expect(ociNameOf('stable', 'nginx', '1.2.3')).toEqual({ path: 'stable/nginx', tag: '1.2.3' });
    expect(ociNameOf(undefined, 'nginx', '1.2.3')).toEqual({ path: 'nginx', tag: '1.2.3' });
  });

  test.each([
    ['1.0.0+build.5', '1.0.0_build.5'],
    ['1.0.0+a+b', undefined],
    ['v1.2', 'v1.2'],
    ['1.0.0-rc.1', '1.0.0-rc.1'],
    ['1.0.0_build', undefined],
    ['latest', undefined],
    [`1.0.0-${'a'.repeat(122)}`, `1.0.0-${'a'.repeat(122)}`],
    [`1.0.0-${'a'.repeat(123)}`, undefined],
  ])('has for the version %s the tag %s', (version, tag) => {
    expect(ociNameOf(undefined, 'nginx', version)?.tag).toBe(tag);
  });

  test.each(['a', 'a-b', 'a--b', 'a.b', 'a_b', 'a__b', '0'])('is there for the chart %s', (chart) => {
    expect(ociNameOf('stable', chart, '1.0.0')?.path).toBe(`stable/${chart}`);
  });

  test.each(['Nginx', 'a..b', 'a___b', 'a._b', 'a-', 'a.', 'a_'])('is none for the chart %s', (chart) => {
    expect(ociNameOf('stable', chart, '1.0.0')).toBeUndefined();
    expect(ociNameOf(undefined, chart, '1.0.0')).toBeUndefined();
  });
});
