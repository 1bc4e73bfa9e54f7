import { describe, expect, it } from 'vitest';

import { Catalog, claimTable, type KnownClaim } from '../../src/chart/catalog.ts';
import { emptySnapshot } from '../../src/chart/holding.ts';
import { Offering, type OfferRules } from '../../src/chart/offering.ts';
import { Selection } from '../../src/chart/select.ts';
import { wordsOf } from '../support/indexes.ts';

const day = (number: number): string => `2026-01-0${number}T00:00:00Z`;

function claim(chart: string, version: string, since: string, more: Partial<KnownClaim> = {}): KnownClaim {
  return { chart, version, source: 'x', since, metadata: '{}', ...more };
}

function member(claims: readonly KnownClaim[], rules: Partial<OfferRules> = {}): Offering {
  const all = { charts: ['*'], withdrawn: 'keep', heldOnly: false } as const;
  return new Offering(new Catalog(claimTable(claims)), emptySnapshot, { ...all, ...rules });
}

describe('a chart name that several upstreams list', () => {
  it('is provided by the one that lists it longest, with all its versions and none of the others', () => {
    const selection = new Selection([
      member([claim('nginx', '9.0.0', day(3)), claim('loki', '1.0.0', day(3))]),
      member([claim('nginx', '1.0.0', day(2)), claim('nginx', '2.0.0', day(5))]),
    ]);
    expect(selection.ownerOf('nginx')).toBe(1);
    expect(wordsOf([...selection.versions('nginx')])).toEqual(['nginx 2.0.0', 'nginx 1.0.0']);
    expect(selection.find('nginx', '9.0.0')).toBeUndefined();
    expect(selection.find('nginx', '1.0.0')?.version).toBe('1.0.0');
    expect(selection.ownerOf('loki')).toBe(0);
  });

  it('goes by the order of the upstreams when they list it since the same time', () => {
    const [a, b] = [member([claim('nginx', '1.0.0', day(1))]), member([claim('nginx', '2.0.0', day(1))])];
    expect(new Selection([a, b]).find('nginx', '1.0.0')).toBeDefined();
    expect(new Selection([b, a]).find('nginx', '2.0.0')).toBeDefined();
  });

  it('stays with its owner also when all its versions are withdrawn', () => {
    const gone = member([claim('nginx', '1.0.0', day(1), { missing: 3 })]);
    const selection = new Selection([member([claim('nginx', '2.0.0', day(2))]), gone]);
    expect(wordsOf([...selection.versions('nginx')])).toEqual(['nginx 1.0.0']);
  });

  it('is not held by an upstream that has nothing under it but things that are no charts', () => {
    const images = member([claim('nginx', '1.0.0', day(1), { refused: 'not-a-chart' })]);
    const selection = new Selection([images, member([claim('nginx', '2.0.0', day(2))])]);
    expect(wordsOf([...selection.versions('nginx')])).toEqual(['nginx 2.0.0']);
  });
});

describe('what a repository offers', () => {
  it('leaves out the names that an upstream may not offer, to whoever else has them', () => {
    const all = [claim('nginx', '1.0.0', day(1)), claim('loki', '1.0.0', day(1))];
    const selection = new Selection([member(all, { charts: ['!nginx'] }), member([claim('nginx', '2.0.0', day(9))])]);
    expect([...selection.charts()]).toEqual(['loki', 'nginx']);
    expect(selection.ownerOf('nginx')).toBe(1);
    expect(new Selection([member(all, { charts: ['!*'] })]).ownerOf('nginx')).toBeUndefined();
  });

  it('leaves out what turned out to be no chart, and has what nobody described yet', () => {
    const selection = new Selection([
      member([
        claim('nginx', '1.0.0', day(1), { refused: 'not-a-chart' }),
        claim('nginx', '3.0.0', day(1), { refused: 'not-a-chart' }),
        claim('nginx', '3.0.0', day(1)),
        { chart: 'nginx', version: '2.0.0', source: 'charts/nginx:2.0.0', since: day(1) },
      ]),
    ]);
    expect(wordsOf([...selection.versions('nginx')])).toEqual(['nginx 3.0.0', 'nginx 2.0.0']);
    expect(selection.find('nginx', '1.0.0')).toBeUndefined();
  });

  it('is nothing for names that only objects have', () => {
    const selection = new Selection([member([claim('nginx', '1.0.0', day(1))])]);
    for (const name of ['__proto__', 'constructor', 'toString', '']) {
      expect(selection.ownerOf(name)).toBeUndefined();
      expect(selection.find(name, '1.0.0')).toBeUndefined();
      expect([...selection.versions(name)]).toEqual([]);
    }
  });
});
