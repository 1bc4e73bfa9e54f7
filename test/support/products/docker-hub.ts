import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { askedOf, challenge, json, pageOf, redirectTo, storageOf, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface DockerHubOptions {
  readonly namespace: string;
  readonly username: string;
  readonly password: string;
  /** Repositories that only the user sees. */
  readonly hidden?: readonly string[];
  /** Manifests that may still be asked for; no limit when absent. */
  readonly pulls?: number;
}

/** Docker Hub as it can be changed while a test goes on. */
export interface DockerHub {
  readonly sites: Readonly<Record<string, Site>>;
  /** The registry's tokens are no longer any good. */
  expire(): void;
  /** When everything was last pushed to. */
  pushedAt: string;
}

const storage = 'production.cloudflare.docker.com';
const hubToken = 'hub-token-1';

/** The registry, its token service, and the API that lists. */
export function dockerHub(shelf: RegistryShelf, options: DockerHubOptions): DockerHub {
  const desk = new TokenDesk();
  const { hidden = [] } = options;
  const count = pullCounter(options.pulls);
  const registry: Site = (request) => {
    const asked = askedOf(request);
    const scope = `repository:${asked?.repository}:pull`;
    const service = 'realm="https://auth.docker.io/token",service="registry.docker.io"';
    if (!desk.admits(request, scope)) return challenge(`Bearer ${service},scope="${scope}"`);
    if (asked?.kind === 'blobs') return redirectTo(storage, asked.reference);
    const answer = shelf.answer(request) ?? { status: 404 };
    return asked?.kind === 'manifests' && request.method === 'GET' ? count(answer) : answer;
  };
  const hub: DockerHub = {
    sites: {
      'registry-1.docker.io': registry,
      'auth.docker.io': (request) => giveToken(desk, options, request),
      'hub.docker.com': (request) => answerOfHub(shelf, options, hidden, hub.pushedAt, request),
      [storage]: storageOf(shelf, { status: 400, body: 'InvalidArgument: Only one auth mechanism allowed' }),
    },
    expire: () => desk.expire(),
    pushedAt: '2025-12-01T00:00:00.123456Z',
  };
  return hub;
}

/** Lets answers pass while there are pulls left, and says how many. */
function pullCounter(pulls: number | undefined): (answer: SiteAnswer) => SiteAnswer {
  if (pulls === undefined) return (answer) => answer;
  let left = pulls;
  return (answer) => {
    const limit = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': `${Math.max(0, left - 1)};w=21600` };
    left -= 1;
    if (left >= 0) return { ...answer, headers: { ...answer.headers, ...limit } };
    const body = 'toomanyrequests: You have reached your pull rate limit.';
    return { status: 429, headers: { ...limit, 'retry-after': '600' }, body };
  };
}

/** A token for whoever says nothing, too. */
function giveToken(desk: TokenDesk, { username, password }: DockerHubOptions, request: SiteRequest): SiteAnswer {
  const { authorization } = request.headers;
  if (authorization !== undefined && authorization !== basicOf(username, password)) {
    return json({ details: 'incorrect username or password' }, 401);
  }
  return json({ token: desk.give(request), expires_in: 300, issued_at: '2026-01-01T00:00:00Z' });
}

function answerOfHub(
  shelf: RegistryShelf,
  { namespace, username, password }: DockerHubOptions,
  hidden: readonly string[],
  pushedAt: string,
  request: SiteRequest,
): SiteAnswer {
  if (request.method === 'POST') {
    const { identifier, secret } = JSON.parse(request.body) as Record<string, unknown>;
    const isUser = request.path === '/v2/auth/token' && identifier === username && secret === password;
    return isUser ? json({ access_token: hubToken }) : json({ message: 'Incorrect authentication credentials' }, 401);
  }
  const { authorization } = request.headers;
  if (authorization !== undefined && authorization !== `Bearer ${hubToken}`)
    return json({ message: 'unauthorized' }, 401);
  const seen = shelf.repositories.filter((name) => authorization !== undefined || !hidden.includes(name));
  const [, owner, repository] = /^\/v2\/repositories\/([^/]+)\/(?:([^/]+)\/tags\/)?$/.exec(request.path) ?? [];
  if (owner !== namespace) return json({ message: 'object not found', errinfo: { namespace: owner } }, 404);
  if (repository === undefined)
    return paged(
      request,
      seen.map((name) => repositoryRow(shelf, name, pushedAt)),
    );
  const tags = shelf.tagsOf(`${owner}/${repository}`);
  return paged(
    request,
    tags.map(({ tag, digest, type }) => ({
      ...{ name: tag, digest, tag_last_pushed: pushedAt, media_type: type, images: [{ os: 'unknown', size: 1 }] },
      content_type: contentTypeOf(type),
    })),
  );
}

function repositoryRow(shelf: RegistryShelf, name: string, pushedAt: string): object {
  const types = shelf.tagsOf(name).map(({ type }) => contentTypeOf(type));
  const [namespace, last] = name.split('/');
  return {
    name: last,
    namespace,
    repository_type: 'image',
    last_updated: pushedAt,
    content_types: [...new Set(types)],
  };
}

function contentTypeOf(type: string): string {
  return type.includes('helm') ? 'helm' : 'image';
}

function paged({ path, query }: SiteRequest, all: readonly object[]): SiteAnswer {
  const [page, size] = [Number(query.get('page') ?? 1), Number(query.get('page_size') ?? 10)];
  const { rows, more } = pageOf(all, page, Math.min(size, 100));
  const next = more ? `https://hub.docker.com${path}?page=${page + 1}&page_size=${size}` : null;
  return json({ count: all.length, next, previous: null, results: rows });
}
