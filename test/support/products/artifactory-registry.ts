import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { namesPage, registryAnswer } from './registry-pages.ts';
import { json, registryError, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';

export interface ArtifactoryRegistryFixture {
  /** Repositories with their key before them. */
  readonly shelf: RegistryShelf;
  readonly username: string;
  readonly token: string;
  /** Artifactory's own repositories. */
  readonly keys: readonly { readonly key: string; readonly type: string; readonly packageType: string }[];
  /** Whether names in a catalog have the key before them. */
  readonly prefixed?: boolean;
  /** Of a list of tags. */
  readonly pageSize?: number;
}

const identity = { 'x-jfrog-version': 'Artifactory/7.98.7 79807900', 'x-artifactory-id': 'a1b2c3' };

/** Artifactory, whose docker and OCI repositories are told apart by the first word of a path. */
export function artifactoryRegistry(fixture: ArtifactoryRegistryFixture): Site {
  return (request) => {
    const answer = isKnown(fixture, request) ? admitted(fixture, request) : refused;
    return { ...answer, headers: { ...answer.headers, ...identity } };
  };
}

const refused = {
  ...registryError(401, 'UNAUTHORIZED', 'The client needs to authenticate.'),
  headers: { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="Artifactory Realm"' },
};

function isKnown({ username, token }: ArtifactoryRegistryFixture, { headers }: SiteRequest): boolean {
  return headers.authorization === basicOf(username, token) || headers.authorization === `Bearer ${token}`;
}

function admitted(fixture: ArtifactoryRegistryFixture, request: SiteRequest): SiteAnswer {
  if (request.path === '/artifactory/api/repositories') {
    const inside = 'http://artifactory.internal:8082/artifactory';
    return json(fixture.keys.map((key) => ({ ...key, url: `${inside}/${key.key}` })));
  }
  const [, kind, of] = /^\/artifactory\/api\/([^/]+)\/([^/]+)\/v2\/_catalog$/.exec(request.path) ?? [];
  if (of !== undefined) return catalogOf(fixture, request, of, kind);
  // the key is lost on the way to the next page
  const link = (query: string): string => `${request.path.replace(/^\/v2\/[^/]+/, '/v2')}?${query}`;
  return registryAnswer(fixture.shelf, request, { pageSize: fixture.pageSize ?? 1000, link });
}

/** A remote repository lists nothing. */
function catalogOf(
  { shelf, keys, prefixed }: ArtifactoryRegistryFixture,
  request: SiteRequest,
  of: string,
  kind: string | undefined,
): SiteAnswer {
  const key = keys.find((one) => one.key === of && one.packageType.toLowerCase() === kind);
  if (!key) return registryError(404, 'NOT_FOUND');
  const mine = shelf.repositories.filter((repository) => key.type === 'LOCAL' && repository.startsWith(`${of}/`));
  const repositories = mine.map((repository) => (prefixed ? repository : repository.slice(of.length + 1)));
  return namesPage(request, { repositories });
}
