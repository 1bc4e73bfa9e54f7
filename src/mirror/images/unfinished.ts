import type { KnownClaim } from '../../chart/claim.ts';
import { inPieces } from '../../lib/at-once.ts';
import type { Known } from '../committing/known.ts';
import type { Offer } from '../offering/served.ts';
import { unheard } from '../reading/rulings.ts';

/** The first upstream that may yet turn out to have a chart's version with a digest that nobody knows. */
export async function waitingFor(offer: Offer, chart: string): Promise<Known | undefined> {
  return unheard(offer, chart) ?? undescribed(offer, chart);
}

/** A registry's tags say nothing of digests until they are described. */
async function undescribed({ selection, members }: Offer, chart: string): Promise<Known | undefined> {
  if (!members.some(({ settings, catalog }) => settings.type === 'registry' && catalog.has(chart))) return undefined;
  let waiting: Known | undefined;
  // there may be thousands, and each is read from its text
  await inPieces(selection.offered(chart), ({ member, version }) => {
    const known = members[member];
    if (known?.settings.type === 'registry' && version.claims.some(isUnknown)) waiting ??= known;
  });
  return waiting;
}

function isUnknown({ digest, documents, refused, source }: KnownClaim): boolean {
  return digest === undefined && documents === undefined && refused === undefined && !source.includes('@sha256:');
}
