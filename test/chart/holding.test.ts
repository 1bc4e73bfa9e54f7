import { describe, expect, it } from 'vitest';

import { digestOf, type Descriptor } from '../../src/chart/digest.ts';
import { currentOf, emptySnapshot, mergeHoldings, Snapshot, type KeptVersion } from '../../src/chart/holding.ts';
import { tableOf } from '../../src/lib/shared-table.ts';
import { textOf, wordsOf } from '../support/indexes.ts';

const descriptor = (text: string) => ({ mediaType: 'x/y', digest: digestOf(Buffer.from(text)), size: text.length });

function kept(chart: string, version: string, more: Partial<KeptVersion> = {}): KeptVersion {
  return { chart, version, archive: descriptor(`${chart} ${version}`), heldAt: '2026-01-01T00:00:00Z', ...more };
}

const nothing = tableOf([]);

describe('a snapshot', () => {
  const all = [
    kept('nginx', '1.0.0', { manifest: descriptor('m'), config: descriptor('c'), provenance: descriptor('p') }),
    kept('loki', '0.3.0+a', { provenance: 'none' }),
    kept('nginx', '1.0.0-rc.1'),
  ];
  const snapshot = new Snapshot(mergeHoldings(nothing, all));

  it('gives back every holding as it was put in', () => {
    expect(snapshot.size).toBe(3);
    for (const one of all) expect(snapshot.find(one.chart, one.version)).toEqual(one);
    expect(wordsOf([...snapshot.all()]).sort()).toEqual(wordsOf(all).sort());
  });

  it('has nothing under any other name', () => {
    for (const [chart, version] of [
      ['nginx', '1.0'],
      ['nginx', '1.0.0-rc'],
      ['loki', '1.0.0'],
      ['__proto__', '1.0.0'],
    ] as const) {
      expect(snapshot.find(chart, version)).toBeUndefined();
    }
    expect([...emptySnapshot.all()]).toEqual([]);
  });

  it('is the same bytes however its holdings came together', () => {
    const one = all.reduce((table, holding) => mergeHoldings(table, [holding]), nothing);
    const other = mergeHoldings(mergeHoldings(nothing, all.slice(1)), all.slice(0, 1));
    expect(textOf(one)).toBe(textOf(snapshot.table));
    expect(textOf(other)).toBe(textOf(snapshot.table));
  });

  it('takes a later word on a version instead of the earlier one, and keeps the others', () => {
    const later = kept('loki', '0.3.0+a', { provenance: descriptor('late') });
    const merged = new Snapshot(mergeHoldings(snapshot.table, [later, kept('new', '1.0.0')]));
    expect(merged.find('loki', '0.3.0+a')).toEqual(later);
    expect(merged.find('nginx', '1.0.0')).toEqual(all[0]);
    expect(merged.size).toBe(4);
    expect(snapshot.find('loki', '0.3.0+a')).toEqual(all[1]);
  });
});

describe('two words on the same version', () => {
  it('leave the verdict on the provenance that is known, whichever comes later', () => {
    const verdict = (of: Descriptor | 'none') =>
      ({ result: 'valid', keyring: 'ours', provenance: of === 'none' ? of : of.digest }) as const;
    const file = descriptor('p');
    const lacking = kept('nginx', '1.0.0', { provenance: 'none', verdict: verdict('none') });
    const signed = kept('nginx', '1.0.0', { provenance: file, verdict: verdict(file) });
    for (const words of [
      [lacking, signed],
      [signed, lacking],
    ] as const) {
      expect(currentOf(...words)).toEqual(signed);
    }
    const anew = { ...signed, verdict: { ...verdict(file), keyring: 'theirs' } };
    expect(currentOf(signed, anew)).toEqual(anew);
  });
});
