import type { Catalog } from '../../chart/catalog.ts';
import type { KnownClaim } from '../../chart/claim.ts';
import { digestOf } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import type { Blobs } from '../../store/blobs.ts';
import { fetchArtifactPart, fetchDocument } from '../fetching/fetch-artifact.ts';
import { fetchArchive, fetchProvenance, type ArchiveCheck } from '../fetching/fetch.ts';
import type { Intake } from '../fetching/intake.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Need } from './needs.ts';
import { unknownSource } from './rebuild.ts';

export interface RestoreParts {
  readonly blobs: Pick<Blobs, 'put'>;
  /** Those that are configured. */
  readonly upstreams: readonly UpstreamSettings[];
  readonly check: ArchiveCheck;
  readonly intake: Intake;
  /** The catalog of an upstream; undefined when it has none that can be read. */
  readonly catalogOf: (upstream: string) => Promise<Catalog | undefined>;
  readonly signal: AbortSignal;
}

/** What came of it: from whom the bytes were fetched, or why from nobody. */
export type Restored = { readonly from: string } | { readonly why: string };

/** Fetches the bytes of a blob again from any upstream of those that need it. Nothing but the same bytes will do. */
export async function restoreBlob(parts: RestoreParts, needs: readonly Need[]): Promise<Restored> {
  let why = 'Nobody knows where it came from.';
  for (const need of needs) {
    try {
      const bytes = await fetchAgain(parts, need);
      await parts.blobs.put(bytes, need.descriptor.mediaType);
      return { from: need.upstream };
    } catch (error) {
      parts.signal.throwIfAborted();
      // the store's trouble is not the upstream's word on the matter
      if (!(error instanceof Fault) || error.code === 'store-failed') throw error;
      why = error.message;
    }
  }
  return { why };
}

async function fetchAgain(parts: RestoreParts, need: Need): Promise<Uint8Array> {
  const { upstream: name, chart, version, descriptor } = need;
  const settings = parts.upstreams.find((one) => one.name === name);
  if (!settings) throw unavailable(`${name} is not configured any more.`);
  if (settings.retired) throw unavailable(`${name} is retired, and is not asked.`);
  const listed = (await parts.catalogOf(name))
    ?.find(chart, version)
    ?.claims.filter(({ source }) => source !== unknownSource);
  const claims = listed?.length ? listed : await findClaims(settings, need, parts.signal);
  const bytes = await fetchPart(parts, settings, need, claims);
  if (bytes && digestOf(bytes) === descriptor.digest) return bytes;
  throw unavailable(`${name} does not have these bytes any more.`);
}

/** Without a catalog, upstream itself may know where the version is. */
async function findClaims(
  { upstream }: UpstreamSettings,
  { chart, version }: Need,
  signal: AbortSignal,
): Promise<readonly KnownClaim[]> {
  const found = await upstream.find(chart, version, signal);
  return found ? [{ ...found, since: '' }] : [];
}

async function fetchPart(
  { check, intake, signal }: RestoreParts,
  settings: UpstreamSettings,
  { part, descriptor }: Need,
  claims: readonly KnownClaim[],
): Promise<Uint8Array | undefined> {
  if (part === 'archive') {
    // only these bytes may come, whatever is promised now
    const promised = claims.map((claim) => ({ ...claim, digest: descriptor.digest }));
    return (await fetchArchive({ settings, claims: promised, check, intake, signal }))?.bytes;
  }
  if (part === 'provenance') return (await fetchProvenance({ settings, claims, intake, signal }))?.bytes;
  if (part === 'artifact') return fetchArtifactPart({ settings, claims, intake, signal }, descriptor);
  return (await fetchDocument({ settings, claims, signal }, descriptor))?.bytes;
}

function unavailable(message: string): Fault {
  return new Fault('not-found', message, 'Restore the blob from a backup.');
}
