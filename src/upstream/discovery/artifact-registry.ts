import { Fault } from '../../chart/fault.ts';
import { mediaTypes } from '../../formats/oci-manifest.ts';
import type { Login } from '../credentials/login.ts';
import type { HttpClient } from '../http/http.ts';
import { apiWithToken } from './api-access.ts';
import { isRow, readEachRow, readTags, type ApiPage, type ApiRow } from './api.ts';
import type { DiscoveredRepository, DiscoveredTag, Discovery, DiscoveryParts } from './discovery.ts';
import { childrenBelow, noSuchRepository } from './google-children.ts';

const product = 'Artifact Registry';
const api = new URL('https://artifactregistry.googleapis.com');
const advice =
  'Give the identity the role Artifact Registry Reader on this repository; an access token is good for an hour.';

/** Whether a host is one of Google's: `*-docker.pkg.dev`, `gcr.io` and its regions. */
export function isArtifactRegistry(host: string): boolean {
  return /^[a-z0-9-]+-docker\.pkg\.dev$/.test(host) || Object.hasOwn(locationOfGcr, host);
}

/** Where the repositories behind the names of Container Registry are. */
const locationOfGcr: Readonly<Record<string, string>> = {
  'gcr.io': 'us',
  'us.gcr.io': 'us',
  'eu.gcr.io': 'europe',
  'asia.gcr.io': 'asia',
};

/**
 * Whoever has an access token asks Google's API, which lists all images of a repository at once. Anybody else asks the
 * registry for what is below each path (`child` in a list of tags), since a key only opens the registry itself.
 */
export function artifactRegistryDiscovery(parts: DiscoveryParts): Discovery {
  const openApi = apiWithToken(parts, api, accessTokenOf);
  return {
    product,
    repositories: async (isWanted, signal) => {
      const place = placeOf(parts);
      const http = await openApi();
      return http
        ? await readImages(parts, http, place, isWanted, signal)
        : await childrenBelow(parts, place.root, isWanted, signal);
    },
  };
}

/** A repository of Artifact Registry. */
interface Place {
  /** As the API names it. */
  readonly parent: string;
  /** As the registry does: what its images have before their own name. */
  readonly root: string;
}

/** Reads `project/repository`; projects of a domain are two words. With the old names the host is the repository. */
function placeOf({ upstream, address }: DiscoveryParts): Place {
  const host = address.origin.hostname;
  const words = address.path.split('/').filter(Boolean);
  const projectWords = words[0]?.includes('.') ? 2 : 1;
  const project = words.slice(0, projectWords);
  const location = locationOfGcr[host] ?? host.replace(/-docker\.pkg\.dev$/, '');
  const isGcr = Object.hasOwn(locationOfGcr, host);
  const repository = isGcr ? host : words[projectWords];
  if (project.length < projectWords || repository === undefined) {
    const message = `${upstream}: Artifact Registry is listed one repository at a time, and the url names none.`;
    throw new Fault(
      'invalid-reference',
      message,
      `Write ${isGcr ? 'the project' : 'project/repository'} into the url.`,
    );
  }
  return {
    parent: `projects/${project.join(':')}/locations/${location}/repositories/${repository}`,
    root: [...project, ...(isGcr ? [] : [repository])].join('/'),
  };
}

async function readImages(
  { upstream, clock }: DiscoveryParts,
  http: HttpClient,
  { parent, root }: Place,
  isWanted: (repository: string) => boolean,
  signal: AbortSignal,
): Promise<readonly DiscoveredRepository[]> {
  const url = new URL(`/v1/${parent}/dockerImages?pageSize=1000`, api);
  const listing = { upstream, http, clock, signal, url, rows: 'dockerImages', next: pageBehind, advice };
  const images = await readEachRow(listing, imagesIn);
  if (!images) throw noSuchRepository(upstream, root);
  const byName = Map.groupBy(images, ({ name }) => `${root}/${name}`);
  return [...byName]
    .filter(([repository]) => isWanted(repository))
    .map(([repository, found]) => ({ repository, tags: found.map(({ tag }) => tag) }));
}

function imagesIn(row: ApiRow): readonly { readonly name: string; readonly tag: DiscoveredTag }[] {
  const [, name = '', digest] = /\/dockerImages\/([^/@]+)@(.+)$/.exec(String(row['name'])) ?? [];
  const tags = mayBeChart(row) ? readTags(row['tags'], digest, row['uploadTime']) : [];
  return tags.map((tag) => ({ name: decoded(name), tag }));
}

function mayBeChart({ artifactType }: ApiRow): boolean {
  return typeof artifactType !== 'string' || artifactType === '' || artifactType === mediaTypes.chartConfig;
}

function pageBehind({ url, body }: ApiPage): URL | undefined {
  const token = isRow(body) ? body['nextPageToken'] : undefined;
  if (typeof token !== 'string' || token === '') return undefined;
  const next = new URL(url);
  next.searchParams.set('pageToken', token);
  return next;
}

/** An image below a folder has `%2F` in its name. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return '';
  }
}

/** An access token, in either of the ways in which registries are given one. */
function accessTokenOf(login: Login): string | undefined {
  if (login.kind === 'bearer') return login.token;
  return login.kind === 'password' && login.username === 'oauth2accesstoken' ? login.password : undefined;
}
