import { describe, expect, it } from 'vitest';

import { Catalog, claimTable } from '../../src/chart/catalog.ts';
import type { KnownClaim } from '../../src/chart/claim.ts';
import { digestOf } from '../../src/chart/digest.ts';
import { mergeHoldings, Snapshot } from '../../src/chart/holding.ts';
import { Offering, type OfferRules } from '../../src/chart/offering.ts';
import { tableOf } from '../../src/lib/shared-table.ts';

function claim(version: string, more: Partial<KnownClaim> = {}): KnownClaim {
  return { chart: 'nginx', version, source: 'x', since: '2026-01-01T00:00:00Z', metadata: '{}', ...more };
}

/** Of five versions the first and the last are held; the last two are withdrawn, the middle one is nearly. */
function offering(rules: Partial<OfferRules> = {}): Offering {
  const claims = [
    claim('5.0.0'),
    claim('4.0.0'),
    claim('3.0.0', { missing: 2 }),
    claim('2.0.0', { missing: 3 }),
    claim('1.0.0', { missing: 3 }),
    claim('0.1.0', { refused: 'not-a-chart' }),
  ];
  const held = ['5.0.0', '1.0.0'].map((version) => {
    const archive = { mediaType: 'x', digest: digestOf(Buffer.from(version)), size: 1 };
    return { chart: 'nginx', version, archive, heldAt: '2026-01-01T00:00:00Z' };
  });
  const snapshot = new Snapshot(mergeHoldings(tableOf([]), held));
  const usual = { charts: ['*'], versions: [], withdrawn: 'keep', heldOnly: false } as const;
  return new Offering(new Catalog(claimTable(claims)), snapshot, { ...usual, ...rules });
}

const offered = (one: Offering): string[] => [...one.versions('nginx')].map(({ version }) => version);

describe('what an upstream offers', () => {
  it('is all that it ever listed, but for what is no chart', () => {
    expect(offered(offering())).toEqual(['5.0.0', '4.0.0', '3.0.0', '2.0.0', '1.0.0']);
  });

  it('is under drop what is not withdrawn, held or not', () => {
    expect(offered(offering({ withdrawn: 'drop' }))).toEqual(['5.0.0', '4.0.0', '3.0.0']);
  });

  it('is what is held when nobody may fetch any more, withdrawn or not, unless that is dropped', () => {
    expect(offered(offering({ heldOnly: true }))).toEqual(['5.0.0', '1.0.0']);
    expect(offered(offering({ heldOnly: true, withdrawn: 'drop' }))).toEqual(['5.0.0']);
  });

  it('is the same by name as in the list', () => {
    const rules: readonly Partial<OfferRules>[] = [{}, { withdrawn: 'drop' }, { heldOnly: true }];
    for (const one of rules.map(offering)) {
      for (const { version } of one.catalog.all()) {
        expect(one.find('nginx', version) !== undefined).toBe(offered(one).includes(version));
      }
      expect(one.find('nginx', '9.9.9')).toBeUndefined();
    }
  });

  it('is not what its own ranges leave out, held or not', () => {
    expect(offered(offering({ versions: [['nginx', '>=4']] }))).toEqual(['5.0.0', '4.0.0']);
    expect(offering({ versions: [['nginx', '>=4']] }).find('nginx', '1.0.0')).toBeUndefined();
    expect(offering({ versions: [['nginx', 'no range']] }).mayHave('nginx', '5.0.0')).toBe(false);
  });

  it('says why a version is none of it', () => {
    const why = (version: string, rules?: Partial<OfferRules>) => {
      const one = offering(rules);
      const listed = one.catalog.find('nginx', version);
      return listed && one.hiddenBy(listed);
    };
    expect(why('5.0.0')).toBeUndefined();
    expect(why('0.1.0')).toBe('not-a-chart');
    expect(why('5.0.0', { charts: ['!nginx'] })).toBe('charts');
    expect(why('5.0.0', { versions: [['*', '<2']] })).toBe('versions');
    expect(why('1.0.0', { withdrawn: 'drop' })).toBe('withdrawn');
    expect(why('4.0.0', { heldOnly: true })).toBe('retired');
  });

  it('may be of the names that the configuration says', () => {
    const named = offering({ charts: ['nginx*', '!nginx-legacy'] });
    expect(['nginx', 'nginx-ingress', 'nginx-legacy', 'loki'].map((name) => named.mayName(name))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('provenance that is checked', () => {
  const digest = digestOf(Buffer.from('signature'));
  const archive = { mediaType: 'x', digest: digestOf(Buffer.from('archive')), size: 1 };
  const bare = { chart: 'nginx', version: '5.0.0', archive, heldAt: '2026-01-01T00:00:00Z' };
  const verify = (mode: 'report' | 'require') => offering({ verify: { mode, keyring: 'ours' } });
  const judged = (result: 'valid' | 'invalid', keyring = 'ours', of = digest) => {
    const provenance = { mediaType: 'x', digest, size: 1 };
    return { ...bare, provenance, verdict: { result, keyring, provenance: of } };
  };

  it('admits under require what is valid by these keys, and waits for a verdict', () => {
    const require = verify('require');
    const unjudged = [
      bare,
      judged('valid', 'theirs'),
      judged('invalid', 'theirs'),
      judged('valid', 'ours', archive.digest),
    ];
    for (const kept of unjudged) {
      expect([require.admits(kept), require.mustBeJudged(kept)]).toEqual([undefined, true]);
    }
    expect([require.admits(judged('valid')), require.mustBeJudged(judged('valid'))]).toEqual([true, false]);
    expect([require.admits(judged('invalid')), require.mustBeJudged(judged('invalid'))]).toEqual([false, false]);
    expect(require.mustBeJudged(undefined)).toBe(true);
  });

  it('admits everything where it is only reported, or not checked', () => {
    for (const one of [verify('report'), offering()]) {
      for (const kept of [bare, judged('invalid')]) {
        expect([one.admits(kept), one.mustBeJudged(kept)]).toEqual([true, false]);
      }
    }
  });

  it('hides under require what was judged and is not valid, and nothing else', () => {
    const claims = ['3.0.0', '2.0.0', '1.0.0'].map((version) => claim(version));
    const held = [
      { ...judged('invalid'), version: '3.0.0' },
      { ...bare, version: '2.0.0' },
    ];
    const snapshot = new Snapshot(mergeHoldings(tableOf([]), held));
    const usual = { charts: ['*'], versions: [], withdrawn: 'keep', heldOnly: false } as const;
    const under = (mode: 'report' | 'require') =>
      offered(new Offering(new Catalog(claimTable(claims)), snapshot, { ...usual, verify: { mode, keyring: 'ours' } }));
    expect(under('require')).toEqual(['2.0.0', '1.0.0']);
    expect(under('report')).toEqual(['3.0.0', '2.0.0', '1.0.0']);
  });
});
