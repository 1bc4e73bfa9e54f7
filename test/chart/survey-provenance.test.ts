import { describe, expect, it } from 'vitest';

import type { Attachments } from '../../src/chart/attachments.ts';
import { claim, digestA, digestB, kept, look, nowMs } from './survey-world.ts';

describe('the provenance of what is held', () => {
  const file = { mediaType: 'text/plain', digest: digestB, size: 1 };
  const judged = (result: 'valid' | 'invalid', keyring = 'ours'): Attachments => ({
    provenance: file,
    verdict: { result, keyring, provenance: digestB },
  });
  const missing: Attachments = {
    provenance: 'none',
    verdict: { result: 'missing', keyring: 'ours', provenance: 'none' },
  };
  const claims = ['1.0.0', '2.0.0', '3.0.0', '4.0.0', '5.0.0'].map((version) => claim('a', version));
  const held = [
    kept('a', '1.0.0', digestA, judged('valid')),
    kept('a', '2.0.0', digestA, judged('invalid')),
    kept('a', '3.0.0', digestA, missing),
    kept('a', '4.0.0', digestA, judged('valid', 'theirs')),
  ];
  const verify = (mode: 'report' | 'require') => ({ verify: { mode, keyring: 'ours' } });

  it('is counted by what it was found to be, where it is checked', () => {
    for (const mode of ['report', 'require'] as const) {
      const { counts, unverified } = look(claims, held, 'requested', verify(mode));
      expect(counts.provenance).toEqual({ valid: 1, missing: 1, invalid: 1, unjudged: 1 });
      expect(unverified).toEqual(['a 2.0.0', 'a 3.0.0']);
    }
    expect(look(claims, held).counts).not.toHaveProperty('provenance');
    expect(look(claims, held).unverified).toEqual([]);
  });

  it('is judged ahead where it is not by the present keys, whatever else is fetched ahead', () => {
    expect(look(claims, held, 'requested', verify('report')).wanted).toEqual(['a 4.0.0']);
    expect(look(claims, held, 'requested').wanted).toEqual([]);
  });

  it('is judged again when its verdict has lapsed, refused or not; when the next one lapses is told', () => {
    const lasting = (version: string, result: 'valid' | 'invalid', untilMs: number, keyring?: string) => {
      const { provenance, verdict } = judged(result, keyring);
      const until = new Date(untilMs).toISOString();
      return kept('a', version, digestA, { provenance, ...(verdict && { verdict: { ...verdict, until } }) });
    };
    const some = [
      lasting('1.0.0', 'valid', nowMs),
      lasting('2.0.0', 'invalid', nowMs - 1),
      lasting('3.0.0', 'valid', nowMs + 2),
      lasting('4.0.0', 'invalid', nowMs + 1),
      lasting('5.0.0', 'valid', nowMs - 1, 'theirs'),
    ];
    const { wanted, counts } = look(claims.slice(0, 4), some, 'requested', verify('require'));
    expect(wanted.toSorted()).toEqual(['a 1.0.0', 'a 2.0.0']);
    expect(counts.lapsesMs).toBe(nowMs + 1);
    expect(look(claims, some, 'requested').counts.lapsesMs).toBe(Infinity);
  });

  it('is asked for again where it is missing and the version is new, refused or not', () => {
    const since = '2026-05-31T12:00:00Z';
    const news = [...claims.slice(0, 2), claim('a', '3.0.0', { since })];
    for (const mode of ['report', 'require'] as const) {
      expect(look(news, held, 'requested', verify(mode)).wanted).toEqual(['a 3.0.0']);
      const image = { ...kept('a', '3.0.0', digestA, missing), manifest: file };
      expect(look(news, [image], 'requested', verify(mode)).wanted).toEqual([]);
    }
  });

  it('is not asked for again of what was there in the beginning, unless it says that it is new', () => {
    const lacking = kept('a', '1.0.0', digestA, missing);
    const wanted = (created: string | undefined) =>
      look([claim('a', '1.0.0', { since: '2026-05-31T12:00:00Z', created })], [lacking], 'all', verify('report'))
        .wanted;
    expect(wanted(undefined)).toEqual([]);
    expect(wanted('2026-05-31T11:00:00Z')).toEqual(['a 1.0.0']);
    expect(wanted('2026-05-01T11:00:00Z')).toEqual([]);
  });

  it('takes no place among the newest where it has the version refused', () => {
    const policy = { newest: 1 };
    const others = [claim('a', '3.0.0'), claim('a', '2.5.0')];
    const lacking = kept('a', '3.0.0', digestA, missing);
    expect(look(others, [lacking], policy, verify('require')).wanted).toEqual(['a 2.5.0']);
    expect(look(others, [lacking], policy, verify('report')).wanted).toEqual([]);
  });
});
