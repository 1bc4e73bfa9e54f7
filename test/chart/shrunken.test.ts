import { describe, expect, it } from 'vitest';

import { claimTable } from '../../src/chart/catalog.ts';
import type { Claim, KnownClaim } from '../../src/chart/claim.ts';
import { reconcile, type Reconciliation } from '../../src/chart/reconcile.ts';
import { tableOf } from '../../src/lib/shared-table.ts';
import { catalogOf, claimsOf } from '../support/indexes.ts';

const since = '2026-01-01T00:00:00Z';

function claim(version: string, more: Partial<KnownClaim> = {}): KnownClaim {
  return { chart: 'nginx', version, source: `nginx-${version}.tgz`, metadata: '{}', since, ...more };
}

const ten = Array.from({ length: 10 }, (_, at) => claim(`1.${at}.0`));

/** A listing of so many of ten versions that are known. */
function listed(count: number, more: Partial<Reconciliation> = {}, known: readonly KnownClaim[] = ten) {
  const rows: readonly Claim[] = ten.slice(0, count).map((row) => ({ ...row, since: '' }));
  const tables = { known: claimTable(known), listed: claimTable(rows), held: tableOf([]) };
  return reconcile({ ...tables, now: since, patience: 3, maxLoss: 0.5, ...more });
}

describe('a listing that lacks versions', () => {
  it('is refused with the numbers when it lacks more than it may, and not when it lacks just as much', () => {
    expect(listed(4)).toEqual({ known: 10, listed: 4 });
    expect(listed(0)).toEqual({ known: 10, listed: 0 });
    expect(catalogOf(listed(5))).toBeDefined();
    expect(listed(9, { maxLoss: 0 })).toEqual({ known: 10, listed: 9 });
    expect(catalogOf(listed(0, { maxLoss: 1 }))).toBeDefined();
  });

  it('is measured by what was not withdrawn before', () => {
    const half = ten.map((one, at) => (at >= 5 ? { ...one, missing: 3 } : one));
    expect(catalogOf(listed(3, {}, half))).toBeDefined();
    expect(listed(2, {}, half)).toEqual({ known: 5, listed: 2 });
  });

  it('is measured by all that it lacks, also what earlier ones lacked that do not count yet', () => {
    const nearly = ten.map((one, at) => (at >= 4 ? { ...one, missing: 2 } : one));
    expect(listed(4, {}, nearly)).toEqual({ known: 10, listed: 4 });
  });

  it('is not measured by what was found by name where nothing can be listed', () => {
    const named = ten.map((one, at) => (at >= 5 ? { ...one, named: true as const } : one));
    const catalog = catalogOf(listed(5, { maxLoss: 0 }, named));
    expect(claimsOf(catalog).filter(({ missing }) => missing)).toEqual([]);
  });

  it('withdraws them at once where that was accepted, and says how many', () => {
    const reconciled = listed(4, { maxLoss: 1, patience: 1 });
    expect(reconciled).toMatchObject({ added: 0, withdrawn: 6 });
    expect(claimsOf(catalogOf(reconciled)).filter(({ missing }) => missing === 3)).toHaveLength(6);
  });

  it('and nothing was known before, is never refused', () => {
    expect(catalogOf(listed(0, { maxLoss: 0 }, []))).toBeDefined();
    expect(listed(10, { maxLoss: 0 }, [])).toMatchObject({ added: 10 });
  });
});
