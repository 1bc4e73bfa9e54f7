import { describe, expect, it } from 'vitest';

import type { KnownClaim } from '../../src/chart/claim.ts';
import { renderRepository, type RenderedRepository } from '../../src/formats/index-rendering.ts';
import { TableReader } from '../../src/lib/shared-table.ts';
import { memberOf, partsOf } from '../support/index-parts.ts';

const since = '2026-01-01T00:00:00Z';
const day = 24 * 60 * 60_000;

function claim(chart: string, version: string, fields: object = {}, more: Partial<KnownClaim> = {}): KnownClaim {
  const metadata = JSON.stringify({ name: chart, version, ...fields });
  return { chart, version, source: 's', since, metadata, ...more };
}

function shelfOf({ shelf }: RenderedRepository): readonly unknown[] {
  const rows = new TableReader(shelf);
  return [...rows.groups()].map((chart) => {
    const [first = 0, end] = rows.linesOf(chart) ?? [];
    expect(end).toBe(first + 1);
    expect(rows.column(first, 0)).toBe(chart);
    return JSON.parse(rows.column(first, 1)) as unknown;
  });
}

describe('the shelf of a repository', () => {
  it('says of each chart that is listed, names in order, what its latest release says', () => {
    const described = {
      ...{ appVersion: '7', description: 'a\tweb\nserver', keywords: ['web'], maintainers: [{ name: 'Ann' }] },
      ...{ home: 'https://nginx.org', icon: 'https://nginx.org/icon.svg', type: 'application', deprecated: true },
    };
    const one = memberOf('one', [
      claim('nginx', '2.0.0-rc.1', { description: 'not released' }),
      claim('nginx', '1.9.0', described, { created: '2025-06-01T00:00:00Z' }),
      claim('nginx', '1.10.0', {}, { metadata: undefined }),
    ]);
    const two = memberOf('two', [claim('loki', '3.0.0-beta')]);
    expect(shelfOf(renderRepository(partsOf([one, two])))).toEqual([
      {
        ...{ name: 'loki', version: '3.0.0-beta', versions: 1, upstream: 'two' },
        ...{ keywords: [], maintainers: [], deprecated: false },
      },
      {
        ...{ name: 'nginx', version: '1.9.0', versions: 2, upstream: 'one' },
        ...{ ...described, updated: '2025-06-01T00:00:00Z' },
      },
    ]);
  });

  it('has as many charts and versions as are counted, and none where everything is hidden', () => {
    const one = memberOf('one', [claim('nginx', '1.0.0'), claim('nginx', '1.1.0'), claim('loki', '1.0.0-rc.1')]);
    expect(renderRepository(partsOf([one])).counts).toEqual({ charts: 2, versions: 3 });
    const stable = renderRepository(partsOf([one], { prereleases: false, listNewest: 1 }));
    expect(stable).toMatchObject({ counts: { charts: 1, versions: 1 }, isEmpty: false });
    expect(shelfOf(stable)).toHaveLength(1);
    const nothing = renderRepository(partsOf([one], { charts: ['other'] }));
    expect(nothing).toMatchObject({ counts: { charts: 0, versions: 0 }, isEmpty: true });
    expect(shelfOf(nothing)).toEqual([]);
  });
});

describe('what is told beside an index', () => {
  const one = memberOf('one', [claim('nginx', '1.0.0'), claim('loki', '1.0.0')]);
  const two = memberOf('two', [claim('nginx', '1.0.0'), claim('nginx', '2.0.0')]);

  it('is who provides each name, and who may not', () => {
    const first = renderRepository(partsOf([one, two]));
    expect(first.owners).toEqual([
      ['loki', 0],
      ['nginx', 0],
    ]);
    expect(first.contested).toEqual([[], [{ chart: 'nginx', owner: 0 }]]);
    const merged = renderRepository(partsOf([one, two], { overlap: 'merge' }));
    expect(merged.owners).toEqual([
      ['loki', 0],
      ['nginx', 'by-version'],
    ]);
    expect(merged.contested).toEqual([[], [{ chart: 'nginx', version: '1.0.0', owner: 0 }]]);
  });

  it('is when the index changes by itself', () => {
    const bornMs = Date.parse(since);
    const young = memberOf('one', [
      claim('nginx', '1.0.0'),
      claim('loki', '1.0.0', {}, { created: '2020-01-01T00:00:00Z' }),
    ]);
    const at = (nowMs: number): RenderedRepository =>
      renderRepository({ ...partsOf([young], { cooldownMs: 3 * day }), nowMs });
    expect(at(bornMs)).toMatchObject({ counts: { charts: 1 }, changesMs: bornMs + 3 * day });
    expect(at(bornMs + 3 * day)).toMatchObject({ counts: { charts: 2 }, changesMs: Infinity });
    expect(renderRepository(partsOf([young])).changesMs).toBe(Infinity);
  });
});
