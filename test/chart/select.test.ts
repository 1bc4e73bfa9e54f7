import { describe, expect, it } from 'vitest';

import type { KnownClaim } from '../../src/chart/claim.ts';
import type { DenyRule } from '../../src/chart/rules.ts';
import type { Selection } from '../../src/chart/select.ts';
import {
  claimed,
  day,
  digestNamed,
  held,
  listedOf,
  member,
  offeredOf,
  selectionOf,
  wordsOfDecision,
} from '../support/selections.ts';

const since = (number: number) => ({ since: day(number) });
const bare = { metadata: undefined };
const deprecated = { metadata: '{"name":"nginx","deprecated":true}' };

function decide(selection: Selection, chart: string, version: string): string {
  return wordsOfDecision(selection, selection.decide(chart, version));
}

function deny(chart: string, more: Partial<DenyRule> = {}): DenyRule {
  return { text: [chart, more.range ?? more.digest].join('@'), chart, ...more };
}

const versions = ['1.0.0', '1.1.0-rc.1', 'v1.1.0', '2.0.0+a'];
const nginx = member(
  'a',
  versions.map((version) => claimed('nginx', version)),
);

describe('what a repository offers', () => {
  it('leaves out what turned out to be no chart, and has what nobody described yet, which lists leave out', () => {
    const selection = selectionOf([
      member('a', [
        claimed('nginx', '1.0.0', { refused: 'not-a-chart' }),
        claimed('nginx', '3.0.0', { refused: 'not-a-chart' }),
        claimed('nginx', '3.0.0'),
        claimed('nginx', '2.0.0', bare),
      ]),
    ]);
    expect(offeredOf(selection, 'nginx')).toEqual(['a 3.0.0', 'a 2.0.0']);
    expect(listedOf(selection, 'nginx')).toEqual(['a 3.0.0']);
    expect(decide(selection, 'nginx', '1.0.0')).toBe('hidden by a: not-a-chart');
  });

  it('is nothing for names that only objects have', () => {
    const selection = selectionOf([nginx]);
    for (const name of ['__proto__', 'constructor', 'toString', '']) {
      expect(selection.ownerOf(name)).toBeUndefined();
      expect(decide(selection, name, '1.0.0')).toBe('absent, a');
      expect(offeredOf(selection, name)).toEqual([]);
    }
  });

  it.each([
    [{ charts: ['!nginx'] }, [], 'hidden by charts'],
    [{ versions: [['nginx', '>=1.1.0, <2']] } as const, ['a v1.1.0'], 'hidden by versions'],
    [{ prereleases: false }, ['a 2.0.0+a', 'a v1.1.0', 'a 1.0.0'], 'hidden by prereleases'],
    [{ charts: ['!nginx'], deny: [deny('nginx')] }, [], 'denied nginx@'],
  ])('is of %j only %j, also of what nobody lists, and nobody is asked', (rules, offered, word) => {
    const selection = selectionOf([nginx], rules);
    expect(offeredOf(selection, 'nginx')).toEqual(offered);
    expect(decide(selection, 'nginx', '1.1.0-rc.1')).toBe(word);
    expect(decide(selection, 'nginx', '0.1.0-unheard.of')).toBe(word);
  });

  it('may leave out what is deprecated, and says of what may turn out to be that it is to be asked about again', () => {
    const claims = [
      claimed('nginx', '1.0.0', deprecated),
      claimed('nginx', '2.0.0', { metadata: '{"annotations":{"x":"{\\"deprecated\\":true}"}}' }),
      claimed('nginx', '3.0.0', bare),
      claimed('nginx', '4.0.0', { brief: true }),
      claimed('nginx', '5.0.0'),
      claimed('nginx', '5.0.0', { ...deprecated, source: 'y' }),
    ];
    const selection = selectionOf([member('a', claims)], { deprecated: false });
    expect(decide(selection, 'nginx', '1.0.0')).toBe('hidden by deprecated');
    expect([...selection.offered('nginx')].map(({ version, provisional }) => [version.version, provisional])).toEqual([
      ['5.0.0', true],
      ['4.0.0', true],
      ['3.0.0', true],
      ['2.0.0', false],
    ]);
    const archive = { mediaType: 'x', digest: digestNamed('b'), size: 1 };
    const rewritten = [claims[4], { ...claims[5], digest: archive.digest }] as KnownClaim[];
    const holding = member('a', rewritten, { holdings: [held('nginx', '5.0.0', { archive })] });
    expect(decide(selectionOf([holding], { deprecated: false }), 'nginx', '5.0.0')).toBe('hidden by deprecated');
  });

  it('shows in lists the newest few that are offered and described', () => {
    const selection = selectionOf([nginx], {
      listNewest: 2,
      prereleases: false,
      deny: [deny('nginx', { range: '2' })],
    });
    expect(listedOf(selection, 'nginx')).toEqual(['a v1.1.0', 'a 1.0.0']);
    const undescribed = member('a', [claimed('x', '3.0.0', bare), claimed('x', '2.0.0'), claimed('x', '1.0.0')]);
    expect(listedOf(selectionOf([undescribed], { listNewest: 1 }), 'x')).toEqual(['a 2.0.0']);
    expect(offeredOf(selectionOf([undescribed], { listNewest: 1 }), 'x')).toHaveLength(3);
  });
});

describe('what is denied', () => {
  it('is so by name and range in whatever case and spelling, listed or not', () => {
    const selection = selectionOf([nginx], { deny: [deny('Ngin*', { range: '1.1' }), deny('loki')] });
    expect(decide(selection, 'nginx', 'v1.1')).toBe('denied Ngin*@1.1');
    expect(decide(selection, 'NGINX', '1.1.0-rc.1')).toBe('denied Ngin*@1.1');
    expect(decide(selection, 'nginx', '1.0.0')).toBe('a 1.0.0');
    expect(decide(selection, 'LOKI', '1.0.0')).toBe('denied loki@');
    expect(decide(selection, 'lokis', '1.0.0')).toBe('absent, a');
  });

  it('is everything of a chart when the range is none', () => {
    for (const range of ['', '>=2 ||', '!=1.0.0', 'latest']) {
      expect(offeredOf(selectionOf([nginx], { deny: [deny('nginx', { range })] }), 'nginx')).toEqual([]);
    }
  });

  it('is by digest what is held, else what is claimed: archive, manifest or config', () => {
    const descriptor = (name: string) => ({ mediaType: 'x', digest: digestNamed(name), size: 1 });
    const documents = { manifest: descriptor('manifest'), config: descriptor('config') };
    const claim = claimed('nginx', '1.0.0', { digest: digestNamed('claimed'), documents });
    const holdings = [held('nginx', '1.0.0', { archive: descriptor('held'), manifest: descriptor('other') })];
    const outcomes = (name: string, chart = 'nginx') => {
      const rules = { deny: [deny(chart, { digest: digestNamed(name) })] };
      const members = [member('a', [claim]), member('a', [claim], { holdings })];
      return members.map((one) => selectionOf([one], rules).decide('nginx', '1.0.0').outcome);
    };
    for (const name of ['claimed', 'manifest', 'config']) expect(outcomes(name)).toEqual(['denied', 'offered']);
    for (const name of ['held', 'other']) expect(outcomes(name, 'NGIN?')).toEqual(['offered', 'denied']);
    expect(outcomes('held', 'loki')).toEqual(['offered', 'offered']);
  });

  it('is all of a version of which one claim is denied, until other bytes are held', () => {
    const claims = [
      claimed('nginx', '1.0.0', { digest: digestNamed('good') }),
      claimed('nginx', '1.0.0', { digest: digestNamed('bad') }),
    ];
    const rules = { deny: [deny('nginx', { digest: digestNamed('bad') })] };
    const good = { archive: { mediaType: 'x', digest: digestNamed('good'), size: 1 } };
    expect(offeredOf(selectionOf([member('a', claims)], rules), 'nginx')).toEqual([]);
    const holdings = [held('nginx', '1.0.0', good)];
    expect(offeredOf(selectionOf([member('a', claims, { holdings })], rules), 'nginx')).toEqual(['a 1.0.0']);
  });

  it('may be by its digest what is not fetched yet, so that is to be asked about again', () => {
    const isProvisional = (selection: Selection) => [...selection.offered('nginx')].map((one) => one.provisional);
    const rules = { deny: [deny('*', { digest: digestNamed('bad') })] };
    const holdings = [held('nginx', '1.0.0')];
    const claims = [claimed('nginx', '1.0.0')];
    expect(isProvisional(selectionOf([member('a', claims)], rules))).toEqual([true]);
    expect(isProvisional(selectionOf([member('a', claims, { holdings })], rules))).toEqual([false]);
    const selection = selectionOf([member('a', claims)], rules);
    const bad = held('nginx', '1.0.0', { archive: { mediaType: 'x', digest: digestNamed('bad'), size: 1 } });
    expect(selection.deniedDigest('nginx', bad)).toBe(rules.deny[0]);
    expect(selection.deniedDigest('nginx', held('nginx', '1.0.0'))).toBeUndefined();
    expect(selection.deniedBytes(digestNamed('bad'))).toBe(rules.deny[0]);
  });
});

describe('a cooldown of a week', () => {
  const cooldownMs = 7 * 24 * 3_600_000;
  const on = (now: string, ...claims: readonly KnownClaim[]) =>
    selectionOf([member('a', [claimed('other', '1.0.0', since(3)), ...claims])], { cooldownMs }, now);

  it('lets a later version through a week after we first saw it, whatever date it gives itself', () => {
    const late = claimed('nginx', '1.0.0', { ...since(5), created: '2020-01-01T00:00:00Z' });
    expect(decide(on('2026-01-11T23:59:59Z', late), 'nginx', '1.0.0')).toBe('hidden until 2026-01-12T00:00:00.000Z');
    expect(decide(on(day(12), late), 'nginx', '1.0.0')).toBe('a 1.0.0');
    expect(on(day(5), late).changesMs('nginx')).toBe(Date.parse(day(12)));
    expect(on(day(12), late).changesMs('nginx')).toBe(Infinity);
  });

  it('takes the date of a version of the first listing, unless that is later than the listing, or none', () => {
    const dated = (created: string | undefined) => claimed('nginx', '1.0.0', { ...since(3), created });
    expect(decide(on(day(3), dated('2025-06-01T00:00:00+02:00')), 'nginx', '1.0.0')).toBe('a 1.0.0');
    expect(decide(on(day(3), dated(day(1))), 'nginx', '1.0.0')).toBe('hidden until 2026-01-08T00:00:00.000Z');
    for (const created of ['2030-01-01T00:00:00Z', undefined, 'yesterday']) {
      expect(decide(on(day(9), dated(created)), 'nginx', '1.0.0')).toBe('hidden until 2026-01-10T00:00:00.000Z');
    }
  });

  it('takes what was found by name for no first listing', () => {
    const found = claimed('nginx', '1.0.0', { ...since(2), named: true, created: '2020-01-01T00:00:00Z' });
    expect(decide(on(day(4), found), 'nginx', '1.0.0')).toBe('hidden until 2026-01-09T00:00:00.000Z');
    const alone = selectionOf([member('a', [found])], { cooldownMs }, day(4));
    expect(decide(alone, 'nginx', '1.0.0')).toBe('hidden until 2026-01-09T00:00:00.000Z');
  });

  it('gives no moment for what is hidden or denied anyway', () => {
    const late = claimed('nginx', '1.0.0-rc.1', since(5));
    const members = [member('a', [claimed('other', '1.0.0'), late])];
    for (const rules of [{ prereleases: false }, { deny: [deny('nginx')] }, { charts: ['other'] }]) {
      expect(selectionOf(members, { cooldownMs, ...rules }, day(6)).changesMs('nginx')).toBe(Infinity);
    }
  });
});
