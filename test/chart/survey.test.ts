import { describe, expect, it } from 'vitest';

import type { KnownClaim } from '../../src/chart/claim.ts';
import { speakingClaim } from '../../src/chart/survey.ts';
import { claim, digestA, digestB, kept, look } from './survey-world.ts';

describe('the counts of an upstream', () => {
  it('are of charts, versions, what is held and how large, withdrawn and rewritten', () => {
    const { counts } = look(
      [
        claim('nginx', '1.0.0', { digest: digestA, missing: 1 }),
        claim('nginx', '1.0.0', { digest: digestB }),
        claim('nginx', '2.0.0', { missing: 3 }),
        claim('nginx', '3.0.0', { missing: 2 }),
        claim('loki', '1.0.0', { digest: digestA }),
        claim('loki', '2.0.0', { refused: 'not-a-chart' }),
        claim('loki', '2.0.0'),
      ],
      [kept('nginx', '1.0.0'), kept('loki', '1.0.0'), kept('loki', '2.0.0'), kept('gone', '1.0.0')],
    );
    expect(counts).toEqual({
      lapsesMs: Infinity,
      charts: 2,
      versions: 5,
      held: 3,
      withdrawn: 1,
      rewritten: 1,
      bytes: 300,
    });
  });

  it('leave out versions that turned out to be no charts', () => {
    const image = claim('nginx', '1.0.0', { metadata: undefined, refused: 'not-a-chart' });
    const { counts, wanted, undescribed } = look([image]);
    expect([counts.charts, counts.versions]).toEqual([0, 0]);
    expect([wanted, undescribed]).toEqual([[], []]);
  });
});

describe('what is fetched ahead', () => {
  const claims = ['1.0.0', '2.0.0', '10.0.0-rc.1'].flatMap((version) => [
    claim('nginx', version),
    claim('loki', version),
  ]);

  it('begins with the newest version of every chart', () => {
    expect(look(claims).wanted).toEqual([
      'loki 10.0.0-rc.1',
      'nginx 10.0.0-rc.1',
      'loki 2.0.0',
      'nginx 2.0.0',
      'loki 1.0.0',
      'nginx 1.0.0',
    ]);
  });

  it('is what the policy says: the newest few, prereleases counted, or nothing', () => {
    expect(look(claims, [], { newest: 1 }).wanted).toEqual(['loki 10.0.0-rc.1', 'nginx 10.0.0-rc.1']);
    expect(look(claims, [], { newest: 0 }).wanted).toEqual([]);
    expect(look(claims, [], 'requested').wanted).toEqual([]);
  });

  it('is not what is held with all that belongs to it, and is what lacks word of its provenance', () => {
    const provenance = { mediaType: 'text/plain', digest: digestB, size: 1 };
    const held = [
      kept('nginx', '2.0.0', digestA, { provenance: 'none' }),
      kept('nginx', '1.0.0', digestA, { provenance }),
      kept('loki', '2.0.0'),
    ];
    expect(look(claims, held).wanted).toEqual(['loki 10.0.0-rc.1', 'nginx 10.0.0-rc.1', 'loki 2.0.0', 'loki 1.0.0']);
    // what is held takes its place among the newest
    expect(look(claims, [kept('nginx', '10.0.0-rc.1', digestA, { provenance })], { newest: 1 }).wanted).toEqual([
      'loki 10.0.0-rc.1',
    ]);
  });
});

describe('what came after the first listing', () => {
  const on = (day: number) => ({ since: `2026-01-0${day}T00:00:00Z` });
  const claims = [
    claim('a', '1.0.0'),
    claim('a', '2.0.0'),
    claim('a', '0.9.0', on(3)),
    claim('b', '1.0.0'),
    claim('b', '1.1.0', on(2)),
    claim('c', '1.0.0', on(3)),
  ];

  it('is fetched before the gaps, the latest first', () => {
    expect(look(claims).wanted).toEqual(['c 1.0.0', 'a 0.9.0', 'b 1.1.0', 'a 2.0.0', 'a 1.0.0', 'b 1.0.0']);
  });

  it('is described before the gaps too', () => {
    const bare = claims.map((one) => ({ ...one, metadata: undefined }));
    expect(look(bare).undescribed.slice(0, 3)).toEqual(['c 1.0.0', 'a 0.9.0', 'b 1.1.0']);
  });
});

describe('what may not be offered', () => {
  const claims = [claim('a', '1.0.0', { missing: 3 }), claim('a', '1.1.0'), claim('b', '1.0.0')];

  it('is counted, and neither fetched nor described', () => {
    const dropping = look(claims, [], 'all', { withdrawn: 'drop', charts: ['a'] });
    expect(dropping.wanted).toEqual(['a 1.1.0']);
    expect(dropping.counts).toMatchObject({ charts: 2, versions: 3, withdrawn: 1 });
    const bare = claims.map((one) => ({ ...one, metadata: undefined }));
    expect(look(bare, [], 'all', { charts: ['a'] }).undescribed).toEqual(['a 1.1.0']);
  });

  it('takes no place among the newest', () => {
    const newest = [claim('a', '2.0.0', { missing: 3 }), ...claims];
    expect(look(newest, [], { newest: 1 }, { withdrawn: 'drop' }).wanted).toEqual(['a 1.1.0', 'b 1.0.0']);
  });
});

describe('what is rewritten', () => {
  it('is named, and only that', () => {
    const { rewrites, counts } = look(
      [
        claim('a', '1.0.0', { digest: digestA, missing: 1 }),
        claim('a', '1.0.0', { digest: digestB }),
        claim('b', '1.0.0', { digest: digestB }),
        claim('c', '1.0.0', { digest: digestA }),
        claim('d', '1.0.0'),
      ],
      [kept('a', '1.0.0'), kept('c', '1.0.0'), kept('d', '1.0.0')],
    );
    expect(rewrites).toEqual(['a 1.0.0']);
    expect(counts.rewritten).toBe(1);
  });
});

describe('what is described', () => {
  it('is what has no metadata yet and is still listed, newest first', () => {
    const bare = { metadata: undefined };
    const { undescribed } = look([
      claim('nginx', '1.0.0', bare),
      claim('nginx', '2.0.0', bare),
      claim('nginx', '3.0.0'),
      claim('nginx', '4.0.0', { ...bare, missing: 3 }),
      claim('nginx', '5.0.0', { ...bare, missing: 2 }),
      claim('nginx', '6.0.0', { ...bare, refused: 'not-a-chart' }),
    ]);
    expect(undescribed).toEqual(['nginx 5.0.0', 'nginx 2.0.0', 'nginx 1.0.0']);
  });

  it('is what is brief only where bytes are held, another claim stands beside it, or it is outdated', () => {
    const brief = { brief: true } as const;
    const { undescribed } = look(
      [
        claim('nginx', '1.0.0', brief),
        claim('nginx', '2.0.0', brief),
        claim('nginx', '3.0.0', { digest: digestA, missing: 1 }),
        claim('nginx', '3.0.0', brief),
        claim('nginx', '4.0.0', { brief: 'outdated' }),
        claim('nginx', '5.0.0', { ...brief, refused: 'archive-invalid' }),
      ],
      [kept('nginx', '2.0.0'), kept('nginx', '5.0.0')],
    );
    expect(undescribed).toEqual(['nginx 4.0.0', 'nginx 3.0.0', 'nginx 2.0.0']);
  });
});

describe('the claim that speaks for a version', () => {
  const first = claim('nginx', '1.0.0', { digest: digestA, source: 'first' });
  const second = claim('nginx', '1.0.0', { digest: digestB, source: 'second' });
  const silent = claim('nginx', '1.0.0', { source: 'silent' });
  const version = (...claims: readonly KnownClaim[]) => ({ chart: 'nginx', version: '1.0.0', claims });

  it('is the first until bytes are held, also when a later one promises no digest', () => {
    expect(speakingClaim(version(first, second), undefined)?.source).toBe('first');
    expect(speakingClaim(version(first, silent), undefined)?.source).toBe('first');
  });

  it('is the one whose bytes are held, and the first when none of them is', () => {
    expect(speakingClaim(version(first, second), kept('nginx', '1.0.0', digestB))?.source).toBe('second');
    expect(speakingClaim(version(silent, second), kept('nginx', '1.0.0', digestA))?.source).toBe('silent');
  });

  it('is never one that turned out to be no chart', () => {
    const refused = { ...first, brief: true, refused: 'archive-invalid' } as const;
    expect(speakingClaim(version(refused, second), undefined)?.source).toBe('second');
    expect(speakingClaim(version(refused), undefined)).toBeUndefined();
  });

  it('is never one that nobody described', () => {
    const bare = { ...first, metadata: undefined };
    expect(speakingClaim(version(bare, second), kept('nginx', '1.0.0', digestA))?.source).toBe('second');
    expect(speakingClaim(version(bare), undefined)).toBeUndefined();
  });
});
