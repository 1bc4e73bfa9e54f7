import { describe, expect, it } from 'vitest';

import { contests } from '../../src/chart/ownership.ts';
import type { RepositoryRules } from '../../src/chart/rules.ts';
import type { Selection } from '../../src/chart/select.ts';
import { claimed, day, member, offeredOf, selectionOf, wordsOfDecision } from '../support/selections.ts';

const since = (number: number) => ({ since: day(number) });
const image = { refused: 'not-a-chart' } as const;

function decide(selection: Selection, chart: string, version: string): string {
  return wordsOfDecision(selection, selection.decide(chart, version));
}

/** What each member lists and may not provide: `a: nginx (b), loki 1.0.0 (c)`. */
function contested(selection: Selection): string[] {
  const { members, owners } = selection;
  return contests(members, owners, (chart) => selection.providers(chart)).map((all, at) => {
    const words = all.map(({ chart, version, owner }) =>
      [chart, ...(version === undefined ? [] : [version]), `(${members[owner]?.name ?? 'nobody'})`].join(' '),
    );
    return `${members[at]?.name}: ${words.join(', ')}`;
  });
}

describe('a chart name that several upstreams list', () => {
  it('is provided by the one that lists it longest, with all its versions and none of the others', () => {
    const selection = selectionOf([
      member('a', [claimed('nginx', '9.0.0', since(3)), claimed('loki', '1.0.0', since(3))]),
      member('b', [claimed('nginx', '1.0.0', since(2)), claimed('nginx', '2.0.0', since(5))]),
    ]);
    expect(offeredOf(selection, 'nginx')).toEqual(['b 2.0.0', 'b 1.0.0']);
    expect(decide(selection, 'nginx', '9.0.0')).toBe('absent, b');
    expect(decide(selection, 'nginx', '1.0.0')).toBe('b 1.0.0');
    expect(decide(selection, 'loki', '1.0.0')).toBe('a 1.0.0');
    expect(contested(selection)).toEqual(['a: nginx (b)', 'b: ']);
  });

  it('goes by the order of the upstreams when they list it since the same time', () => {
    const [a, b] = [member('a', [claimed('nginx', '1.0.0')]), member('b', [claimed('nginx', '2.0.0')])];
    expect(offeredOf(selectionOf([a, b]), 'nginx')).toEqual(['a 1.0.0']);
    expect(offeredOf(selectionOf([b, a]), 'nginx')).toEqual(['b 2.0.0']);
  });

  it('stays with its owner when all its versions are withdrawn, dropped, of a range left out, or not held of one retired', () => {
    const late = member('late', [claimed('nginx', '2.0.0', since(2))]);
    const gone = [claimed('nginx', '1.0.0', { missing: 3 })];
    expect(offeredOf(selectionOf([late, member('old', gone)]), 'nginx')).toEqual(['old 1.0.0']);
    const rules = [
      [{ withdrawn: 'drop' }, 'withdrawn'],
      [{ heldOnly: true }, 'retired'],
      [{ versions: [['*', '>=3']] }, 'versions'],
    ] as const;
    for (const [rule, word] of rules) {
      const selection = selectionOf([late, member('old', gone, rule)]);
      expect(offeredOf(selection, 'nginx')).toEqual([]);
      expect(decide(selection, 'nginx', '1.0.0')).toBe(`hidden by old: ${word}`);
      expect(decide(selection, 'nginx', '2.0.0')).toBe(word === 'versions' ? 'absent, nobody' : 'absent, old');
      expect(contested(selection)).toEqual(['late: nginx (old)', 'old: ']);
    }
  });

  it('is nothing to an upstream that has only things that are no charts under it', () => {
    const images = member('images', [claimed('nginx', '1.0.0', image), claimed('redis', '1.0.0', image)]);
    const selection = selectionOf([images, member('b', [claimed('nginx', '2.0.0', since(2))])]);
    expect(offeredOf(selection, 'nginx')).toEqual(['b 2.0.0']);
    expect(contested(selection)).toEqual(['images: ', 'b: ']);
    // nobody has it as a chart: whoever may have it is asked
    expect(decide(selection, 'redis', '1.0.0')).toBe('absent, images or b');
    expect([...selection.charts()]).toEqual(['nginx']);
  });

  it('is left to others by an upstream that may not offer the name', () => {
    const all = [claimed('nginx', '1.0.0'), claimed('loki', '1.0.0')];
    const first = member('a', all, { charts: ['!nginx'] });
    const selection = selectionOf([first, member('b', [claimed('nginx', '2.0.0', since(9))])]);
    expect([...selection.charts()]).toEqual(['loki', 'nginx']);
    expect(offeredOf(selection, 'nginx')).toEqual(['b 2.0.0']);
    expect(contested(selection)).toEqual(['a: ', 'b: ']);
    expect(selectionOf([member('a', all, { charts: ['!*'] })]).ownerOf('nginx')).toBeUndefined();
  });

  it('has one owner where an upstream stands twice', () => {
    const a = member('a', [claimed('nginx', '1.0.0')]);
    for (const overlap of ['first', 'merge'] as const) {
      expect(offeredOf(selectionOf([a, a], { overlap }), 'nginx')).toEqual(['a 1.0.0']);
    }
  });
});

describe('a reserved name', () => {
  const internal = member('internal', [claimed('corp-app', '1.0.0', since(9))]);
  const stranger = member('stranger', [
    claimed('corp-app', '9.0.0'),
    claimed('corp-new', '9.0.0'),
    claimed('CORP-APP', '9.0.0'),
    claimed('corp_app', '9.0.0'),
  ]);
  const reserving = (...owners: RepositoryRules['owners']) => selectionOf([stranger, internal], { owners });

  it('is provided by its owner alone, however long others list it, in whatever case', () => {
    const selection = reserving(['corp-*', 'internal']);
    expect(offeredOf(selection, 'corp-app')).toEqual(['internal 1.0.0']);
    expect(decide(selection, 'corp-app', '9.0.0')).toBe('absent, internal');
    expect(decide(selection, 'CORP-APP', '9.0.0')).toBe('absent, internal');
    expect(decide(selection, 'Corp-Nobody-Lists', '9.0.0')).toBe('absent, internal');
    expect([...selection.charts()]).toEqual(['corp-app', 'corp_app']);
  });

  it('is provided by nobody while its owner lists none, and who lists it is told whose it is', () => {
    const selection = reserving(['corp-*', 'internal']);
    expect(offeredOf(selection, 'corp-new')).toEqual([]);
    expect(decide(selection, 'corp-new', '9.0.0')).toBe('absent, internal');
    expect(contested(selection)).toEqual([
      'stranger: CORP-APP (internal), corp-app (internal), corp-new (internal)',
      'internal: ',
    ]);
  });

  it('goes by the exact name before globs, in whatever case, and by globs in order', () => {
    const selection = reserving(['corp-n*', 'internal'], ['*', 'stranger'], ['Corp-App', 'internal']);
    expect(['corp-app', 'CORP-APP', 'corp-new', 'else'].map((name) => selection.ownerOf(name))).toEqual([1, 1, 1, 0]);
  });

  it('is provided by nobody when its owner may not offer it, or is no member', () => {
    const closed = member('internal', [claimed('corp-app', '1.0.0')], { charts: ['other'] });
    const selection = selectionOf([stranger, closed], { owners: [['corp-app', 'internal']] });
    expect(offeredOf(selection, 'corp-app')).toEqual([]);
    expect(decide(selection, 'corp-app', '1.0.0')).toBe('hidden by internal: charts');
    expect(decide(selection, 'corp-app', '9.0.0')).toBe('absent, nobody');

    const unknown = reserving(['corp-app', 'nobody-knows']);
    expect(offeredOf(unknown, 'corp-app')).toEqual([]);
    expect(decide(unknown, 'corp-app', '1.0.0')).toBe('absent, nobody');
  });

  it('has all its versions of one under merge too', () => {
    const selection = selectionOf([stranger, internal], { overlap: 'merge', owners: [['corp-app', 'internal']] });
    expect(offeredOf(selection, 'corp-app')).toEqual(['internal 1.0.0']);
    expect(decide(selection, 'corp-app', '9.0.0')).toBe('absent, internal');
  });
});

describe('under merge a version', () => {
  const a = member('a', [
    claimed('nginx', 'v1.2', since(2)),
    claimed('nginx', '1.3.0', since(3)),
    claimed('nginx', '1.5.0', image),
    claimed('solo', '1.0.0'),
  ]);
  const b = member('b', [
    claimed('nginx', '1.2.0', since(3)),
    claimed('nginx', '1.3.0', since(2)),
    claimed('nginx', '1.3.0+a', since(9)),
    claimed('nginx', '1.4.0', since(9)),
    claimed('nginx', '1.5.0', since(9)),
  ]);
  const selection = selectionOf([a, b], { overlap: 'merge' });

  it('is provided by the one that lists it longest, whatever its spelling; build metadata makes another one', () => {
    expect(offeredOf(selection, 'nginx')).toEqual(['b 1.5.0', 'b 1.4.0', 'b 1.3.0+a', 'b 1.3.0', 'a v1.2']);
    expect(offeredOf(selection, 'solo')).toEqual(['a 1.0.0']);
  });

  it('is asked of who provides it, in whatever spelling, and of all when nobody does', () => {
    expect(decide(selection, 'nginx', '1.2.0')).toBe('absent, a');
    expect(decide(selection, 'nginx', '1.2')).toBe('absent, a');
    expect(decide(selection, 'nginx', '1.9.0')).toBe('absent, a or b');
    expect(decide(selection, 'solo', '1.9.0')).toBe('absent, a or b');
  });

  it('is contested one by one, but not by what is no chart', () => {
    expect(contested(selection)).toEqual(['a: nginx 1.3.0 (b)', 'b: nginx 1.2.0 (a)']);
  });

  it('is not held by an upstream that may not offer the name', () => {
    const closed = member('closed', [claimed('nginx', '1.3.0')], { charts: ['!nginx'] });
    const merged = selectionOf([closed, a, b], { overlap: 'merge' });
    expect(decide(merged, 'nginx', '1.3.0')).toBe('b 1.3.0');
    expect(contested(merged)[0]).toBe('closed: ');
  });

  it('stays with who provides it although that one does not offer it', () => {
    const closed = member('a', [claimed('nginx', '1.0.0')], { versions: [['nginx', '>=2']] });
    const other = member('b', [claimed('nginx', '1.0.0', since(2)), claimed('nginx', '1.1.0', since(2))]);
    const merged = selectionOf([closed, other], { overlap: 'merge' });
    expect(offeredOf(merged, 'nginx')).toEqual(['b 1.1.0']);
    expect(decide(merged, 'nginx', '1.0.0')).toBe('hidden by a: versions');
  });
});
