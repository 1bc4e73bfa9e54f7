import { Fault } from '../../chart/fault.ts';
import { isRepository } from '../../formats/oci-manifest.ts';
import { eachOf, isRow, readPages, readTags } from './api.ts';
import type { DiscoveredRepository, DiscoveredTag, DiscoveryParts } from './discovery.ts';
import { noSuchOwner } from './unbrowsable.ts';

const advice =
  'Give the identity the role Artifact Registry Reader, or let allUsers read the repository; or name the charts in charts.';
const maxPaths = 10_000;

/** What a list of tags of Google's registries says of one path. */
interface Folder {
  /** Undefined where there is nothing, or nothing that is wanted. */
  readonly repository: DiscoveredRepository | undefined;
  readonly below: readonly string[];
}

/**
 * The repositories below a path, by the lists of tags of Google's registries: they name what is below a path (`child`)
 * and the digest of each tag (`manifest`). One request for each path.
 */
export async function childrenBelow(
  parts: DiscoveryParts,
  root: string,
  isWanted: (repository: string) => boolean,
  signal: AbortSignal,
): Promise<readonly DiscoveredRepository[]> {
  const found: DiscoveredRepository[] = [];
  let level: readonly string[] = [root];
  for (let asked = 1; level.length > 0; asked += level.length) {
    if (asked > maxPaths) throw tooMany(parts.upstream, root);
    const folders = await eachOf(level, signal, (path, either) => readFolder(parts, path, isWanted, either));
    if (asked === 1 && folders[0] === undefined) throw noSuchRepository(parts.upstream, root);
    level = folders.flatMap((folder) => folder?.below ?? []);
    found.push(...folders.flatMap((folder) => folder?.repository ?? []));
  }
  return found;
}

async function readFolder(
  { upstream, http, clock, address }: DiscoveryParts,
  path: string,
  isWanted: (repository: string) => boolean,
  signal: AbortSignal,
): Promise<Folder | undefined> {
  const url = new URL(`/v2/${path}/tags/list?n=1000`, address.origin);
  const bodies = await readPages({ upstream, http, clock, signal, url, advice }, ({ body }) => [body].filter(isRow));
  if (!bodies) return undefined;
  const children: readonly unknown[] = bodies.flatMap(({ child }) => (Array.isArray(child) ? child : []));
  const tags = isWanted(path) ? bodies.flatMap(({ manifest }) => tagsIn(manifest)) : [];
  return {
    repository: tags.length > 0 ? { repository: path, tags } : undefined,
    below: children
      .filter((name) => typeof name === 'string')
      .map((name) => `${path}/${name}`)
      .filter(isRepository),
  };
}

function tagsIn(manifest: unknown): readonly DiscoveredTag[] {
  const rows = Object.entries(isRow(manifest) ? manifest : {});
  return rows.flatMap(([digest, row]) =>
    isRow(row) ? readTags(row['tag'], digest, timeOf(row['timeUploadedMs'])) : [],
  );
}

/** Milliseconds since the epoch, as text. */
function timeOf(ms: unknown): string | undefined {
  return /^\d{12,13}$/.test(String(ms)) ? new Date(Number(ms)).toISOString() : undefined;
}

function tooMany(upstream: string, root: string): Fault {
  const message = `${upstream}: there are more than ${maxPaths} paths below ${root}.`;
  return new Fault(
    'listing-invalid',
    message,
    'Use an access token or a provider, which lists them at once; or name the charts.',
  );
}

/** The fault for an address where Google has nothing. */
export function noSuchRepository(upstream: string, root: string): Fault {
  return noSuchOwner(upstream, 'Google', `repository ${root}`, 'Check location, project and repository in the url.');
}
