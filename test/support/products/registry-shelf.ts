import { digestOf, type Digest } from '../../../src/chart/digest.ts';
import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';

/** What a shelf is asked for. */
export interface Asked {
  readonly repository: string;
  readonly kind: 'tags' | 'manifests' | 'blobs';
  /** A tag or a digest; `list` for tags. */
  readonly reference: string;
}

/** What one tag points to. */
export interface ShelvedTag {
  readonly tag: string;
  readonly digest: Digest;
  /** Of the config: what products show as artifact type. */
  readonly type: string;
}

export const chartType = 'application/vnd.cncf.helm.config.v1+json';
export const imageType = 'application/vnd.docker.container.image.v1+json';
const chartLayer = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

/** What a hosted registry keeps: charts as `helm push` makes them, and images. Whoever asks is let in. */
export class RegistryShelf {
  readonly #repositories = new Map<string, Map<string, ShelvedTag>>();
  readonly #manifests = new Map<string, Buffer>();
  readonly #blobs = new Map<string, Buffer>();

  /** Names of repositories, in order. */
  get repositories(): readonly string[] {
    return [...this.#repositories.keys()].toSorted();
  }

  tagsOf(repository: string): readonly ShelvedTag[] {
    return [...(this.#repositories.get(repository)?.values() ?? [])];
  }

  /** Pushes a chart named as the repository ends. */
  push(repository: string, version: string): void {
    const name = repository.slice(repository.lastIndexOf('/') + 1);
    const config = Buffer.from(JSON.stringify({ apiVersion: 'v2', name, version, description: `of ${repository}` }));
    this.#put(repository, version.replaceAll('+', '_'), chartType, config, archiveOf(name, version));
  }

  /** Pushes an image whose tag could be a version. */
  pushImage(repository: string, tag: string): void {
    this.#put(repository, tag, imageType, Buffer.from(`{"image":"${repository}"}`), Buffer.from(repository));
  }

  remove(repository: string, tag: string): void {
    this.#repositories.get(repository)?.delete(tag);
  }

  /** A blob's bytes, for whoever redirects to them. */
  blob(digest: string): Buffer | undefined {
    return this.#blobs.get(digest);
  }

  /** The answer to a request that was let in; undefined for what it is not about. */
  answer(request: SiteRequest): SiteAnswer | undefined {
    const asked = askedOf(request);
    if (!asked) return undefined;
    const { repository, kind, reference } = asked;
    if (kind === 'blobs') return found(this.#blobs.get(reference), 'BLOB_UNKNOWN');
    if (kind === 'tags') {
      const tags = this.tagsOf(repository).map(({ tag }) => tag);
      return found(tags.length > 0 ? JSON.stringify({ name: repository, tags }) : undefined, 'NAME_UNKNOWN');
    }
    const digest = this.#repositories.get(repository)?.get(reference)?.digest ?? reference;
    const answer = found(this.#manifests.get(digest), 'MANIFEST_UNKNOWN');
    return { ...answer, headers: { ...answer.headers, 'docker-content-digest': digest } };
  }

  #put(repository: string, tag: string, type: string, config: Buffer, layer: Buffer): void {
    const descriptor = (mediaType: string, bytes: Buffer): object => {
      this.#blobs.set(digestOf(bytes), bytes);
      return { mediaType, digest: digestOf(bytes), size: bytes.length };
    };
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: descriptor(type, config),
        layers: [descriptor(type === chartType ? chartLayer : 'application/vnd.oci.image.layer.v1.tar', layer)],
        annotations: { 'org.opencontainers.image.version': tag },
      }),
    );
    this.#manifests.set(digestOf(manifest), manifest);
    const tags = this.#repositories.get(repository) ?? new Map<string, ShelvedTag>();
    this.#repositories.set(repository, tags.set(tag, { tag, digest: digestOf(manifest), type }));
  }
}

/** `nginx` and `loki` below a path with two versions each, and an image with a tag that could be a version. */
export function smallShelf(path: string): RegistryShelf {
  const shelf = new RegistryShelf();
  for (const name of ['nginx', 'loki'])
    for (const version of ['1.0.0', '1.1.0']) shelf.push(`${path}/${name}`, version);
  shelf.pushImage(`${path}/some-image`, '3.0.0');
  return shelf;
}

/** So many charts with so many versions each. */
export function largeShelf(path: string, charts: number, versions: number): RegistryShelf {
  const shelf = new RegistryShelf();
  for (let chart = 0; chart < charts; chart += 1) {
    for (let version = 0; version < versions; version += 1) shelf.push(`${path}/chart-${chart}`, `1.${version}.0`);
  }
  return shelf;
}

/** What the archive of a chart is here. */
export function archiveOf(name: string, version: string): Buffer {
  return Buffer.from(`the archive of ${name} ${version}`);
}

/** What a request of the distribution protocol is about. */
export function askedOf({ path }: Pick<SiteRequest, 'path'>): Asked | undefined {
  const [, repository = '', kind, reference = ''] = /^\/v2\/(.+)\/(tags|manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
  return kind === undefined ? undefined : { repository, kind: kind as Asked['kind'], reference };
}

/** An error as registries write it. */
export function registryError(status: number, code: string, message = code): SiteAnswer {
  const headers = { 'content-type': 'application/json' };
  return { status, headers, body: JSON.stringify({ errors: [{ code, message, detail: null }] }) };
}

/** JSON with a status. */
export function json(body: unknown, status = 200, headers: SiteAnswer['headers'] = {}): SiteAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** The 401 of a registry that asks for a token. */
export function challenge(value: string): SiteAnswer {
  const refused = registryError(401, 'UNAUTHORIZED', 'authentication required');
  return { ...refused, headers: { ...refused.headers, 'www-authenticate': value } };
}

/** One page of a list, counted from 1, and whether there is another. */
export function pageOf<T>(
  list: readonly T[],
  page: number,
  size: number,
): { readonly rows: readonly T[]; readonly more: boolean } {
  return { rows: list.slice((page - 1) * size, page * size), more: page * size < list.length };
}

function found(body: Buffer | string | undefined, code: string): SiteAnswer {
  return body === undefined ? registryError(404, code) : { body };
}

/** Where a product keeps its blobs: another host that knows whom it lets in by the query alone. */
export function storageOf(shelf: RegistryShelf, refusal: SiteAnswer): Site {
  return ({ path, query, headers }) => {
    if (headers.authorization !== undefined) return refusal;
    const blob = query.has('signature') ? shelf.blob(path.slice(1)) : undefined;
    return blob ? { body: blob } : { status: 403, body: 'Request has expired' };
  };
}

/** The way to a blob at another host. */
export function redirectTo(host: string, digest: string): SiteAnswer {
  return { status: 307, headers: { location: `https://${host}/${digest}?signature=presigned` } };
}
