import fc from 'fast-check';
import { expect, it } from 'vitest';

import { Catalog, claimTable, isRewritten } from '../../src/chart/catalog.ts';
import type { Claim, KnownClaim } from '../../src/chart/claim.ts';
import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { mergeHoldings } from '../../src/chart/holding.ts';
import { describeClaims, reconcile } from '../../src/chart/reconcile.ts';
import { tableOf, TableReader, type SharedTable } from '../../src/lib/shared-table.ts';
import { catalogOf } from '../support/indexes.ts';

const versions = ['1.0.0', '2.0.0'];
const since = '2026-01-01T00:00:00Z';

/** What a registry's tags point at, by version: some manifest, or nothing. */
type Tags = Readonly<Record<string, string>>;

/** What happens to a registry and to us, one thing after the other. */
type Step =
  | { readonly kind: 'push'; readonly version: string; readonly manifest: string }
  | { readonly kind: 'delete' | 'describe' | 'hold'; readonly version: string }
  | { readonly kind: 'list' | 'repeat' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('push' as const),
    version: fc.constantFrom(...versions),
    manifest: fc.constantFrom('x', 'y', 'z'),
  }),
  fc.record({
    kind: fc.constantFrom('delete' as const, 'describe' as const, 'describe' as const, 'hold' as const),
    version: fc.constantFrom(...versions),
  }),
  fc.record({ kind: fc.constantFrom('list' as const, 'list' as const, 'repeat' as const) }),
);

const digestIn = (manifest: string): Digest => digestOf(Buffer.from(manifest));
const tagOf = (version: string): Claim => ({ chart: 'demo', version, source: `demo:${version}` });

class Registry {
  tags: Tags = { '1.0.0': 'x' };
  known: SharedTable = tableOf([]);
  held: Readonly<Record<string, Digest>> = {};

  get snapshot(): SharedTable {
    const kept = Object.entries(this.held).map(([version, digest]) => {
      const archive = { mediaType: 'x', digest, size: 1 };
      return { chart: 'demo', version, archive, heldAt: since };
    });
    return mergeHoldings(tableOf([]), kept);
  }

  claims(version: string): readonly KnownClaim[] {
    return new Catalog(this.known).find('demo', version)?.claims ?? [];
  }

  take(one: Step): void {
    if (one.kind === 'push') this.tags = { ...this.tags, [one.version]: one.manifest };
    if (one.kind === 'delete') {
      this.tags = Object.fromEntries(Object.entries(this.tags).filter(([version]) => version !== one.version));
    }
    if (one.kind === 'list') this.#reconcile(claimTable(Object.keys(this.tags).map(tagOf)));
    if (one.kind === 'repeat') this.#reconcile(present(this.known));
    if (one.kind === 'describe') this.#describe(one.version);
    if (one.kind === 'hold') this.#hold(one.version);
  }

  #reconcile(listed: SharedTable): void {
    const input = { known: this.known, listed, held: this.snapshot, now: since, patience: 3, maxLoss: 1 };
    this.known = catalogOf(reconcile(input));
  }

  /** As it is done for a tag that is not described yet, or that was found to have moved. */
  #describe(version: string): void {
    const manifest = this.tags[version];
    const claim = this.claims(version).find(({ missing }) => !missing);
    if (manifest === undefined || !claim) return;
    const tag = `demo:${version}`;
    const described = { ...claim, source: `demo@${manifest}`, digest: digestIn(manifest), metadata: '{}', tag };
    this.known = describeClaims(this.known, [described], this.snapshot);
  }

  /** The first bytes of a described version; the first ones only. */
  #hold(version: string): void {
    const digest = this.claims(version).find(({ missing }) => !missing)?.digest;
    if (digest !== undefined) this.held = { [version]: digest, ...this.held };
  }
}

/** What the last listing had, as an answer that says it is unchanged has it again. */
function present(known: SharedTable): SharedTable {
  const rows = new TableReader(known);
  const all = [...new Catalog(known).all()].flatMap(({ claims }) => claims);
  expect(all.length).toBe(rows.size);
  return claimTable(
    all
      .filter(({ missing }) => !missing)
      .map(({ chart, version, tag, source }) => ({ chart, version, source: tag ?? source })),
  );
}

function each(check: (registry: Registry, last: Step) => void): void {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const registry = new Registry();
      for (const one of steps) {
        registry.take(one);
        check(registry, one);
      }
    }),
    { numRuns: 500 },
  );
}

it('a claim whose bytes are held is in the catalog for ever, whatever is listed and described', () => {
  each((registry) => {
    for (const [version, digest] of Object.entries(registry.held)) {
      expect(registry.claims(version).map((claim) => claim.digest)).toContain(digest);
    }
  });
});

it('a version is rewritten exactly while the tag that was described last has other bytes than the ones held', () => {
  const described = new Map<string, Digest>();
  let registryOfBefore: Registry | undefined;
  each((registry, last) => {
    if (registry !== registryOfBefore) described.clear();
    registryOfBefore = registry;
    if (last.kind === 'describe') {
      const digest = registry.claims(last.version).find(({ missing }) => !missing)?.digest;
      if (digest !== undefined) described.set(last.version, digest);
    }
    for (const [version, held] of Object.entries(registry.held)) {
      const claims = registry.claims(version);
      const isListed = claims.some(({ missing }) => !missing);
      const digest = described.get(version);
      expect(isRewritten(claims, held)).toBe(isListed && digest !== held);
    }
  });
});

it('no version has more than two claims after a listing: the one that is held and the one that is listed', () => {
  each((registry, last) => {
    if (last.kind !== 'list') return;
    for (const version of versions) {
      const claims = registry.claims(version);
      expect(claims.length).toBeLessThanOrEqual(version in registry.held ? 2 : 1);
      expect(claims.filter(({ missing }) => !missing).length).toBe(version in registry.tags ? 1 : 0);
    }
  });
});

it('every version that is listed is there, with its first date', () => {
  each((registry, last) => {
    if (last.kind !== 'list') return;
    for (const version of Object.keys(registry.tags)) {
      expect(new Set(registry.claims(version).map((claim) => claim.since))).toEqual(new Set([since]));
    }
  });
});
