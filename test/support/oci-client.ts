import { readFile } from 'node:fs/promises';

import { Agent, fetch, type Headers } from 'undici';

import { digestOf, type Descriptor, type Digest } from '../../src/chart/digest.ts';

/** What a registry answered, whatever its status. */
export interface OciAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** A manifest as it was told, its bytes being those of its digest. */
export interface ToldManifest {
  readonly digest: Digest;
  readonly type: string | null;
  readonly bytes: Buffer;
  readonly content: ChartImage;
}

/** What the manifest of a chart says. */
export interface ChartImage {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A plain client of a registry. Names are repositories of it, such as `stable/nginx`. */
export interface OciClient {
  ask(path: string, method?: 'GET' | 'HEAD'): Promise<OciAnswer>;
  /** The digest that HEAD tells of a tag. Throws for any status but 200. */
  digest(name: string, tag: string): Promise<Digest>;
  /** Throws for any status but 200, and for bytes that are not those of the digest that was told. */
  manifest(name: string, reference: string): Promise<ToldManifest>;
  /** Throws likewise. */
  blob(name: string, digest: string): Promise<Buffer>;
  /** All tags of a repository, page after page. */
  tags(name: string): Promise<readonly string[]>;
  /** What refers to a manifest. */
  referrers(name: string, digest: string): Promise<readonly (Descriptor & { readonly artifactType?: string })[]>;
  close(): Promise<void>;
}

/** What Helm accepts; some registries have a manifest only for who does. */
const accept = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  '*/*',
].join(', ');

/** Speaks to a registry, trusting `caFile` where it answers over HTTPS. */
export async function ociClientOf(url: string, caFile?: string): Promise<OciClient> {
  const dispatcher = new Agent({ connections: 16, connect: caFile ? { ca: await readFile(caFile) } : {} });
  const ask = async (path: string, method: 'GET' | 'HEAD' = 'GET'): Promise<OciAnswer> => {
    const answer = await fetch(new URL(path, url), { dispatcher, method, headers: { accept } });
    return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
  };
  const ok = async (path: string, method: 'GET' | 'HEAD' = 'GET') => {
    const answer = await ask(path, method);
    if (answer.status === 200) return answer;
    throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
  };
  const manifest = async (name: string, reference: string): Promise<ToldManifest> => {
    const { headers, body } = await ok(`/v2/${name}/manifests/${reference}`);
    const digest = toldDigest(headers);
    if (digestOf(body) !== digest) throw new Error(`${name} ${reference} is ${digestOf(body)}, told as ${digest}`);
    return {
      digest,
      type: headers.get('content-type'),
      bytes: body,
      content: JSON.parse(body.toString()) as ChartImage,
    };
  };
  return {
    ask,
    manifest,
    digest: async (name, tag) => toldDigest((await ok(`/v2/${name}/manifests/${tag}`, 'HEAD')).headers),
    blob: async (name, digest) => {
      const { body } = await ok(`/v2/${name}/blobs/${digest}`);
      if (digestOf(body) !== digest) throw new Error(`the blob ${digest} of ${name} is ${digestOf(body)}`);
      return body;
    },
    tags: (name) => allTags(ok, `/v2/${name}/tags/list`),
    referrers: async (name, digest) => {
      const { body } = await ok(`/v2/${name}/referrers/${digest}`);
      return (JSON.parse(body.toString()) as { readonly manifests: readonly Descriptor[] }).manifests;
    },
    close: () => dispatcher.close(),
  };
}

/** The descriptor among these that has a media type. Throws when there is none. */
export function layerOf(image: ChartImage, mediaType: string): Descriptor {
  const found = image.layers.find((layer) => layer.mediaType === mediaType);
  if (!found) throw new Error(`no ${mediaType} in ${JSON.stringify(image)}`);
  return found;
}

function toldDigest(headers: Headers): Digest {
  return String(headers.get('docker-content-digest')) as Digest;
}

async function allTags(ok: (path: string) => Promise<OciAnswer>, first: string): Promise<readonly string[]> {
  const tags: string[] = [];
  for (let path: string | undefined = first; path !== undefined;) {
    const { headers, body } = await ok(path);
    tags.push(...(JSON.parse(body.toString()) as { readonly tags: readonly string[] }).tags);
    path = /^<([^>]+)>; *rel="?next"?/.exec(headers.get('link') ?? '')?.[1];
  }
  return tags;
}
