import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { numberedPage, registryAnswer } from './registry-pages.ts';
import { challenge, json, pageOf, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface QuayFixture {
  readonly shelf: RegistryShelf;
  /** A robot account, which the API does not know. */
  readonly robot: { readonly username: string; readonly password: string };
  /** An OAuth token, as `Bearer` for the API and as the password of `$oauthtoken` for the registry. */
  readonly oauthToken: string;
  /** Whether strangers may see everything. */
  readonly isPublic?: boolean;
}

/** Quay: scopes it does not know are bad requests, pages have 100 rows, and its links name its inner host. */
export function quay(host: string, fixture: QuayFixture): Site {
  const tokens = new TokenDesk();
  return (request) => {
    if (request.path === '/v2/auth') return token(fixture, tokens, request);
    if (request.path.startsWith('/api/v1/')) return api(fixture, request);
    const refused = challenge(`Bearer realm="https://${host}/v2/auth",service="${host}"`);
    return tokens.admits(request) ? registry(fixture.shelf, request) : refused;
  };
}

function token(
  { robot, oauthToken, isPublic = false }: QuayFixture,
  tokens: TokenDesk,
  request: SiteRequest,
): SiteAnswer {
  const scopes = request.query
    .getAll('scope')
    .flatMap((scope) => scope.split(' '))
    .filter(Boolean);
  if (scopes.some((scope) => !/^repository:[^:]+:(?:pull|push|\*)(?:,(?:pull|push|\*))*$/.test(scope))) {
    return json({ error: 'Unable to decode repository and actions' }, 400);
  }
  const { authorization } = request.headers;
  const proofs = [basicOf(robot.username, robot.password), basicOf('$oauthtoken', oauthToken)];
  const isKnown = authorization !== undefined && proofs.includes(authorization);
  const mayAsk = isKnown || (authorization === undefined && isPublic && scopes.length > 0);
  if (!mayAsk) return json({ error: 'Invalid username or password.' }, 401);
  return json({ token: tokens.give(request) });
}

function registry(shelf: RegistryShelf, request: SiteRequest): SiteAnswer {
  const link = (query: string): string => `http://quay-app:8080${request.path}?${query}`;
  return registryAnswer(shelf, request, { pageSize: 100, link });
}

function api({ shelf, oauthToken, isPublic = false }: QuayFixture, request: SiteRequest): SiteAnswer {
  const { authorization } = request.headers;
  const isKnown = authorization === `Bearer ${oauthToken}`;
  if (authorization !== undefined && !isKnown) return json({ error_type: 'invalid_token' }, 401);
  const seen = isKnown || isPublic ? shelf.repositories : [];
  if (request.path === '/api/v1/repository') return repositoriesPage(request, seen, isPublic);
  const [, repository = ''] = /^\/api\/v1\/repository\/(.+)\/tag\/$/.exec(request.path) ?? [];
  if (!seen.includes(repository)) return json({ error_type: 'invalid_token' }, 401);
  const { rows, next } = numberedPage(request, shelf.tagsOf(repository), { name: 'limit', usual: 50, most: 100 });
  const tags = rows.map(({ tag, digest }) => ({ name: tag, manifest_digest: digest, start_ts: 1_767_225_600 }));
  return json({ tags, has_additional: next !== undefined });
}

/** Pages of a hundred, the next by a token. */
function repositoriesPage({ query }: SiteRequest, seen: readonly string[], isPublic: boolean): SiteAnswer {
  const namespace = query.get('namespace') ?? '';
  const names = seen.filter((repository) => repository.startsWith(`${namespace}/`));
  const at = Number((query.get('next_page') ?? 'page-1').slice('page-'.length));
  const { rows, more } = pageOf(names, at, 100);
  const row = { namespace, is_public: isPublic, kind: 'image' };
  const repositories = rows.map((name) => ({ ...row, name: name.slice(namespace.length + 1) }));
  return json({ repositories, ...(more && { next_page: `page-${at + 1}` }) });
}
