import fc from 'fast-check';
import { expect, it } from 'vitest';

import { Catalog, claimTable } from '../../src/chart/catalog.ts';
import type { Claim, KnownClaim } from '../../src/chart/claim.ts';
import { digestOf } from '../../src/chart/digest.ts';
import { mergeHoldings } from '../../src/chart/holding.ts';
import { reconcile } from '../../src/chart/reconcile.ts';
import { tableOf, type SharedTable } from '../../src/lib/shared-table.ts';
import { catalogOf, claimsOf, textOf } from '../support/indexes.ts';

const digests = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text)));

const claim: fc.Arbitrary<Claim> = fc.record({
  chart: fc.constantFrom('nginx', 'loki', 'x'),
  version: fc.constantFrom('1.0.0', '1.10.0', '2.0.0-rc.1', 'v1.0.0'),
  source: fc.constantFrom('a.tgz', 'b.tgz'),
  metadata: fc.constantFrom('{"name":"x"}', '{"name":"y"}'),
  digest: fc.option(fc.constantFrom(...digests), { nil: undefined }),
});

/** As adapters make them: one claim for each digest of a version. */
const listing = fc.uniqueArray(claim, {
  maxLength: 6,
  selector: ({ chart, version, digest }) => `${chart} ${version} ${digest}`,
});

const listings = fc.array(listing, { minLength: 1, maxLength: 8 });

const keyOf = ({ chart, version }: { readonly chart: string; readonly version: string }): string =>
  `${chart} ${version}`;

const dateOf = (at: number): string => new Date(Date.UTC(2026, 0, 1 + at)).toISOString().replace('.000', '');

/** Whatever may be held: the digest of a version that a test picked, for as long as it likes. */
const heldDigest = fc.dictionary(
  fc.constantFrom('nginx 1.0.0', 'nginx 1.10.0', 'loki 1.0.0'),
  fc.constantFrom(...digests),
  { noNullPrototype: true },
);

function snapshotOf(held: Readonly<Record<string, string>>): SharedTable {
  const kept = Object.entries(held).map(([key, digest]) => {
    const [chart = '', version = ''] = key.split(' ');
    const archive = { mediaType: 'x', digest: digest as (typeof digests)[number], size: 1 };
    return { chart, version, archive, heldAt: dateOf(0) };
  });
  return mergeHoldings(tableOf([]), kept);
}

/** The catalogs after each of the listings. */
function replay(all: readonly (readonly Claim[])[], held: Readonly<Record<string, string>>): SharedTable[] {
  let known = tableOf([]);
  return all.map((listed, at) => {
    const input = { listed: claimTable(listed), held: snapshotOf(held), now: dateOf(at) };
    known = catalogOf(reconcile({ known, ...input, patience: 3, maxLoss: 1 }));
    return known;
  });
}

function each(
  check: (before: readonly KnownClaim[], listed: readonly Claim[], after: readonly KnownClaim[], at: number) => void,
): void {
  fc.assert(
    fc.property(listings, heldDigest, (all, held) => {
      const catalogs = replay(all, held).map(claimsOf);
      catalogs.forEach((after, at) => check(catalogs[at - 1] ?? [], all[at] ?? [], after, at));
    }),
  );
}

it('no listing ever makes a version disappear that was once listed', () => {
  each((before, listed, after) => {
    const keys = new Set(after.map(keyOf));
    for (const one of [...before, ...listed]) expect(keys.has(keyOf(one))).toBe(true);
    expect(keys.size).toBe(new Set([...before, ...listed].map(keyOf)).size);
  });
});

it('the date of a version is the time it was first listed, for ever', () => {
  const first = new Map<string, string>();
  each((before, _, after, at) => {
    if (at === 0) first.clear();
    for (const one of after) {
      if (!before.some((old) => keyOf(old) === keyOf(one))) first.set(keyOf(one), dateOf(at));
      expect(one.since).toBe(first.get(keyOf(one)));
    }
  });
});

it('everything that a listing says is in the catalog, word for word', () => {
  each((_, listed, after) => {
    for (const one of listed) {
      const found = after.find((known) => keyOf(known) === keyOf(one) && known.digest === one.digest);
      const { since: __, ...words } = found ?? { since: '' };
      expect(words).toEqual(JSON.parse(JSON.stringify(one)));
    }
  });
});

it('a claim whose bytes are held survives every rewrite', () => {
  fc.assert(
    fc.property(listings, heldDigest, (all, held) => {
      const seen = new Set<string>();
      replay(all, held).forEach((table, at) => {
        for (const one of all[at] ?? []) {
          if (one.digest !== undefined && held[keyOf(one)] === one.digest) seen.add(keyOf(one));
        }
        for (const key of seen) {
          const [chart = '', version = ''] = key.split(' ');
          const digestsNow = new Catalog(table).find(chart, version)?.claims.map(({ digest }) => digest);
          expect(digestsNow).toContain(held[key]);
        }
      });
    }),
  );
});

it('absences are counted one by one to three, and end with the first sight', () => {
  each((before, listed, after) => {
    for (const one of after) {
      const old = before.find((known) => keyOf(known) === keyOf(one) && known.digest === one.digest);
      const isListed = listed.some((row) => keyOf(row) === keyOf(one) && row.digest === one.digest);
      expect(one.missing ?? 0).toBe(isListed ? 0 : Math.min((old?.missing ?? 0) + 1, 3));
    }
  });
});

it('the order of the rows of a listing does not matter, but among the rows of one version', () => {
  fc.assert(
    fc.property(listings, heldDigest, fc.infiniteStream(fc.nat()), (all, held, random) => {
      const shuffled = all.map((listed) => {
        const groups = [...Map.groupBy(listed, keyOf).values()];
        return groups.map((rows) => ({ rows, at: random.next().value ?? 0 })).sort((a, b) => a.at - b.at);
      });
      const again = replay(
        shuffled.map((groups) => groups.flatMap(({ rows }) => rows)),
        held,
      );
      expect(again.map(textOf)).toEqual(replay(all, held).map(textOf));
    }),
  );
});

it('a listing that was just taken changes nothing when it comes again', () => {
  fc.assert(
    fc.property(listing, heldDigest, (one, held) => {
      const [first, second] = replay([one, one], held).map(textOf);
      expect(second).toBe(first);
    }),
  );
});
