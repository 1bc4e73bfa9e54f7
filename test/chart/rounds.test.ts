import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Catalog, claimTable } from '../../src/chart/catalog.ts';
import type { KnownClaim } from '../../src/chart/claim.ts';
import { dueForCheck } from '../../src/chart/rounds.ts';
import { namesIn } from '../../src/chart/survey.ts';

const hour = 3_600_000;
const day = 24 * hour;
const startMs = Date.parse('2026-01-01T00:00:00Z');

function described(version: string, more: Partial<KnownClaim> = {}): KnownClaim {
  const since = '2026-01-01T00:00:00Z';
  return { chart: 'demo', version, source: 'demo@sha256:1', tag: `demo:${version}`, metadata: '{}', since, ...more };
}

const catalogOf = (claims: readonly KnownClaim[]): Catalog => new Catalog(claimTable(claims));

const thirty = catalogOf(Array.from({ length: 30 }, (_, at) => described(`1.${at}.0`)));

const due = (catalog: Catalog, fromMs: number, toMs: number): readonly string[] =>
  [...namesIn(dueForCheck(catalog, fromMs, toMs))].map(([, version]) => version);

describe('the tags whose turn it is', () => {
  it('are every one of them once in every day from the second on, however often it is looked', () => {
    const looks = fc.uniqueArray(fc.integer({ min: 1, max: day - 1 }), { maxLength: 40 });
    fc.assert(
      fc.property(looks, fc.integer({ min: day, max: 400 * day }), (offsets, fromMs) => {
        const times = [0, ...offsets.toSorted((a, b) => a - b), day].map((ms) => startMs + fromMs + ms);
        const seen = times.slice(1).flatMap((toMs, at) => due(thirty, times[at] ?? 0, toMs));
        expect(seen.length).toBe(30);
        expect(new Set(seen).size).toBe(30);
      }),
    );
  });

  it('are each at most once, however long nobody looked', () => {
    fc.assert(
      fc.property(fc.integer({ min: day, max: 400 * day }), fc.integer({ min: 0, max: 400 * day }), (fromMs, ms) => {
        const seen = due(thirty, startMs + fromMs, startMs + fromMs + ms);
        expect(new Set(seen).size).toBe(seen.length);
        if (ms >= day) expect(seen.length).toBe(30);
      }),
    );
  });

  it('are spread over the day', () => {
    const many = catalogOf(Array.from({ length: 960 }, (_, at) => described(`1.${at}.0`)));
    const perHour = Array.from({ length: 24 }, (_, at) => {
      const fromMs = startMs + 3 * day + at * hour;
      return due(many, fromMs, fromMs + hour).length;
    });
    expect(perHour.reduce((sum, one) => sum + one)).toBe(960);
    expect(Math.max(...perHour)).toBeLessThanOrEqual(70);
    expect(Math.min(...perHour)).toBeGreaterThanOrEqual(15);
  });

  it('are none that became known less than a day ago', () => {
    expect(due(thirty, startMs, startMs + day - 1)).toEqual([]);
    const late = catalogOf([described('1.0.0', { since: '2026-01-09T12:00:00Z' })]);
    expect(due(late, startMs + 8 * day, startMs + 9 * day)).toEqual([]);
  });

  it('are none that were never described, that are no charts, or that upstream withdrew', () => {
    const bare = { chart: 'demo', version: '1.0.0', source: 'demo:1.0.0', since: '2026-01-01T00:00:00Z' };
    const all = catalogOf([
      bare,
      described('2.0.0', { missing: 3 }),
      described('3.0.0', { missing: 2 }),
      described('4.0.0'),
      described('5.0.0', { refused: 'not-a-chart', metadata: undefined }),
    ]);
    expect(due(all, startMs + 5 * day, startMs + 6 * day).toSorted()).toEqual(['3.0.0', '4.0.0']);
  });
});
