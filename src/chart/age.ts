import { firstSightOf, type Catalog, type ChartVersion } from './catalog.ts';
import type { KnownClaim } from './claim.ts';

/**
 * Since when a version is known: epoch milliseconds. One of the upstream's first good listing is as old as `claim`, which
 * speaks for it, says; any other as old as our first sight of it.
 */
export function knownSinceMs(catalog: Catalog, version: ChartVersion, claim: KnownClaim | undefined): number {
  const sight = firstSightOf(version);
  const sightMs = Date.parse(sight);
  if (sight !== catalog.firstListing) return sightMs;
  const createdMs = Date.parse(claim?.created ?? '');
  // nothing is younger than our first sight of it, whatever it says
  return Number.isNaN(createdMs) ? sightMs : Math.min(createdMs, sightMs);
}
