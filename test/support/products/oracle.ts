import type { Site } from '../internet.ts';
import { askedOf, challenge, json, registryError, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface OracleOptions {
  readonly username: string;
  /** An auth token. */
  readonly password: string;
}

/** A registry of Oracle's cloud as it can be changed while a test goes on. */
export interface Oracle {
  readonly sites: Readonly<Record<string, Site>>;
  /** The registry's tokens are no longer any good. */
  expire(): void;
}

const host = 'fra.ocir.io';

/** The registry, which keeps its blobs itself and has no catalog. */
export function oracle(shelf: RegistryShelf, { username, password }: OracleOptions): Oracle {
  const desk = new TokenDesk();
  const registry: Site = (request) => {
    if (request.path === '/20180419/docker/token') {
      const isUser = request.headers.authorization === basicOf(username, password);
      return isUser
        ? json({ token: desk.give(request), expires_in: 3600 })
        : registryError(401, 'UNAUTHORIZED', 'Unauthorized');
    }
    const asked = askedOf(request);
    if (!asked) return registryError(404, 'NOT_FOUND');
    const realm = `realm="https://${host}/20180419/docker/token",service="${host}"`;
    const scope = `repository:${asked.repository}:pull`;
    if (!desk.admits(request, scope)) return challenge(`Bearer ${realm},scope="${scope}"`);
    return shelf.answer(request) ?? { status: 404 };
  };
  return { sites: { [host]: registry }, expire: () => desk.expire() };
}
