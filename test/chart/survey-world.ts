import type { Attachments } from '../../src/chart/attachments.ts';
import { Catalog, claimTable } from '../../src/chart/catalog.ts';
import type { KnownClaim } from '../../src/chart/claim.ts';
import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { mergeHoldings, Snapshot, type KeptVersion } from '../../src/chart/holding.ts';
import { Offering, type OfferRules } from '../../src/chart/offering.ts';
import { namesIn, survey, type MirrorPolicy } from '../../src/chart/survey.ts';
import { tableOf } from '../../src/lib/shared-table.ts';

/** Long after everything that nobody says another time of. */
export const nowMs = Date.parse('2026-06-01T00:00:00Z');
export const [digestA, digestB] = [digestOf(Buffer.from('a')), digestOf(Buffer.from('b'))];

/** A row of what an upstream lists. */
export function claim(chart: string, version: string, more: Partial<KnownClaim> = {}): KnownClaim {
  return { chart, version, source: 'x', since: '2026-01-01T00:00:00Z', metadata: '{}', ...more };
}

/** A version that is held. */
export function kept(chart: string, version: string, digest: Digest = digestA, more: Attachments = {}): KeptVersion {
  const archive = { mediaType: 'application/gzip', digest, size: 100 };
  return { chart, version, archive, heldAt: '2026-01-01T00:00:00Z', ...more };
}

/** What is found when this is looked over. */
export function look(
  claims: readonly KnownClaim[],
  held: readonly KeptVersion[] = [],
  policy: MirrorPolicy = 'all',
  rules: Partial<OfferRules> = {},
) {
  const [catalog, snapshot] = [new Catalog(claimTable(claims)), new Snapshot(mergeHoldings(tableOf([]), held))];
  const offering = new Offering(catalog, snapshot, {
    charts: ['*'],
    versions: [],
    withdrawn: 'keep',
    heldOnly: false,
    ...rules,
  });
  const { wanted, undescribed, rewrites, unverified, ...counts } = survey(offering, { policy, nowMs });
  const words = (names: SharedArrayBuffer): string[] => [...namesIn(names)].map((name) => name.join(' '));
  const lists = { undescribed: words(undescribed), rewrites: words(rewrites), unverified: words(unverified) };
  return { counts, wanted: words(wanted), ...lists };
}
