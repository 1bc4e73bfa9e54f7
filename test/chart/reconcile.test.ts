import { describe, expect, it } from 'vitest';

import { claimTable } from '../../src/chart/catalog.ts';
import type { Claim, KnownClaim } from '../../src/chart/claim.ts';
import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { mergeHoldings, type KeptVersion } from '../../src/chart/holding.ts';
import {
  admitClaims,
  describeClaims,
  reconcile,
  type Changes,
  type Reconciliation,
} from '../../src/chart/reconcile.ts';
import { tableOf, type SharedTable } from '../../src/lib/shared-table.ts';
import { claimsOf, textOf, wordsOf } from '../support/indexes.ts';

const nothing = tableOf([]);
const digestA = digestOf(Buffer.from('a'));
const digestB = digestOf(Buffer.from('b'));
const day = (number: number): string => `2026-01-0${number}T00:00:00Z`;

function claim(version: string, digest?: Digest, more: Partial<Claim> = {}): Claim {
  return { chart: 'nginx', version, source: `nginx-${version}.tgz`, metadata: '{"name":"nginx"}', digest, ...more };
}

function holding(version: string, digest: Digest): KeptVersion {
  const archive = { mediaType: 'application/gzip', digest, size: 1 };
  return { chart: 'nginx', version, archive, heldAt: day(1) };
}

function listOnce(known: SharedTable, listed: readonly Claim[], more: Partial<Reconciliation> = {}) {
  const usual = { held: nothing, now: day(9), patience: 3, maxLoss: 1 };
  const reconciled = reconcile({ known, listed: claimTable(listed), ...usual, ...more });
  if ('known' in reconciled) throw new Error(`refused: ${reconciled.listed} of ${reconciled.known}`);
  return reconciled;
}

/** An upstream that was listed again and again, a day apart. */
function history(
  listings: readonly (readonly Claim[])[],
  held: readonly KeptVersion[] = [],
): Changes & { readonly catalog: SharedTable } {
  let last = { catalog: nothing, added: 0, withdrawn: 0, rewritten: 0, changed: 0 };
  for (const [at, listed] of listings.entries()) {
    const snapshot = mergeHoldings(nothing, held);
    last = listOnce(last.catalog, listed, { held: snapshot, now: day(at + 1) });
  }
  return last;
}

const claimsAfter = (listings: readonly (readonly Claim[])[], held: readonly KeptVersion[] = []): KnownClaim[] =>
  claimsOf(history(listings, held).catalog);

describe('what a listing adds', () => {
  it('is there at once, dated by the time it was first seen', () => {
    const { catalog, added } = history([[claim('1.0.0')], [claim('1.0.0'), claim('2.0.0')]]);
    expect(added).toBe(1);
    expect(claimsOf(catalog).map(({ version, since }) => [version, since])).toEqual([
      ['2.0.0', day(2)],
      ['1.0.0', day(1)],
    ]);
  });

  it('is there also when it is older than all that is known, or of another chart', () => {
    const more = [claim('2.0.0'), claim('1.0.0'), claim('0.9.0'), { ...claim('1.0.0'), chart: 'zlib' }];
    const { catalog, added } = history([more.slice(0, 2), more]);
    expect(added).toBe(2);
    expect(wordsOf(claimsOf(catalog))).toEqual(wordsOf(more));
  });

  it('and another order of it, changes nothing and says so', () => {
    const rows = [claim('1.0.0'), claim('2.0.0'), { ...claim('1.0.0'), chart: 'loki' }];
    const { catalog, ...changes } = history([rows, rows.toReversed()]);
    expect(changes).toEqual({ added: 0, withdrawn: 0, rewritten: 0, changed: 0, replaced: [] });
    expect(textOf(catalog)).toBe(textOf(history([rows]).catalog));
  });
});

describe('a version that is missing from a listing', () => {
  const [before, without] = [[claim('1.0.0'), claim('2.0.0')], [claim('1.0.0')]];

  it('stays with everything it said, its absences counted to three', () => {
    for (const times of [1, 2, 3, 4]) {
      const claims = claimsAfter([before, ...Array.from({ length: times }, () => without)]);
      expect(claims[0]).toEqual({ ...claim('2.0.0'), since: day(1), missing: Math.min(times, 3) });
      expect(claims[1]).not.toHaveProperty('missing');
    }
  });

  it('is reported as withdrawn once, at the third absence', () => {
    const reports = [1, 2, 3, 4, 5].map(
      (times) => history([before, ...Array.from({ length: times }, () => without)]).withdrawn,
    );
    expect(reports).toEqual([0, 0, 1, 0, 0]);
  });

  it('is withdrawn only when each of its rows is missing three times', () => {
    const [one, other] = [claim('1.0.0', digestA), claim('1.0.0', digestB)];
    const held = [holding('1.0.0', digestA)];
    const rewritten = [[one], [other], [other], [other]];
    expect(claimsAfter(rewritten, held).map(({ missing }) => missing)).toEqual([3, undefined]);
    expect(history([...rewritten, []], held).withdrawn).toBe(0);
    expect(history([...rewritten, [], []], held).withdrawn).toBe(0);
    expect(history([...rewritten, [], [], []], held).withdrawn).toBe(1);
  });

  it('starts to be counted anew when it was seen in between, and keeps its date', () => {
    expect(claimsAfter([before, without, without, before, without])[0]).toMatchObject({ missing: 1, since: day(1) });
    const back = history([before, without, without, without, before]);
    expect(back).toMatchObject({ added: 0, withdrawn: 0 });
    expect(claimsOf(back.catalog)[0]).toEqual({ ...claim('2.0.0'), since: day(1) });
  });

  it('stays also when the whole chart is gone, or the listing is empty', () => {
    const other = { ...claim('1.0.0'), chart: 'loki' };
    const { catalog, withdrawn } = history([[...before, other], [other], [other], []]);
    expect(wordsOf(claimsOf(catalog))).toEqual(['loki 1.0.0', 'nginx 2.0.0', 'nginx 1.0.0']);
    expect(withdrawn).toBe(2);
  });
});

describe('a version whose bytes are held', () => {
  const held = [holding('1.0.0', digestA)];

  it('keeps the claim they fulfil, first, when upstream rewrites it', () => {
    const { catalog, rewritten } = history([[claim('1.0.0', digestA)], [claim('1.0.0', digestB)]], held);
    expect(rewritten).toBe(1);
    expect(claimsOf(catalog).map(({ digest, missing, since }) => [digest, missing, since])).toEqual([
      [digestA, 1, day(1)],
      [digestB, undefined, day(1)],
    ]);
  });

  it('is reported as rewritten once, and again only after it was back', () => {
    const [own, other] = [[claim('1.0.0', digestA)], [claim('1.0.0', digestB)]];
    expect(history([own, other, other], held).rewritten).toBe(0);
    expect(history([own, other, own], held).rewritten).toBe(0);
    expect(history([own, other, own, other], held).rewritten).toBe(1);
    expect(claimsAfter([own, other, own], held)).toEqual([{ ...claim('1.0.0', digestA), since: day(1) }]);
  });

  it('keeps its claim through any number of rewrites', () => {
    const listings = ['a', 'b', 'c', 'd', 'e', 'f'].map((text) => [claim('1.0.0', digestOf(Buffer.from(text)))]);
    expect(claimsAfter(listings, held).map(({ digest }) => digest)).toEqual([digestA, digestOf(Buffer.from('f'))]);
  });

  it('is rewritten also when upstream promised nothing before, and other bytes now', () => {
    const [own, other] = [[claim('1.0.0', undefined, { source: 'own' })], [claim('1.0.0', digestB)]];
    const { catalog, rewritten } = history([own, other], held);
    expect(rewritten).toBe(1);
    expect(history([own, other, other], held).rewritten).toBe(0);
    expect(claimsOf(catalog).map(({ source, missing }) => [source, missing])).toEqual([
      ['own', 1],
      ['nginx-1.0.0.tgz', undefined],
    ]);
    expect(claimsAfter([own, other, own], held)).toEqual([{ ...own[0], since: day(1) }]);
  });

  it('is what upstream promises as soon as it promises the very bytes', () => {
    const { catalog, rewritten } = history([[claim('1.0.0')], [claim('1.0.0', digestA)]], held);
    expect(rewritten).toBe(0);
    expect(claimsOf(catalog)).toEqual([{ ...claim('1.0.0', digestA), since: day(1) }]);
  });

  it('is not rewritten when upstream no longer says a digest', () => {
    const { catalog, rewritten } = history([[claim('1.0.0', digestA)], [claim('1.0.0')]], held);
    expect(rewritten).toBe(0);
    expect(claimsOf(catalog).map(({ digest }) => digest)).toEqual([digestA, undefined]);
  });

  it('is not rewritten while one of several rows still promises them', () => {
    const two = [claim('1.0.0', digestB), claim('1.0.0', digestA)];
    const { catalog, rewritten } = history([[claim('1.0.0', digestA)], two], held);
    expect(rewritten).toBe(0);
    expect(claimsOf(catalog).map(({ digest, missing }) => [digest, missing])).toEqual([
      [digestB, undefined],
      [digestA, undefined],
    ]);
  });
});

describe('a version that nobody fetched yet', () => {
  it('follows its upstream, is counted as changed, and keeps its date', () => {
    const { catalog, rewritten, changed } = history([[claim('1.0.0', digestA)], [claim('1.0.0', digestB)]]);
    expect([rewritten, changed]).toEqual([0, 1]);
    expect(claimsOf(catalog)).toEqual([{ ...claim('1.0.0', digestB), since: day(1) }]);
  });

  it('follows also changes of its metadata, urls and unknown keys', () => {
    const changed = claim('1.0.0', digestA, { metadata: '{"name":"x"}', source: 'elsewhere.tgz', extra: '{"a":"b"}' });
    expect(claimsAfter([[claim('1.0.0', digestA)], [changed]])).toEqual([{ ...changed, since: day(1) }]);
  });
});

describe('what a listing cannot say', () => {
  const listed: Claim = { chart: 'nginx', version: '1.0.0', source: 'charts/nginx:1.0.0' };
  const descriptor = { mediaType: 'x', digest: digestB, size: 2 };
  const described: KnownClaim = {
    ...claim('1.0.0', digestA, { source: 'charts/nginx@sha256:1' }),
    since: day(1),
    tag: 'charts/nginx:1.0.0',
    documents: { manifest: descriptor, config: descriptor },
  };
  const known = describeClaims(history([[listed]]).catalog, [described], nothing);

  it('is put in the place of the claim it describes, and no other', () => {
    const both = history([[listed, { ...listed, version: '2.0.0', source: 'charts/nginx:2.0.0' }]]).catalog;
    const [first, second] = claimsOf(describeClaims(both, [described], nothing));
    expect(first).toEqual({ ...listed, version: '2.0.0', source: 'charts/nginx:2.0.0', since: day(1) });
    expect(second).toEqual(described);
  });

  it('is shown as it was while a tag that moved is described anew, but nothing is said of its bytes', () => {
    const moved = { ...listed, source: `${listed.source}@sha256:${'0'.repeat(64)}` };
    const { catalog } = listOnce(known, [moved]);
    const [claim] = claimsOf(catalog);
    expect(claim).toEqual({ ...moved, since: day(1), brief: 'outdated', metadata: described.metadata });
    expect(textOf(listOnce(catalog, [moved]).catalog)).toBe(textOf(catalog));
    const anew = { ...described, source: 'pinned anew', tag: moved.source };
    expect(claimsOf(describeClaims(catalog, [{ ...anew, brief: undefined }], nothing))).toEqual([anew]);
  });

  it('is kept from before for as long as the tag is listed, and comes back with it', () => {
    const lists = (table: SharedTable, claims: readonly Claim[]) => listOnce(table, claims).catalog;
    expect(textOf(lists(known, [listed]))).toBe(textOf(known));
    const gone = lists(known, []);
    expect(claimsOf(gone)[0]).toEqual({ ...described, missing: 1 });
    expect(textOf(lists(gone, [listed]))).toBe(textOf(known));
    const moved = { ...listed, source: 'other/nginx:1.0.0' };
    expect(claimsOf(lists(known, [moved]))[0]).not.toHaveProperty('tag');
  });
});

describe('a claim that was found by name', () => {
  it('is listed from then on in its place, and never replaces one that is known', () => {
    const table = history([[claim('1.0.0', digestA), claim('3.0.0')]]).catalog;
    const found = [claim('2.0.0'), claim('1.0.0', digestB)].map((one) => ({ ...one, since: day(5) }));
    const admitted = claimsOf(admitClaims(table, found));
    expect(wordsOf(admitted)).toEqual(['nginx 3.0.0', 'nginx 2.0.0', 'nginx 1.0.0']);
    expect(admitted.map(({ digest, since }) => [digest, since])).toEqual([
      [undefined, day(1)],
      [undefined, day(5)],
      [digestA, day(1)],
    ]);
  });
});
