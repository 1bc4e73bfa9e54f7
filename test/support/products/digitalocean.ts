import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { askedOf, challenge, json, pageOf, redirectTo, storageOf, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface DigitalOceanOptions {
  readonly registry: string;
  /** An API token. */
  readonly token: string;
}

/** DigitalOcean as it can be changed while a test goes on. */
export interface DigitalOcean {
  readonly sites: Readonly<Record<string, Site>>;
  /** The registry's tokens are no longer any good. */
  expire(): void;
}

const storage = 'acme-registry.fra1.digitaloceanspaces.com';
const auth = '/v2/registry/auth';

/** The registry, and the API that gives tokens by GET alone and lists. */
export function digitalOcean(shelf: RegistryShelf, options: DigitalOceanOptions): DigitalOcean {
  const desk = new TokenDesk();
  const registry: Site = (request) => {
    const asked = askedOf(request);
    const scope = asked ? `repository:${asked.repository}:pull` : 'registry:catalog:*';
    const realm = `realm="https://api.digitalocean.com${auth}",service="registry.digitalocean.com"`;
    if (!desk.admits(request, scope)) return challenge(`Bearer ${realm},scope="${scope}"`);
    if (asked?.kind === 'blobs') return redirectTo(storage, asked.reference);
    return shelf.answer(request) ?? { status: 404 };
  };
  const api: Site = (request) =>
    request.path === auth ? giveToken(desk, options, request) : answerOfApi(shelf, options, request);
  return {
    sites: {
      'registry.digitalocean.com': registry,
      'api.digitalocean.com': api,
      [storage]: storageOf(shelf, { status: 400, body: '<Code>InvalidArgument</Code>' }),
    },
    expire: () => desk.expire(),
  };
}

function giveToken(desk: TokenDesk, { token }: DigitalOceanOptions, request: SiteRequest): SiteAnswer {
  if (request.method !== 'GET') return json({ id: 'method_not_allowed', message: 'Method not allowed.' }, 405);
  if (request.headers.authorization !== basicOf(token, token)) return unauthorized;
  return json({ token: desk.give(request), expires_in: 300 });
}

const unauthorized = json({ id: 'Unauthorized', message: 'Unable to authenticate you' }, 401);

function answerOfApi(shelf: RegistryShelf, { registry, token }: DigitalOceanOptions, request: SiteRequest): SiteAnswer {
  if (request.headers.authorization !== `Bearer ${token}`) return unauthorized;
  const [, where, name] =
    /^\/v2\/registry\/([^/]+)\/(?:repositoriesV2|repositories\/([^/]+)\/tags)$/.exec(request.path) ?? [];
  if (where !== registry) return json({ id: 'not_found', message: 'registry not found' }, 404);
  if (name === undefined)
    return paged(
      request,
      'repositories',
      shelf.repositories.map((one) => rowOf(shelf, one)),
    );
  const tags = shelf.tagsOf(`${registry}/${decodeURIComponent(name)}`).map(({ tag, digest }) => ({
    ...{ registry_name: registry, repository: name, tag, manifest_digest: digest, size_bytes: 1 },
    updated_at: '2026-01-01T00:00:00Z',
  }));
  return paged(request, 'tags', tags);
}

function rowOf(shelf: RegistryShelf, repository: string): object {
  const tags = shelf.tagsOf(repository);
  const latest = tags.at(-1);
  return {
    ...{ registry_name: repository.split('/')[0], name: repository.slice(repository.indexOf('/') + 1) },
    ...{ tag_count: tags.length, manifest_count: tags.length },
    latest_manifest: { digest: latest?.digest, tags: [latest?.tag], updated_at: '2026-01-01T00:00:00Z' },
  };
}

/** The next page is found by a token as well as by its number. */
function paged({ path, query }: SiteRequest, field: string, all: readonly object[]): SiteAnswer {
  const page = Number(query.get('page_token')?.replace('after-', '') ?? 1);
  const size = Math.min(Number(query.get('per_page') ?? 20), 100);
  const { rows, more } = pageOf(all, page, size);
  const next = `https://api.digitalocean.com${path}?page=${page + 1}&page_token=after-${page + 1}&per_page=${size}`;
  return json({ [field]: rows, meta: { total: all.length }, links: more ? { pages: { next } } : {} });
}
