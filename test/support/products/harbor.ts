import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { numberedPage } from './registry-pages.ts';
import { askedOf, challenge, chartType, json, registryError, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface HarborFixture {
  readonly shelf: RegistryShelf;
  readonly username: string;
  readonly password: string;
  /** Projects that everybody may read. */
  readonly publicProjects?: readonly string[];
}

/** Harbor at one host: a registry with tokens of its own, and an API that takes Basic alone. */
export function harbor(host: string, fixture: HarborFixture): { readonly site: Site; readonly tokens: TokenDesk } {
  const tokens = new TokenDesk();
  const site = (request: SiteRequest): SiteAnswer => {
    if (request.path.startsWith('/api/v2.0/')) return api(fixture, request);
    if (request.path === '/service/token') return token(fixture, tokens, request);
    return registry(host, fixture, tokens, request);
  };
  return { site, tokens };
}

function isKnown({ username, password }: HarborFixture, { headers }: SiteRequest): boolean {
  return headers.authorization === basicOf(username, password);
}

function isPublic({ publicProjects = [] }: HarborFixture, repository: string): boolean {
  return publicProjects.includes(repository.split('/')[0] ?? '');
}

/** Whoever sends any credentials that are no good is asked for Basic, also where a token has expired. */
function registry(host: string, fixture: HarborFixture, tokens: TokenDesk, request: SiteRequest): SiteAnswer {
  const repository = askedOf(request)?.repository;
  const scope = repository && `repository:${repository}:pull`;
  if (request.path === '/v2/_catalog') return challenge('Basic realm="harbor"');
  if (isKnown(fixture, request) || tokens.admits(request, scope)) return fixture.shelf.answer(request) ?? json({});
  if (request.headers.authorization !== undefined) return challenge('Basic realm="harbor"');
  const asked = scope ? `,scope="${scope}"` : '';
  return challenge(`Bearer realm="https://${host}/service/token",service="harbor-registry"${asked}`);
}

/** Strangers need a token, too, and get one only for something in particular. */
function token(fixture: HarborFixture, tokens: TokenDesk, request: SiteRequest): SiteAnswer {
  const asked = request.query.getAll('scope').map((scope) => scope.split(':')[1] ?? '');
  const isOpen = request.headers.authorization === undefined && asked.length > 0;
  const mayHave = isKnown(fixture, request) || (isOpen && asked.every((repository) => isPublic(fixture, repository)));
  if (!mayHave) return registryError(401, 'UNAUTHORIZED', 'unauthorized');
  return json({ token: tokens.give(request), expires_in: 1800, issued_at: '2026-11-21T10:00:00Z' });
}

/** Strangers are shown what is public, and nothing says that there is more. */
function api(fixture: HarborFixture, request: SiteRequest): SiteAnswer {
  const known = isKnown(fixture, request);
  if (!known && request.headers.authorization !== undefined) return registryError(401, 'UNAUTHORIZED', 'unauthorized');
  const seen = fixture.shelf.repositories.filter((repository) => known || isPublic(fixture, repository));
  return listOf(fixture.shelf, seen, request) ?? registryError(known ? 404 : 401, known ? 'NOT_FOUND' : 'UNAUTHORIZED');
}

function listOf(shelf: RegistryShelf, seen: readonly string[], request: SiteRequest): SiteAnswer | undefined {
  // whatever routes a request decodes its path once
  const routed = decodeURIComponent(request.path);
  if (routed === '/api/v2.0/projects') return page(request, projectsOf(seen));
  const [, project = '', name] =
    /^\/api\/v2\.0\/projects\/([^/]+)\/repositories(?:\/([^/]+)\/artifacts)?$/.exec(routed) ?? [];
  const mine = seen.filter((repository) => repository.startsWith(`${project}/`));
  const repository = name === undefined ? mine[0] : `${project}/${decodeURIComponent(name)}`;
  if (repository === undefined || !mine.includes(repository)) return undefined;
  if (name !== undefined) return page(request, artifactsOf(shelf, repository, request));
  return page(
    request,
    mine.map((one) => ({ name: one, artifact_count: 1 })),
  );
}

function projectsOf(repositories: readonly string[]): readonly object[] {
  return [...new Set(repositories.map((repository) => repository.split('/')[0]))].map((name) => ({ name }));
}

function artifactsOf(shelf: RegistryShelf, repository: string, request: SiteRequest): readonly object[] {
  const wanted = request.query.get('q') === 'type=CHART' ? chartType : undefined;
  const tags = shelf.tagsOf(repository).filter(({ type }) => wanted === undefined || type === wanted);
  return tags.map(({ tag, digest, type }) => ({
    type: type === chartType ? 'CHART' : 'IMAGE',
    ...{ digest, media_type: type, size: 1, push_time: '2026-01-01T00:00:00Z' },
    tags: [{ name: tag, immutable: false }],
    annotations: { 'org.opencontainers.image.created': '2026-01-02T03:04:05Z' },
    extra_attrs: configOf(shelf, { ...request, path: `/v2/${repository}/manifests/${digest}` }),
  }));
}

/** The config of a manifest, which Harbor shows as it is. */
function configOf(shelf: RegistryShelf, request: SiteRequest): object {
  const { config } = JSON.parse(String(shelf.answer(request)?.body)) as {
    readonly config: { readonly digest: string };
  };
  return JSON.parse(String(shelf.blob(config.digest))) as object;
}

function page(request: SiteRequest, list: readonly object[]): SiteAnswer {
  const { rows, next, size } = numberedPage(request, list, { name: 'page_size', usual: 10, most: 100 });
  const link = `<${request.path}?page=${next}&page_size=${size}>; rel="next"`;
  return json(rows, 200, { 'x-total-count': String(list.length), ...(next !== undefined && { link }) });
}
