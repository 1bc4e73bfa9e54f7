import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { askedOf, json, pageOf, redirectTo, registryError, storageOf, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';

export interface EcrOptions {
  /** The only one whose signatures count. */
  readonly accessKeyId: string;
  /** What the identity may not do, such as `DescribeRepositories`. */
  readonly denied?: readonly string[];
}

/** A private registry of Amazon as it can be changed while a test goes on. */
export interface Ecr {
  readonly sites: Readonly<Record<string, Site>>;
  /** Ends every password given so far; the next is this one. */
  renew(password: string): void;
  /** Names of what the API was asked, in order. */
  readonly calls: readonly string[];
}

const region = 'eu-central-1';
const account = '123456789012';
const host = `${account}.dkr.ecr.${region}.amazonaws.com`;
const storage = `prod-${region}-starport-layer-bucket.s3.${region}.amazonaws.com`;
const onlyOne =
  '<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified</Message></Error>';

/** The registry, the API of its region, and the bucket behind it. */
export function ecr(shelf: RegistryShelf, options: EcrOptions): Ecr {
  let password = 'ecr-password-first';
  const calls: string[] = [];
  const registry: Site = (request) => {
    const { authorization } = request.headers;
    if (authorization === undefined) {
      const refused = registryError(401, 'UNAUTHORIZED', 'no basic auth credentials');
      const realm = `Basic realm="https://${host}/",service="ecr.amazonaws.com"`;
      return { ...refused, headers: { 'www-authenticate': realm, 'content-type': 'text/plain; charset=utf-8' } };
    }
    const expired = 'Your authorization token has expired. Reauthenticate and try again.';
    if (authorization !== basicOf('AWS', password)) return registryError(403, 'DENIED', expired);
    if (request.path === '/v2/_catalog') return plainText(json({ repositories: shelf.repositories }));
    const asked = askedOf(request);
    if (asked?.kind === 'blobs') return redirectTo(storage, asked.reference);
    return asked?.kind === 'tags'
      ? unordered(shelf, asked.repository, request)
      : (shelf.answer(request) ?? { status: 404 });
  };
  const api: Site = (request) => {
    const call = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    calls.push(call);
    return answerOfApi(shelf, options, password, call, request);
  };
  return {
    sites: {
      [host]: registry,
      [`api.ecr.${region}.amazonaws.com`]: api,
      [storage]: storageOf(shelf, { status: 400, headers: { 'content-type': 'application/xml' }, body: onlyOne }),
    },
    renew: (next) => {
      password = next;
    },
    calls,
  };
}

/** Its answers say that they are no JSON. */
function plainText(answer: SiteAnswer): SiteAnswer {
  return { ...answer, headers: { ...answer.headers, 'content-type': 'text/plain; charset=utf-8' } };
}

/** Its lists of tags have no order, and are paged by a word that means nothing to us. */
function unordered(shelf: RegistryShelf, repository: string, { path, query }: SiteRequest): SiteAnswer {
  const tags = shelf
    .tagsOf(repository)
    .map(({ tag }) => tag)
    .toReversed();
  if (tags.length === 0) return plainText(registryError(404, 'NAME_UNKNOWN'));
  const size = Number(query.get('n') ?? 100);
  if (size > 1000) return registryError(405, 'UNSUPPORTED', 'Invalid parameter at maxResults');
  const page = Number(Buffer.from(query.get('last') ?? '', 'base64').toString() || 1);
  const { rows, more } = pageOf(tags, page, size);
  const last = Buffer.from(String(page + 1)).toString('base64');
  const link = `<https://${host}${path}?last=${encodeURIComponent(last)}>; rel="next"`;
  return plainText(json({ name: repository, tags: rows }, 200, more ? { link } : {}));
}

function answerOfApi(
  shelf: RegistryShelf,
  { accessKeyId, denied = [] }: EcrOptions,
  password: string,
  call: string,
  { headers, body }: SiteRequest,
): SiteAnswer {
  const signed = new RegExp(`^AWS4-HMAC-SHA256 Credential=${accessKeyId}/\\d{8}/${region}/ecr/aws4_request, `);
  if (!signed.test(headers.authorization ?? '')) {
    return refusal('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }
  if (denied.includes(call)) return refusal('AccessDeniedException', `User is not authorized to perform: ecr:${call}`);
  const {
    nextToken,
    maxResults = 100,
    repositoryName = '',
  } = JSON.parse(body) as {
    readonly nextToken?: string;
    readonly maxResults?: number;
    readonly repositoryName?: string;
  };
  switch (call) {
    case 'GetAuthorizationToken': {
      const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
      const expiresAt = Date.now() / 1000 + 12 * 60 * 60;
      return amazonJson({ authorizationData: [{ authorizationToken, expiresAt, proxyEndpoint: `https://${host}` }] });
    }
    case 'DescribeRepositories':
      return amazonJson(
        paged(
          'repositories',
          shelf.repositories.map((name) => ({ repositoryName: name })),
          nextToken,
          maxResults,
        ),
      );
    case 'DescribeImages':
      return amazonJson(paged('imageDetails', imagesOf(shelf, repositoryName), nextToken, maxResults));
    default:
      return refusal('UnknownOperationException', call);
  }
}

/** One without tags is among them. */
function imagesOf(shelf: RegistryShelf, repositoryName: string): readonly object[] {
  const image = (imageDigest: string): object => ({
    registryId: account,
    repositoryName,
    imageDigest,
    imagePushedAt: 1767225600,
  });
  return [
    ...shelf.tagsOf(repositoryName).map(({ tag, digest, type }) => ({
      ...image(digest),
      imageTags: [tag],
      imageManifestMediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactMediaType: type,
    })),
    image(`sha256:${'0'.repeat(64)}`),
  ];
}

function paged(field: string, all: readonly object[], nextToken: string | undefined, size: number): object {
  const start = Number(nextToken ?? 0);
  return {
    [field]: all.slice(start, start + size),
    ...(start + size < all.length && { nextToken: String(start + size) }),
  };
}

function refusal(type: string, message: string): SiteAnswer {
  return amazonJson({ __type: type, message }, 400);
}

function amazonJson(body: object, status = 200): SiteAnswer {
  return json(body, status, { 'content-type': 'application/x-amz-json-1.1' });
}
