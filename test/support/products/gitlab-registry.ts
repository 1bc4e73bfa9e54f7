import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { numberedPage, registryAnswer } from './registry-pages.ts';
import { askedOf, challenge, json, registryError, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface GitlabRegistryFixture {
  readonly shelf: RegistryShelf;
  /** Projects and groups, as the API knows them. */
  readonly projects: readonly string[];
  readonly groups: readonly string[];
  readonly username: string;
  readonly token: string;
  /** A deploy token: good for the registry, unknown to the API. */
  readonly deployToken?: boolean;
}

/** GitLab: the registry at one host, its token service and its API at another. */
export function gitlabRegistry(
  registryHost: string,
  gitlabHost: string,
  fixture: GitlabRegistryFixture,
): Readonly<Record<string, Site>> {
  const tokens = new TokenDesk();
  const isKnown = ({ headers }: SiteRequest): boolean =>
    headers.authorization === basicOf(fixture.username, fixture.token);
  return {
    [registryHost]: (request) => registry(gitlabHost, fixture, tokens, request),
    [gitlabHost]: (request) => {
      if (request.path !== '/jwt/auth') return api(fixture, request);
      // what the credentials may not do is left out of the token, never refused here
      if (request.headers.authorization !== undefined && !isKnown(request)) return denied;
      return json({ token: isKnown(request) ? tokens.give(request) : 'token-for-nothing' });
    },
  };
}

const denied = registryError(401, 'UNAUTHORIZED', 'HTTP Basic: Access denied.');

function registry(
  gitlab: string,
  { shelf }: GitlabRegistryFixture,
  tokens: TokenDesk,
  request: SiteRequest,
): SiteAnswer {
  const asked = askedOf(request);
  const scope = asked ? `repository:${asked.repository}:pull` : 'registry:catalog:*';
  // the catalog is for the administrators of the whole of it
  if (asked && tokens.admits(request, scope)) return registryAnswer(shelf, request);
  if (request.path === '/v2/' && tokens.admits(request)) return json({});
  const error = request.headers.authorization === undefined ? '' : ',error="insufficient_scope"';
  const asking = request.path === '/v2/' ? '' : `,scope="${scope}"`;
  return challenge(`Bearer realm="https://${gitlab}/jwt/auth",service="container_registry"${asking}${error}`);
}

function api(fixture: GitlabRegistryFixture, request: SiteRequest): SiteAnswer {
  const { shelf, projects, groups } = fixture;
  const who = whoAsks(fixture, request);
  if (who === 'nobody we know') return json({ message: '401 Unauthorized' }, 401);
  const [, kind, place = ''] =
    /^\/api\/v4\/(projects|groups)\/([^/]+)\/registry\/repositories$/.exec(request.path) ?? [];
  const full = decodeURIComponent(place);
  const isThere = (kind === 'projects' ? projects : groups).includes(full);
  // what is private is not there for strangers
  if (who === 'a stranger' || !isThere) return json({ message: '404 Not Found' }, 404);
  const mine = shelf.repositories.filter((repository) => `${repository}/`.startsWith(`${full}/`));
  const { rows, next, size } = numberedPage(request, mine, { name: 'per_page', usual: 20, most: 100 });
  const link = `<https://gitlab.internal:8080${request.path}?page=${next}&per_page=${size}>; rel="next"`;
  const body = rows.map((repository, id) => ({ id, name: repository, path: repository, location: `x/${repository}` }));
  return json(body, 200, { 'x-next-page': String(next ?? ''), ...(next !== undefined && { link }) });
}

function whoAsks(
  { token, deployToken }: GitlabRegistryFixture,
  { headers }: SiteRequest,
): 'a stranger' | 'nobody we know' | 'one of us' {
  const told = headers['private-token'] ?? headers.authorization?.replace(/^Bearer /, '');
  if (told === undefined) return 'a stranger';
  return told === token && !deployToken ? 'one of us' : 'nobody we know';
}
