import { describe, expect, test } from 'vitest';

import { closest, nearest } from '../../src/lib/nearest.ts';

const charts = ['nginx', 'nginx-ingress', 'ingress-nginx', 'redis', 'podinfo', 'corp_app'];

describe('closest', () => {
  test.each([
    ['a slip', 'podinof', 'podinfo'],
    ['another case and another dash', 'Corp-App', 'corp_app'],
    ['a letter too many', 'rediss', 'redis'],
    ['two slips in a short word', 'rdsi', undefined],
    ['nothing like it', 'postgresql', undefined],
    ['more than anybody types', 'x'.repeat(65), undefined],
  ])('knows what was meant: %s', (_, written, meant) => {
    expect(closest(written, charts)).toBe(meant);
  });
});

describe('nearest', () => {
  test('names first what begins with it, then what has it inside, then what is misspelt', () => {
    expect(nearest('nginx', ['ngnix', ...charts], 5)).toEqual(['nginx', 'nginx-ingress', 'ingress-nginx', 'ngnix']);
  });

  test('names no more than it may', () => {
    expect(nearest('ing', charts, 1)).toEqual(['ingress-nginx']);
  });

  test('names nothing for nothing', () => {
    expect(nearest('', charts, 5)).toEqual([]);
    expect(nearest('-', charts, 5)).toEqual([]);
  });

  test('looks through ten thousand names at once', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => `chart-number-${at}`);

    expect(nearest('chrat-number-9999', many, 1)).toEqual(['chart-number-9999']);
  });
});
