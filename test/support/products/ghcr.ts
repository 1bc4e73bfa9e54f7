import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import {
  askedOf,
  challenge,
  json,
  pageOf,
  redirectTo,
  registryError,
  storageOf,
  type RegistryShelf,
} from './registry-shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface GhcrOptions {
  readonly owner: string;
  readonly kind: 'orgs' | 'users';
  /** A classic token that may read packages. */
  readonly token: string;
}

/** GitHub as it can be changed while a test goes on. */
export interface Ghcr {
  readonly sites: Readonly<Record<string, Site>>;
  /** The registry's tokens are no longer any good. */
  expire(): void;
  /** Another answer of the API, or of the registry to requests for manifests. */
  api: SiteAnswer | undefined;
  manifests: SiteAnswer | undefined;
}

const storage = 'pkg-containers.githubusercontent.com';

/** The registry with its token service, and the API that lists. */
export function ghcr(shelf: RegistryShelf, options: GhcrOptions): Ghcr {
  const desk = new TokenDesk();
  const registry: Site = (request) => {
    if (request.path === '/token') return giveToken(desk, options, request);
    const asked = askedOf(request);
    if (!asked) return { status: 404, body: '404 page not found\n' };
    const scope = `repository:${asked.repository}:pull`;
    if (!desk.admits(request))
      return challenge(`Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="${scope}"`);
    if (asked.kind === 'manifests' && github.manifests) return github.manifests;
    return asked.kind === 'blobs' ? redirectTo(storage, asked.reference) : (shelf.answer(request) ?? { status: 404 });
  };
  const github: Ghcr = {
    sites: {
      'ghcr.io': registry,
      'api.github.com': (request) => github.api ?? answerOfApi(shelf, options, request),
      [storage]: storageOf(shelf, { status: 400, body: '<Code>InvalidAuthenticationInfo</Code>' }),
    },
    expire: () => desk.expire(),
    api: undefined,
    manifests: undefined,
  };
  return github;
}

/** A token does not say how long it is good. */
function giveToken(desk: TokenDesk, { token }: GhcrOptions, request: SiteRequest): SiteAnswer {
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const password = basic && Buffer.from(basic, 'base64').toString().split(':')[1];
  if (password !== undefined && password !== token) return registryError(403, 'DENIED', 'denied: denied');
  return json({ token: desk.give(request) });
}

function answerOfApi(shelf: RegistryShelf, { owner, kind, token }: GhcrOptions, request: SiteRequest): SiteAnswer {
  const { headers, path } = request;
  if (!headers['user-agent']) return { status: 403, body: 'Request forbidden by administrative rules.' };
  if (headers.authorization === undefined) return json({ message: 'Requires authentication', status: '401' }, 401);
  if (headers.authorization !== `Bearer ${token}`) return json({ message: 'Bad credentials', status: '401' }, 401);
  const [, where, who, name] =
    /^\/(orgs|users)\/([^/]+)\/packages(?:\/container\/([^/]+)\/versions)?$/.exec(path) ?? [];
  if (where !== kind || who !== owner) return json({ message: 'Not Found', status: '404' }, 404);
  if (name !== undefined) return paged(request, versionsOf(shelf, `${owner}/${decodeURIComponent(name)}`));
  if (request.query.get('package_type') !== 'container') return json({ message: 'Invalid argument.' }, 422);
  return paged(
    request,
    shelf.repositories.map((repository) => ({
      ...{ id: 1, name: repository.slice(owner.length + 1), package_type: 'container', visibility: 'private' },
      ...{ version_count: shelf.tagsOf(repository).length, updated_at: '2026-01-01T00:00:00Z' },
    })),
  );
}

/** One that has lost its tag is among them. */
function versionsOf(shelf: RegistryShelf, repository: string): readonly object[] {
  const version = (name: string, tags: readonly string[]): object => {
    return {
      id: 1,
      name,
      created_at: '2026-01-01T00:00:00Z',
      metadata: { package_type: 'container', container: { tags } },
    };
  };
  const tagged = shelf.tagsOf(repository).map(({ tag, digest }) => version(digest, [tag]));
  return [...tagged, version(`sha256:${'0'.repeat(64)}`, [])];
}

/** `Link` names the owner by number. */
function paged({ query }: SiteRequest, all: readonly object[]): SiteAnswer {
  const [page, size] = [Number(query.get('page') ?? 1), Number(query.get('per_page') ?? 30)];
  const { rows, more } = pageOf(all, page, Math.min(size, 100));
  const next = new URLSearchParams(query);
  next.set('page', String(page + 1));
  const link = `<https://api.github.com/organizations/4711/packages?${next}>; rel="next", <https://api.github.com/>; rel="last"`;
  const limits = { 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': '4102444800' };
  return json(rows, 200, { ...limits, ...(more && { link }) });
}
