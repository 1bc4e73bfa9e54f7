import type { KnownClaim } from '../../chart/claim.ts';
import { Fault, type FaultCode } from '../../chart/fault.ts';
import { manifestTypeOf } from '../../formats/oci-artifact.ts';
import { mediaTypes } from '../../formats/oci-manifest.ts';
import type { Blobs } from '../../store/blobs.ts';
import type { Known } from '../committing/known.ts';

/** What a registry says of a tag for good: asking again would not change it. */
const final: ReadonlySet<FaultCode> = new Set(['not-a-chart', 'archive-invalid', 'too-large']);

/**
 * Asks a registry what a listed tag is, and keeps its manifest and config verbatim. A tag that is no chart comes back
 * refused, so that it is not asked about again; undefined when the registry no longer has it.
 */
export async function describeVersion(parts: {
  readonly known: Known;
  readonly claim: KnownClaim;
  readonly blobs: Blobs;
  readonly signal: AbortSignal;
}): Promise<KnownClaim | undefined> {
  const { known, claim, blobs, signal } = parts;
  try {
    const description = await known.settings.upstream.describe(claim.source, signal);
    if (!description) return undefined;
    const documents = {
      manifest: await blobs.put(description.manifest, manifestTypeOf(description.manifest)),
      config: await blobs.put(description.config, mediaTypes.chartConfig),
    };
    const { chart, version, source: tag } = claim;
    return { ...claim, brief: undefined, ...description.claim, chart, version, tag, documents };
  } catch (error) {
    if (!(error instanceof Fault) || !final.has(error.code)) throw error;
    return { ...claim, tag: claim.source, refused: error.code };
  }
}
