import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { referrersIndex, type TestArtifact } from './artifacts.ts';
import { faultUpstream, type FaultUpstream, type Script, type SeenRequest } from './fault-upstream.ts';
import { tokenServer, type TokenServer, type TokenServerOptions } from './token-server.ts';

/** How a registry wants to be authenticated to. `harbor` asks for Basic when it is sent a bearer it does not like. */
export type AuthStyle = 'none' | 'basic' | 'bearer' | 'harbor';

/** How `Link` is written, by the servers that write it so. */
export type LinkStyle = 'relative' | 'absolute' | 'inside-host' | 'lost-prefix' | 'unencoded';

/** Who may read, and how the token service is: `username`, `password`, ... */
export interface FakeRegistryOptions extends TokenServerOptions {
  readonly auth?: AuthStyle;
  /** The challenge of a 401, where it is to be another than the style's. */
  readonly challenge?: (repository: string, tokens: TokenServer) => string;
  readonly pageSize?: number;
  readonly link?: LinkStyle;
  /** Another server that blobs are redirected to. */
  readonly storage?: FaultUpstream;
  /** Whether it lists referrers. */
  readonly referrers?: boolean;
}

/** What a chart becomes in a registry. */
export interface PushedChart {
  readonly manifest: Buffer;
  readonly config: Buffer;
  readonly digest: Digest;
  readonly archive: Digest;
}

export interface ChartToPush {
  readonly name: string;
  readonly version: string;
  readonly archive: Buffer;
  readonly provenance?: Buffer;
  /** More fields of Chart.yaml. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Where it is not the version with `_` for `+`. */
  readonly tag?: string;
}

/** A registry on loopback with a token service on another port, both scripted path by path where a test wants it. */
export interface FakeRegistry extends FaultUpstream {
  readonly tokens: TokenServer;
  /** As `helm push` does. `repository` ends in the name of the chart. */
  push(repository: string, chart: ChartToPush): PushedChart;
  put(repository: string, tag: string, manifest: string | Buffer): Digest;
  putBlob(repository: string, bytes: Buffer): Digest;
  /** Puts something beside a chart, under a tag or by its `subject` alone. */
  attach(repository: string, artifact: TestArtifact, tag?: string): void;
  detach(repository: string, artifact: TestArtifact): void;
  /** Without its last tag a repository is unknown. */
  removeTag(repository: string, tag: string): void;
}

interface Repository {
  readonly tags: Map<string, Digest>;
  readonly manifests: Map<string, Buffer>;
  readonly blobs: Map<string, Buffer>;
}

/** Starts one; it ends with the test that asked for it. */
export async function fakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const repositories = new Map<string, Repository>();
  const tokens = await tokenServer(options);
  const server: FaultUpstream = await faultUpstream({
    otherwise: (request) => refusal(options, tokens, request) ?? answerTo(options, server, repositories, request),
  });
  const at = (name: string): Repository => {
    const known = repositories.get(name) ?? { tags: new Map(), manifests: new Map(), blobs: new Map() };
    repositories.set(name, known);
    return known;
  };
  const putBlob = (name: string, bytes: Buffer): Digest => {
    at(name).blobs.set(digestOf(bytes), bytes);
    return digestOf(bytes);
  };
  const put = (name: string, tag: string, manifest: string | Buffer): Digest => {
    const bytes = Buffer.from(manifest);
    at(name).manifests.set(digestOf(bytes), bytes);
    at(name).tags.set(tag, digestOf(bytes));
    return digestOf(bytes);
  };
  return {
    ...server,
    tokens,
    put,
    putBlob,
    attach: (name, { blobs, manifest, digest }, tag) => {
      for (const blob of blobs) putBlob(name, blob);
      at(name).manifests.set(digest, manifest);
      if (tag !== undefined) at(name).tags.set(tag, digest);
    },
    detach: (name, { digest }) => {
      at(name).manifests.delete(digest);
      for (const [tag, one] of at(name).tags) if (one === digest) at(name).tags.delete(tag);
    },
    push: (name, chart) => pushChart(name, chart, put, putBlob),
    removeTag: (name, tag) => {
      at(name).tags.delete(tag);
      if (at(name).tags.size === 0) repositories.delete(name);
    },
  };
}

function pushChart(
  repository: string,
  { name, version, archive, provenance, fields, annotations, tag }: ChartToPush,
  put: FakeRegistry['put'],
  putBlob: FakeRegistry['putBlob'],
): PushedChart {
  const config = Buffer.from(JSON.stringify({ apiVersion: 'v2', name, version, ...fields }));
  const layer = (mediaType: string, bytes: Buffer): object => ({
    mediaType,
    digest: putBlob(repository, bytes),
    size: bytes.length,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: layer('application/vnd.cncf.helm.config.v1+json', config),
      layers: [
        layer('application/vnd.cncf.helm.chart.content.v1.tar+gzip', archive),
        ...(provenance ? [layer('application/vnd.cncf.helm.chart.provenance.v1.prov', provenance)] : []),
      ],
      ...(annotations && { annotations }),
    }),
  );
  const digest = put(repository, tag ?? version.replaceAll('+', '_'), manifest);
  return { manifest, config, digest, archive: digestOf(archive) };
}

/** The 401 of a request that does not prove enough; undefined when it does. */
function refusal(options: FakeRegistryOptions, tokens: TokenServer, request: SeenRequest): Script | undefined {
  const { auth = 'none' } = options;
  const { authorization } = request.headers;
  if (auth === 'none' || isProof(auth, options, tokens, authorization ?? '')) return undefined;
  const repository = /^\/v2\/(.+)\/(?:tags|manifests|blobs|referrers)\//.exec(request.target)?.[1] ?? '';
  const challenge = options.challenge?.(repository, tokens) ?? challengeOf(auth, authorization, repository, tokens);
  return errorScript(401, 'UNAUTHORIZED', { 'www-authenticate': challenge });
}

function isProof(auth: AuthStyle, options: FakeRegistryOptions, tokens: TokenServer, sent: string): boolean {
  const basic = Buffer.from(`${options.username}:${options.password}`).toString('base64');
  const asBasic = auth !== 'bearer' && options.username !== undefined && sent === `Basic ${basic}`;
  return asBasic || (auth !== 'basic' && tokens.accepts(sent));
}

function challengeOf(auth: AuthStyle, sent: string | undefined, repository: string, tokens: TokenServer): string {
  if (auth === 'basic') return 'Basic realm="fake"';
  if (auth === 'harbor' && sent !== undefined) return 'Basic realm="harbor"';
  return `Bearer realm="${tokens.origin}/token",service="fake",scope="repository:${repository}:pull"`;
}

function errorScript(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Script {
  const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] });
  return { status, headers: { 'content-type': 'application/json', ...headers }, body };
}

function answerTo(
  options: FakeRegistryOptions,
  server: FaultUpstream,
  repositories: ReadonlyMap<string, Repository>,
  request: SeenRequest,
): Script {
  const url = new URL(request.target, server.origin);
  if (url.pathname === '/v2/') return { body: '{}' };
  const [, name = '', kind, reference = ''] =
    /^\/v2\/(.+)\/(tags|manifests|blobs|referrers)\/([^/]+)$/.exec(url.pathname) ?? [];
  const repository = repositories.get(name);
  if (!repository) return errorScript(404, 'NAME_UNKNOWN');
  if (kind === 'tags') return tagsPage(options, url, name, [...repository.tags.keys()].toSorted());
  if (kind === 'referrers') return referrersPage(options, url, repository, reference);
  return kind === 'manifests'
    ? manifestScript(repository, reference)
    : blobScript(options.storage, repository, reference);
}

function blobScript(storage: FaultUpstream | undefined, repository: Repository, reference: string): Script {
  const blob = repository.blobs.get(reference);
  if (!blob) return errorScript(404, 'BLOB_UNKNOWN');
  if (!storage) return { body: blob };
  storage.on(`/${reference}`, { body: blob });
  return { status: 307, headers: { location: `${storage.origin}/${reference}?signature=s3cret` } };
}

function manifestScript(repository: Repository, reference: string): Script {
  const digest = repository.tags.get(reference) ?? reference;
  const body = repository.manifests.get(digest);
  if (!body) return errorScript(404, 'MANIFEST_UNKNOWN');
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json', 'docker-content-digest': digest };
  return { headers, body };
}

function tagsPage(options: FakeRegistryOptions, url: URL, name: string, tags: readonly string[]): Script {
  const asked = Number(url.searchParams.get('n') ?? 100);
  const size = Math.min(asked, options.pageSize ?? asked);
  const last = url.searchParams.get('last') ?? '';
  const left = tags.filter((tag) => tag > last);
  const page = left.slice(0, size);
  const body = JSON.stringify({ name, tags: page });
  if (left.length <= size) return { body };
  const query = `last=${encodeURIComponent(page.at(-1) ?? '')}&n=${size}`;
  return { body, headers: linkHeaders(options.link ?? 'relative', url, query) };
}

function referrersPage(options: FakeRegistryOptions, url: URL, repository: Repository, subject: string): Script {
  if (!options.referrers) return errorScript(404, 'NOT_FOUND');
  const referring = [...repository.manifests.keys()]
    .filter((digest) => refersTo(repository, digest, subject))
    .toSorted();
  const last = url.searchParams.get('last') ?? '';
  const left = referring.filter((digest) => digest > last);
  const page = left.slice(0, options.pageSize);
  const body = referrersIndex(page, repository.manifests);
  const headers = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
  if (left.length === page.length) return { headers, body };
  const query = `last=${encodeURIComponent(page.at(-1) ?? '')}`;
  return { headers: { ...headers, ...linkHeaders(options.link ?? 'relative', url, query) }, body };
}

function refersTo({ manifests }: Repository, digest: string, subject: string): boolean {
  const { subject: own } = JSON.parse(String(manifests.get(digest))) as { subject?: { digest?: string } };
  return own?.digest === subject;
}

function linkHeaders(style: LinkStyle, url: URL, query: string): Record<string, string> {
  const targets: Readonly<Record<LinkStyle, string>> = {
    relative: `${url.pathname}?${query}`,
    absolute: `${url.origin}${url.pathname}?${query}`,
    'inside-host': `http://registry.internal:5000${url.pathname}?${query}`,
    'lost-prefix': `${url.pathname.replace(/^\/v2\/[^/]+/, '/v2')}?${query}`,
    unencoded: `${url.pathname}?${decodeURIComponent(query)}`,
  };
  const jfrog = style === 'lost-prefix' ? { 'x-jfrog-version': 'Artifactory/7.77.0' } : {};
  return { link: `<${targets[style]}>; rel="next"`, ...jfrog };
}
