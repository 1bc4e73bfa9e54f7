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

export interface ArtifactRegistryOptions {
  /** `europe-west1-docker.pkg.dev`, `gcr.io`. */
  readonly host: string;
  /** What the API calls the repository, and the path of its images in the registry. */
  readonly parent: string;
  readonly path: string;
  /** The key of a service account, as JSON. */
  readonly key: string;
  /** Whether strangers may read. */
  readonly isPublic?: boolean;
}

/** Google as it can be changed while a test goes on. */
export interface ArtifactRegistry {
  readonly sites: Readonly<Record<string, Site>>;
  /** Ends every access token given so far; the next is this one. */
  renew(accessToken: string): void;
  /** The answer of the API instead of its own. */
  api: SiteAnswer | undefined;
}

const storage = 'storage.googleapis.com';
const oauth = 'oauth2.googleapis.com';

/** The registry with its own token service, Google's token service, and the API that lists. */
export function artifactRegistry(shelf: RegistryShelf, options: ArtifactRegistryOptions): ArtifactRegistry {
  const desk = new TokenDesk();
  const { host, path, key, isPublic = false } = options;
  let accessToken = 'ya29.first';
  const isKnown = ({ headers: { authorization } }: SiteRequest): boolean =>
    authorization === undefined
      ? isPublic
      : [
          basicOf('oauth2accesstoken', accessToken),
          basicOf('_json_key', key),
          basicOf('_json_key_base64', Buffer.from(key).toString('base64')),
        ].includes(authorization);
  const registry: Site = (request) => {
    if (request.path === '/v2/token') {
      if (!isKnown(request)) return registryError(401, 'UNAUTHORIZED', 'authentication failed');
      return json({ token: desk.give(request), expires_in: 3600 });
    }
    // one word of the challenge has no quotes, and there is no scope in it
    if (!desk.admits(request)) return challenge(`Bearer realm="https://${host}/v2/token",service=${host}`);
    const asked = askedOf(request);
    if (asked?.kind === 'blobs') return redirectTo(storage, asked.reference);
    if (request.path === '/v2/_catalog') return json({ repositories: [] });
    return asked?.kind === 'tags'
      ? tagsAndChildren(shelf, path, asked.repository)
      : (shelf.answer(request) ?? { status: 404 });
  };
  const google: ArtifactRegistry = {
    sites: {
      [host]: registry,
      'artifactregistry.googleapis.com': (request) => google.api ?? listImages(shelf, options, accessToken, request),
      [oauth]: (request) => exchange(accessToken, request),
      [storage]: storageOf(shelf, { status: 400, body: '<Code>InvalidArgument</Code>' }),
    },
    renew: (next) => {
      accessToken = next;
      desk.expire();
    },
    api: undefined,
  };
  return google;
}

/** An access token for a signed assertion (RFC 7523), whoever signed it. */
function exchange(accessToken: string, { body }: SiteRequest): SiteAnswer {
  const isAssertion = new URLSearchParams(body).get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  if (!isAssertion) return json({ error: 'invalid_grant', error_description: 'Invalid JWT Signature.' }, 400);
  return json({ access_token: accessToken, expires_in: 3599, token_type: 'Bearer' });
}

/** What is below a path, and the digest of each tag. */
function tagsAndChildren(shelf: RegistryShelf, root: string, path: string): SiteAnswer {
  const below = shelf.repositories.filter((one) => one.startsWith(`${path}/`));
  const tags = shelf.tagsOf(path);
  if (!`${path}/`.startsWith(`${root}/`) || (below.length === 0 && tags.length === 0)) {
    return registryError(404, 'NAME_UNKNOWN', `Repository "${path}" not found`);
  }
  const child = [...new Set(below.map((one) => one.slice(path.length + 1).split('/')[0]))];
  const manifest = Object.fromEntries(
    tags.map(({ tag, digest }) => [
      digest,
      {
        ...{ imageSizeBytes: '1', layerId: '', mediaType: 'application/vnd.oci.image.manifest.v1+json' },
        ...{ tag: [tag], timeCreatedMs: '0', timeUploadedMs: '1767225600000' },
      },
    ]),
  );
  return json({ child, manifest, name: path, tags: tags.map(({ tag }) => tag) });
}

function listImages(
  shelf: RegistryShelf,
  { parent, path, host }: ArtifactRegistryOptions,
  accessToken: string,
  request: SiteRequest,
): SiteAnswer {
  const refusal = (code: number, status: string): SiteAnswer =>
    json({ error: { code, message: status, status } }, code);
  if (request.headers.authorization !== `Bearer ${accessToken}`) return refusal(401, 'UNAUTHENTICATED');
  if (request.path !== `/v1/${parent}/dockerImages`) return refusal(404, 'NOT_FOUND');
  const images = shelf.repositories.flatMap((repository) =>
    shelf.tagsOf(repository).map(({ tag, digest, type }) => ({
      name: `${parent}/dockerImages/${encodeURIComponent(repository.slice(path.length + 1))}@${digest}`,
      uri: `${host}/${repository}@${digest}`,
      ...{ tags: [tag], imageSizeBytes: '1', uploadTime: '2026-01-01T00:00:00.123456Z' },
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      ...(type.includes('helm') && { artifactType: type }),
    })),
  );
  const size = Math.min(Number(request.query.get('pageSize') ?? 100), 1000);
  const start = Number(request.query.get('pageToken')?.replace('from-', '') ?? 0);
  const more = start + size < images.length;
  // an empty list is left out
  const dockerImages = images.slice(start, start + size);
  return json({
    ...(dockerImages.length > 0 && { dockerImages }),
    ...(more && { nextPageToken: `from-${start + size}` }),
  });
}
