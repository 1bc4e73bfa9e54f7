import { Fault } from '../../chart/fault.ts';
import type { HttpClient } from '../http/http.ts';
import { RegistryClient } from '../registry/client.ts';
import { isRow, readRows } from './api.ts';
import type { DiscoveredRepository, Discovery, DiscoveryParts } from './discovery.ts';
import { ownApi } from './own-api.ts';
import { cannotBeBrowsed } from './unbrowsable.ts';

const product = 'Artifactory';
const advice = 'Check auth: the user or the token needs the right to read the repository; a token may have expired.';

/** A repository of Artifactory's own, which holds those of a registry. */
interface Key {
  readonly name: string;
  /** As its API has it: `docker`, `helmoci`, `oci`. */
  readonly type: string;
  /** It holds things itself, rather than showing what others have. */
  readonly isLocal: boolean;
}

/**
 * Artifactory has a catalog for each of its repositories. Where the url begins with the key of one, that one's is read
 * (`/artifactory/api/<type>/<key>/v2/_catalog`); else the host stands for a repository, and its `/v2/_catalog` is. A
 * remote or virtual one that names nothing lists nothing at all, which is a fault.
 */
export function artifactoryDiscovery(parts: DiscoveryParts): Discovery {
  const { upstream, address } = parts;
  const open = ownApi(parts);
  let keys: ReadonlyMap<string, Key> | undefined;
  return {
    product,
    repositories: async (isWanted, signal) => {
      const [first = ''] = address.path.split('/');
      keys ??= first === '' ? new Map() : await readKeys(parts, open, signal);
      const key = keys.get(first);
      const registry = new RegistryClient({ upstream, origin: address.origin, http: open() });
      const at = key && new URL(`/artifactory/api/${key.type}/${key.name}/v2/_catalog`, address.origin);
      const names = await registry.catalog(signal, at);
      if (!names) {
        keys = undefined;
        throw cannotBeBrowsed(upstream, product);
      }
      if (names.length === 0 && key && !key.isLocal) throw silent(upstream, key);
      return repositoriesOf(names, key).filter(({ repository }) => isWanted(repository));
    },
  };
}

async function readKeys(
  { upstream, address, clock }: DiscoveryParts,
  open: () => HttpClient,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Key>> {
  const url = new URL('/artifactory/api/repositories', address.origin);
  const rows = (await readRows({ upstream, clock, http: open(), signal, url, advice })) ?? [];
  const keys = rows.filter(isRow).map(({ key, type, packageType }) => {
    const isLocal = type !== 'REMOTE' && type !== 'VIRTUAL';
    return { name: String(key), type: String(packageType).toLowerCase(), isLocal };
  });
  return new Map(keys.map((key) => [key.name, key]));
}

/** The key stands before a name already, or does not. */
function repositoriesOf(names: readonly string[], key: Key | undefined): readonly DiscoveredRepository[] {
  if (!key) return names.map((repository) => ({ repository }));
  const prefix = `${key.name}/`;
  return names.map((name) => ({ repository: name.startsWith(prefix) ? name : prefix + name }));
}

function silent(upstream: string, { name }: Key): Fault {
  const message = `${upstream}: Artifactory lists nothing of ${name}, which shows what other registries have.`;
  return new Fault('no-charts-found', message, 'Name the charts in charts, and leave out discover.');
}
