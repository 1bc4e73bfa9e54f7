import { isRepository } from '../../formats/oci-manifest.ts';
import { eachOf, isRow, readChart, readEachRow, readTag, type ApiRow } from './api.ts';
import type { DiscoveredRepository, DiscoveredTag, Discovery, DiscoveryParts } from './discovery.ts';
import { ownApi } from './own-api.ts';
import { noSuchOwner } from './unbrowsable.ts';

const product = 'Harbor';
const advice =
  'Let the robot account list and pull repositories and list artifacts and tags of the project; its secret may have expired.';

/**
 * Harbor's own API (`/api/v2.0`): the repositories of the project that the url begins with, or of every project, then
 * the artifacts of each wanted repository, which say what is a chart and have the whole of its Chart.yaml.
 */
export function harborDiscovery(parts: DiscoveryParts): Discovery {
  const rowsAt = rowReader(parts);
  return {
    product,
    repositories: async (isWanted, signal) => {
      const [own = ''] = parts.address.path.split('/');
      const seen = own === '' ? await rowsAt('projects', '', nameIn, signal) : [own];
      const projects = (seen ?? []).filter(isRepository);
      const lists = await eachOf(projects, signal, async (project, either) => {
        const names = await rowsAt(`projects/${project}/repositories`, '', nameIn, either);
        if (!names) throw noSuchOwner(parts.upstream, product, `project ${project}`, advice);
        return names.filter(isWanted);
      });
      const found = await eachOf(lists.flat(), signal, (name, either) => chartsIn(rowsAt, name, either));
      return found.filter((one) => one !== undefined);
    },
  };
}

/** Reads all pages at a path of the API; undefined when it is not there. */
type RowReader = <T>(
  path: string,
  query: string,
  read: (row: ApiRow) => readonly T[],
  signal: AbortSignal,
) => Promise<readonly T[] | undefined>;

function rowReader(parts: DiscoveryParts): RowReader {
  const { upstream, clock, address } = parts;
  const open = ownApi(parts);
  return (path, query, read, signal) => {
    const url = new URL(`/api/v2.0/${path}?page=1&page_size=100${query}`, address.origin);
    return readEachRow({ upstream, clock, http: open(), signal, url, advice }, read);
  };
}

/** Undefined when it was deleted meanwhile. */
async function chartsIn(
  rowsAt: RowReader,
  repository: string,
  signal: AbortSignal,
): Promise<DiscoveredRepository | undefined> {
  const [project = '', ...rest] = repository.split('/');
  // whatever routes it decodes the name once
  const name = encodeURIComponent(encodeURIComponent(rest.join('/')));
  const path = `projects/${project}/repositories/${name}/artifacts`;
  const tags = await rowsAt(path, '&with_tag=true&q=type%3DCHART', tagsOf, signal);
  // pages shift while somebody pushes: what ended one begins the next again
  const once = new Map(tags?.map((tag) => [tag.tag, tag]));
  return tags && { repository, tags: [...once.values()] };
}

function tagsOf({ type, digest, annotations, tags, extra_attrs: fields }: ApiRow): readonly DiscoveredTag[] {
  if (type !== 'CHART' || !Array.isArray(tags)) return [];
  const created = isRow(annotations) ? annotations['org.opencontainers.image.created'] : undefined;
  const chart = readChart(fields);
  return tags
    .filter(isRow)
    .flatMap(({ name }) => readTag(name, digest, created) ?? [])
    .map((tag) => ({ ...tag, chart }));
}

function nameIn({ name }: ApiRow): readonly string[] {
  return typeof name === 'string' ? [name] : [];
}
