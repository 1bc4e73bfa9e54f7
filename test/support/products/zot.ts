import type { SiteAnswer, SiteRequest } from '../internet.ts';
import { registryAnswer } from './registry-pages.ts';
import { askedOf, json, registryError, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface ZotFixture {
  readonly shelf: RegistryShelf;
  readonly username: string;
  readonly password: string;
  /** A token service instead of htpasswd, whose challenges name an empty scope. */
  readonly tokens?: boolean;
  /** Of a list of tags. */
  readonly pageSize?: number;
}

/** zot: challenges also on answers that need none, links that are not encoded, and no page after a tag that is gone. */
export function zot(host: string, fixture: ZotFixture): (request: SiteRequest) => SiteAnswer {
  const desk = new TokenDesk();
  const known = basicOf(fixture.username, fixture.password);
  return (request) => {
    if (request.path === '/token') {
      const isKnown = request.headers.authorization === known;
      return isKnown ? json({ token: desk.give(request), expires_in: 300 }) : registryError(401, 'UNAUTHORIZED');
    }
    const asked = askedOf(request);
    // it looks at what a token is for, whatever its challenge said
    const scope = asked && `repository:${asked.repository}:pull`;
    const isKnown = fixture.tokens ? desk.admits(request, scope) : request.headers.authorization === known;
    const answer = isKnown ? admitted(fixture, request) : registryError(401, 'UNAUTHORIZED', 'authentication required');
    const challenge = isKnown ? `${fixture.tokens ? 'bearer' : 'basic'} realm=zot` : challengeOf(host, fixture);
    return { ...answer, headers: { ...answer.headers, ...version, 'www-authenticate': challenge } };
  };
}

const version = { 'docker-distribution-api-version': 'registry/2.0' };

function challengeOf(host: string, { tokens }: ZotFixture): string {
  return tokens
    ? `Bearer realm="https://${host}/token",service="${host}",scope=""`
    : 'Basic realm="Authorization Required"';
}

function admitted({ shelf, pageSize = 1000 }: ZotFixture, request: SiteRequest): SiteAnswer {
  const last = request.query.get('last');
  const asked = askedOf(request);
  const isGone =
    asked?.kind === 'tags' && last !== null && !shelf.tagsOf(asked.repository).some(({ tag }) => tag === last);
  if (isGone) return registryError(404, 'NAME_UNKNOWN');
  const link = (query: string): string => `${request.path}?${decodeURIComponent(query)}`;
  return registryAnswer(shelf, request, { pageSize, link });
}
