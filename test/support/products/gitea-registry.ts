import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { numberedPage, registryAnswer } from './registry-pages.ts';
import { askedOf, json, registryError, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface GiteaRegistryFixture {
  readonly shelf: RegistryShelf;
  readonly username: string;
  readonly token: string;
  /** Owners whose packages everybody may see. */
  readonly publicOwners?: readonly string[];
}

/** Gitea or Forgejo: registry, token service and API at one host. Tokens are for whoever asks, with or without a name. */
export function giteaRegistry(host: string, fixture: GiteaRegistryFixture): Site {
  const [own, stranger] = [new TokenDesk(), new TokenDesk()];
  const known = basicOf(fixture.username, fixture.token);
  const isWrong = (sent = ''): boolean => sent.startsWith('Basic ') && sent !== known;
  return (request) => {
    if (isWrong(request.headers.authorization)) return json({ message: 'user does not exist' }, 401);
    const isKnown = request.headers.authorization === known || own.admits(request);
    if (request.path === '/v2/token') return json({ token: (isKnown ? own : stranger).give(request) });
    if (request.path.startsWith('/api/v1/packages/')) return api(fixture, request, isKnown);
    return isKnown || stranger.admits(request) ? registry(fixture, request, isKnown) : refusal(host);
  };
}

function refusal(host: string): SiteAnswer {
  const bearer = `Bearer realm="https://${host}/v2/token",service="container_registry",scope="*"`;
  const headers = { 'www-authenticate': [bearer, 'Basic realm="Gitea Container Registry"'] };
  return { ...registryError(401, 'UNAUTHORIZED', ''), headers };
}

function registry(
  { shelf, publicOwners = [] }: GiteaRegistryFixture,
  request: SiteRequest,
  isKnown: boolean,
): SiteAnswer {
  const owner = askedOf(request)?.repository.split('/')[0];
  const maySee = isKnown || owner === undefined || publicOwners.includes(owner);
  return maySee ? registryAnswer(shelf, request) : registryError(401, 'UNAUTHORIZED', '');
}

/** One row for each version of each package, of 50 on a page at most; what has no tag has its digest for a version. */
function api({ shelf, publicOwners = [] }: GiteaRegistryFixture, request: SiteRequest, isKnown: boolean): SiteAnswer {
  const { path } = request;
  const owner = path.slice('/api/v1/packages/'.length);
  const mine = shelf.repositories.filter((repository) => repository.startsWith(`${owner}/`));
  if (mine.length === 0 || (!isKnown && !publicOwners.includes(owner))) return json({ message: 'not found' }, 404);
  const rows = mine.flatMap((repository) => {
    const name = repository.slice(owner.length + 1);
    const row = { type: 'container', owner: { login: owner }, name, created_at: '2026-01-01T00:00:00Z' };
    const tags = shelf.tagsOf(repository);
    return [...tags.map(({ tag }) => ({ ...row, version: tag })), ...tags.slice(0, 1).map(untagged(row))];
  });
  const { rows: body, next, size } = numberedPage(request, rows, { name: 'limit', usual: 30, most: 50 });
  const link = `<http://localhost:3000${path}?limit=${size}&page=${next}&type=container>; rel="next"`;
  return json(body, 200, { 'x-total-count': String(rows.length), ...(next !== undefined && { link }) });
}

function untagged(row: object): (tag: { readonly digest: string }) => object {
  return ({ digest }) => ({ ...row, version: digest });
}
