import { firstSightOf, isRewritten, isWithdrawn, neverSeen } from '../../chart/catalog.ts';
import type { KnownClaim } from '../../chart/claim.ts';
import type { Digest } from '../../chart/digest.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import { blobKey } from '../../store/layout.ts';
import type { Known } from '../committing/known.ts';
import type { UpstreamWord } from '../contract/explain.ts';
import { faultReport, provenanceReport } from '../status.ts';

/** What one upstream has to do with a chart; with `version`, an exact text, with that one. */
export function upstreamWord(known: Known, chart: string, version: string | undefined): UpstreamWord {
  // what was found to be something else than a chart is not listed as one
  const listed = [...known.catalog.versions(chart)].filter((one) => firstSightOf(one) !== neverSeen);
  const meant = listed.filter((one) => version === undefined || one.version === version);
  const since = meant.map(firstSightOf).reduce((first, one) => (one < first ? one : first), neverSeen);
  const claims = version === undefined ? [] : meant.flatMap((one) => one.claims);
  const kept = version === undefined ? undefined : known.held(chart, version);
  const fault = known.damage ?? (known.settings.retired ? undefined : known.attempts.fault);
  return {
    upstream: known.name,
    everListed: known.listed,
    lists: meant.length > 0,
    versions: listed.length,
    ...(meant.length > 0 && { since }),
    withdrawn: meant.length > 0 && meant.every(isWithdrawn),
    claimed: latestDigests(claims),
    rewritten: kept !== undefined && isRewritten(claims, kept.archive.digest),
    ...(kept && heldWords(known, kept)),
    ...(fault && { fault: faultReport(fault) }),
  };
}

/**
 * The digests of the claims that a listing had last: those it has now, else those with the fewest absences. These are
 * counted until a version is withdrawn, so of one that is withdrawn it may be all.
 */
function latestDigests(claims: readonly KnownClaim[]): readonly Digest[] {
  const fewest = Math.min(...claims.map(({ missing = 0 }) => missing));
  return [...new Set(claims.flatMap(({ missing = 0, digest }) => (missing === fewest ? (digest ?? []) : [])))];
}

function heldWords({ offering }: Known, kept: KeptVersion): Pick<UpstreamWord, 'held' | 'provenance'> {
  const { archive, heldAt } = kept;
  const { digest, size } = archive;
  const held = { digest, size, heldAt, key: blobKey(digest) };
  return { held, ...(offering.verifies && { provenance: provenanceReport(offering, kept) }) };
}
