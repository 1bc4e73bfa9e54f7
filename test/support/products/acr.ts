import type { FakeAzure } from '../cloud/entra.ts';
import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import {
  askedOf,
  challenge,
  json,
  redirectTo,
  registryError,
  storageOf,
  type RegistryShelf,
} from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

export interface AcrOptions {
  readonly username: string;
  readonly password: string;
  /** Whether the user may see which repositories there are; true when absent. */
  readonly mayList?: boolean;
  /** Whose tokens it exchanges for its own. */
  readonly entra?: FakeAzure;
}

/** A registry of Azure as it can be changed while a test goes on. */
export interface Acr {
  readonly sites: Readonly<Record<string, Site>>;
  /** The registry's tokens are no longer any good. */
  expire(): void;
}

const host = 'acme.azurecr.io';
const storage = 'weumanaged42.blob.core.windows.net';
const visit = 'authentication required, visit https://aka.ms/acr/authorization for more information.';

/** The registry, whose tokens are for one thing each, and the storage behind it. */
export function acr(shelf: RegistryShelf, options: AcrOptions): Acr {
  const desk = new TokenDesk(75 * 60);
  const registry: Site = (request) => {
    if (request.path === '/oauth2/token') return giveToken(desk, options, request);
    if (request.path === '/oauth2/exchange') return exchange(options, request);
    const scope = scopeOf(request);
    if (!desk.admits(request, scope) || (scope === 'registry:catalog:*' && options.mayList === false)) {
      return challenge(`Bearer realm="https://${host}/oauth2/token",service="${host}",scope="${scope}"`);
    }
    const asked = askedOf(request);
    if (asked?.kind === 'blobs') return redirectTo(storage, asked.reference);
    return answerOfApi(shelf, request) ?? shelf.answer(request) ?? { status: 404 };
  };
  const badFormat =
    'Authentication information is not given in the correct format. Check the value of Authorization header.';
  return {
    sites: {
      [host]: registry,
      [storage]: storageOf(shelf, { status: 400, body: `<Code>InvalidAuthenticationInfo</Code><Message>${badFormat}` }),
    },
    expire: () => desk.expire(),
  };
}

/** Lists of tags and manifests need another right than the content does. */
function scopeOf(request: SiteRequest): string {
  const [, listed] = /^\/acr\/v1\/(.+)\/_(?:tags|manifests)$/.exec(request.path) ?? [];
  const asked = askedOf(request);
  if (listed !== undefined) return `repository:${listed}:metadata_read`;
  if (!asked) return 'registry:catalog:*';
  return `repository:${asked.repository}:${asked.kind === 'tags' ? 'metadata_read' : 'pull'}`;
}

/** By GET for a name and a password, by POST for a refresh token. */
function giveToken(desk: TokenDesk, { username, password, entra }: AcrOptions, request: SiteRequest): SiteAnswer {
  const refreshToken = new URLSearchParams(request.body).get('refresh_token') ?? '';
  const isKnown =
    request.method === 'POST'
      ? entra?.accepts(refreshToken)
      : request.headers.authorization === basicOf(username, password);
  return isKnown ? json({ access_token: desk.give(request) }) : registryError(401, 'UNAUTHORIZED', visit);
}

async function exchange({ entra }: AcrOptions, { body }: SiteRequest): Promise<SiteAnswer> {
  const url = new URL(`https://${host}/oauth2/exchange`);
  return (await entra?.exchange({ method: 'POST', url, body })) ?? registryError(401, 'UNAUTHORIZED', visit);
}

function answerOfApi(shelf: RegistryShelf, { path, query }: SiteRequest): SiteAnswer | undefined {
  const listed = /^\/acr\/v1\/(?:_catalog|(.+)\/_manifests)$/.exec(path);
  if (!listed) return undefined;
  const [, name] = listed;
  if (name === undefined) {
    const { rows, link } = pageAfter(shelf.repositories, (one) => one, path, query);
    return json({ repositories: rows.length > 0 ? rows : null }, 200, link);
  }
  const manifests = shelf.tagsOf(name).map(({ tag, digest, type }) => ({
    ...{ digest, imageSize: 1, createdTime: '2026-01-01T00:00:00.1234567Z', tags: [tag] },
    ...{ mediaType: 'application/vnd.oci.image.manifest.v1+json', configMediaType: type },
  }));
  const { rows, link } = pageAfter(manifests, ({ digest }) => digest, path, query);
  return json({ registry: host, imageName: name, manifests: rows }, 200, link);
}

/** Pages by the last one seen; the link has a parameter that nobody asked for. */
function pageAfter<T>(
  all: readonly T[],
  nameOf: (one: T) => string,
  path: string,
  query: URLSearchParams,
): { readonly rows: readonly T[]; readonly link: { readonly link?: string } } {
  const start = all.findIndex((one) => nameOf(one) === query.get('last')) + 1;
  const size = Number(query.get('n') ?? 100);
  const rows = all.slice(start, start + size);
  const last = rows.at(-1);
  const more = last !== undefined && start + size < all.length;
  return { rows, link: more ? { link: `<${path}?last=${nameOf(last)}&n=${size}&orderby=>; rel="next"` } : {} };
}
