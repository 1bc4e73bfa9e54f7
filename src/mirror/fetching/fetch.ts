import type { KnownClaim } from '../../chart/claim.ts';
import { digestOf, type Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { readAll, TooManyBytes } from '../../lib/bytes.ts';
import type { Part } from '../../upstream/contract.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Intake } from './intake.ts';

/** Says whether bytes are the chart archive they should be; rejects with 'archive-invalid' or 'too-large'. */
export type ArchiveCheck = (
  bytes: Uint8Array,
  expected: { readonly upstream: string; readonly chart: string; readonly version: string },
) => Promise<void>;

/** No provenance file is larger. */
export const maxProvenanceBytes = 1024 * 1024;
const provenanceStart = '-----BEGIN PGP SIGNED MESSAGE-----';

/** Bytes that were measured and hashed, and are what they were promised to be. */
export interface Fetched {
  readonly bytes: Buffer;
  readonly digest: Digest;
}

/** What is fetched: from the first of the claims that has it, within a number of bytes at once. */
interface Fetching {
  readonly settings: UpstreamSettings;
  readonly claims: readonly KnownClaim[];
  readonly intake: Intake;
  readonly signal: AbortSignal;
}

/**
 * Fetches the archive of a version from the first of its claims that has it: bounded, hashed, compared with what was
 * claimed, name and version inside checked. Undefined when upstream has it no more.
 */
export async function fetchArchive({
  check,
  ...fetching
}: Fetching & { readonly check: ArchiveCheck }): Promise<Fetched | undefined> {
  const { settings, claims } = fetching;
  const promised = new Set(claims.map((claim) => claim.digest).filter((digest) => digest !== undefined));
  const problems: unknown[] = [];
  for (const claim of claims) {
    try {
      const bytes = await fetchBytes(fetching, claim, 'archive', settings.maxArchiveBytes);
      if (!bytes) continue;
      refuseWhatIsNoArchive(settings, claim, bytes);
      const digest = digestOf(bytes);
      if (promised.size > 0 && !promised.has(digest)) throw mismatch(settings, claim, digest);
      await check(bytes, { upstream: settings.name, chart: claim.chart, version: claim.version });
      return { bytes, digest };
    } catch (error) {
      problems.push(error);
    }
  }
  if (problems.length > 0) return Promise.reject(problems[0] as Error);
  return undefined;
}

/** Fetches the provenance of a version; undefined when upstream has none. */
export async function fetchProvenance(fetching: Fetching): Promise<Fetched | undefined> {
  const { settings, claims } = fetching;
  for (const claim of claims) {
    const bytes = await fetchBytes(fetching, claim, 'provenance', maxProvenanceBytes);
    if (!bytes) continue;
    if (bytes.toString('latin1').includes(provenanceStart)) return { bytes, digest: digestOf(bytes) };
    throw new Fault(
      'upstream-failed',
      `${settings.name}: what stands at the provenance of ${claim.chart} ${claim.version} is no signed message.`,
      'Look at the .prov file upstream with curl; a server may answer with a page where there is no file.',
      { lasting: true },
    );
  }
  return undefined;
}

async function fetchBytes(
  { settings, intake, signal }: Fetching,
  claim: KnownClaim,
  part: Part,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const incoming = await settings.upstream.open(claim.source, part, signal);
  if (!incoming) return undefined;
  try {
    if ((incoming.size ?? 0) > maxBytes) {
      await incoming.body[Symbol.asyncIterator]().return?.();
      throw new TooManyBytes(maxBytes);
    }
    const bytes = await intake.take(settings.name, incoming.size ?? maxBytes, () => readAll(incoming.body, maxBytes));
    requireDigest(settings, claim, part, incoming.digest, bytes);
    return bytes;
  } catch (error) {
    if (!(error instanceof TooManyBytes)) throw error;
    throw new Fault(
      'too-large',
      `${settings.name}: the ${part} of ${claim.chart} ${claim.version} is larger than ${maxBytes} bytes.`,
      part === 'archive'
        ? 'Raise maxArchiveBytes of this upstream if the chart is meant to be that large.'
        : 'No provenance file is that large.',
    );
  }
}

/** What a server says instead of an archive is its trouble, not the chart's. */
function refuseWhatIsNoArchive({ name }: UpstreamSettings, { chart, version }: KnownClaim, bytes: Buffer): void {
  const isPage = bytes.toString('latin1', 0, 64).trimStart().startsWith('<');
  if (bytes.length > 0 && !isPage) return;
  throw new Fault(
    'upstream-failed',
    `${name}: instead of the archive of ${chart} ${version} came ${isPage ? 'a web page' : 'nothing'}.`,
    'Ask for it with curl: the server may want credentials, or the url in its index is wrong.',
  );
}

/** A registry names every blob by its digest. */
function requireDigest(
  { name }: UpstreamSettings,
  { chart, version }: KnownClaim,
  part: Part,
  digest: Digest | undefined,
  bytes: Buffer,
): void {
  if (digest === undefined || digestOf(bytes) === digest) return;
  throw new Fault(
    'digest-mismatch',
    `${name}: the ${part} of ${chart} ${version} is not the bytes that its manifest names.`,
    'It is not served. Something between us and the registry changes bytes.',
  );
}

function mismatch(settings: UpstreamSettings, claim: KnownClaim, digest: Digest): Fault {
  return new Fault(
    'digest-mismatch',
    `${settings.name}: the archive of ${claim.chart} ${claim.version} has the digest ${digest}, its listing promised ${claim.digest ?? 'another'}.`,
    'It is not served. The publisher changed the archive or the index; ask them which is right.',
  );
}
