import type { KnownClaim, SourceRef } from '../../chart/claim.ts';
import { digestOf, type Descriptor } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { readAll, TooManyBytes } from '../../lib/bytes.ts';
import type { Incoming } from '../../upstream/contract.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Fetched } from './fetch.ts';
import type { Intake } from './intake.ts';

interface Fetching {
  readonly settings: UpstreamSettings;
  readonly claims: readonly KnownClaim[];
  readonly intake: Intake;
  readonly signal: AbortSignal;
}

/** Where a registry may have what is beside a version: the places of its claims. */
export function placesOf(claims: readonly KnownClaim[]): readonly SourceRef[] {
  const places = claims.flatMap(({ source, tag }) => (tag === undefined ? [source] : [source, tag]));
  // of a catalog that was made of what is held nobody knows where it came from
  return [...new Set(places)].filter((place) => place !== '');
}

/**
 * Fetches a part of an artifact from the first place that has it: the very bytes that the descriptor names. Undefined when
 * upstream has them no more. Rejects with 'digest-mismatch' for others.
 */
export async function fetchArtifactPart(
  { settings, claims, intake, signal }: Fetching,
  part: Descriptor,
): Promise<Buffer | undefined> {
  for (const place of placesOf(claims)) {
    const incoming = await settings.upstream.artifacts?.open(place, part, signal);
    if (incoming) return intake.take(settings.name, part.size, () => readExactly(settings, incoming, part));
  }
  return undefined;
}

/**
 * Has the registry describe a version again, for its manifest or its config: the very bytes that the descriptor names.
 * Undefined when it has others by now, or none.
 */
export async function fetchDocument(
  { settings, claims, signal }: Omit<Fetching, 'intake'>,
  document: Descriptor,
): Promise<Fetched | undefined> {
  for (const place of placesOf(claims)) {
    const { manifest, config } = (await settings.upstream.describe(place, signal)) ?? {};
    const bytes = [manifest, config].find((one) => one && digestOf(one) === document.digest);
    if (bytes) return { bytes: Buffer.from(bytes), digest: document.digest };
  }
  return undefined;
}

async function readExactly({ name }: UpstreamSettings, incoming: Incoming, part: Descriptor): Promise<Buffer> {
  const bytes = await readAll(incoming.body, part.size).catch((error: unknown) => {
    if (error instanceof TooManyBytes) return undefined;
    throw error;
  });
  if (bytes && bytes.length === part.size && digestOf(bytes) === part.digest) return bytes;
  throw new Fault(
    'digest-mismatch',
    `${name}: what came as ${part.digest} is not the bytes that it names.`,
    'It is not kept. Something between us and the registry changes bytes.',
  );
}
