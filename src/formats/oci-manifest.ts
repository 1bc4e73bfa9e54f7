import { isDigest, type Descriptor } from '../chart/digest.ts';
import { isChartVersion, isStrictVersion } from '../chart/version.ts';
import { readTime } from './index-rows.ts';

/** Media types of the OCI image specification, of Docker's, and of Helm (helm.sh/helm pkg/registry). */
export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  chartConfig: 'application/vnd.cncf.helm.config.v1+json',
  chartLayer: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
  /** What Helm wrote before 3.0 was final. */
  legacyChartLayer: 'application/tar+gzip',
  provenanceLayer: 'application/vnd.cncf.helm.chart.provenance.v1.prov',
} as const;

/** No registry takes a larger manifest. */
export const maxManifestBytes = 4 * 1024 * 1024;
/** A Chart.yaml is smaller by far. */
export const maxConfigBytes = 4 * 1024 * 1024;
const maxLayers = 1000;

/** The manifest of a chart: where its Chart.yaml, its archive and its provenance are. */
export interface ChartManifest {
  readonly config: Descriptor;
  readonly archive: Descriptor;
  readonly provenance: Descriptor | undefined;
  /** RFC 3339, from the annotation `org.opencontainers.image.created`. */
  readonly created: string | undefined;
}

/** What a manifest turned out to be. `what` and `why` are words for a message, free of upstream's own text. */
export type ReadManifest =
  | { readonly kind: 'chart'; readonly chart: ChartManifest }
  /** An index with a single entry, which may be a chart. */
  | { readonly kind: 'single'; readonly entry: Descriptor }
  | { readonly kind: 'other'; readonly what: string }
  | { readonly kind: 'invalid'; readonly why: string }
  /** No JSON object: nothing a registry would have taken. */
  | { readonly kind: 'unreadable' };

type Fields = Readonly<Record<string, unknown>>;

/** Reads a manifest of at most `maxManifestBytes` (OCI image specification, manifest and index). Never throws. */
export function readManifest(bytes: Uint8Array): ReadManifest {
  const fields = jsonObject(bytes);
  if (!fields) return { kind: 'unreadable' };
  if (Array.isArray(fields['manifests'])) return readIndex(fields['manifests']);
  const { layers } = fields;
  if (!Array.isArray(layers)) return { kind: 'invalid', why: 'it has no layers' };
  if (layers.length > maxLayers) return { kind: 'invalid', why: `it has more than ${maxLayers} layers` };
  if (!isChart(fields)) return { kind: 'other', what: whatElse(fields) };
  return readChart(fields, layers);
}

function readIndex(entries: readonly unknown[]): ReadManifest {
  const [entry, ...more] = entries;
  if (!entry || more.length > 0) return { kind: 'other', what: 'an index of images' };
  const descriptor = readDescriptor(entry, maxManifestBytes);
  return descriptor
    ? { kind: 'single', entry: descriptor }
    : { kind: 'invalid', why: 'its only entry is no descriptor' };
}

function isChart(fields: Fields): boolean {
  return mediaTypeOf(fields['config']) === mediaTypes.chartConfig || fields['artifactType'] === mediaTypes.chartConfig;
}

function readChart(fields: Fields, layers: readonly unknown[]): ReadManifest {
  const layerOf = (type: string): unknown => layers.find((layer) => mediaTypeOf(layer) === type);
  const layer = layerOf(mediaTypes.chartLayer) ?? layerOf(mediaTypes.legacyChartLayer);
  if (layer === undefined) return { kind: 'invalid', why: 'it has no layer with an archive' };
  const archive = readDescriptor(layer, Number.MAX_SAFE_INTEGER);
  if (!archive) return { kind: 'invalid', why: 'its archive has no sha256 digest and size' };
  const config = readDescriptor(fields['config'], maxConfigBytes);
  if (!config)
    return { kind: 'invalid', why: `its config has no sha256 digest, or no size up to ${maxConfigBytes} bytes` };
  const provenance = readDescriptor(layerOf(mediaTypes.provenanceLayer), Number.MAX_SAFE_INTEGER);
  return { kind: 'chart', chart: { config, archive, provenance, created: createdOf(fields) } };
}

/** Words for what people keep in registries beside charts. */
const others: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^application\/vnd\.docker\.container\.image\.v1\+json$/, 'a container image'],
  [/^application\/vnd\.oci\.image\.config\.v1\+json$/, 'a container image'],
  [/^application\/vnd\.cncf\.flux\./, 'an artifact of Flux'],
  [/^application\/vnd\.dev\.(?:cosign|sigstore)\./, 'a signature'],
];

function whatElse(fields: Fields): string {
  const types = [mediaTypeOf(fields['config']), fields['artifactType']].filter((type) => typeof type === 'string');
  const known = others.find(([pattern]) => types.some((type) => pattern.test(type)));
  return known?.[1] ?? 'some other artifact';
}

function createdOf({ annotations }: Fields): string | undefined {
  const created = isObject(annotations) ? annotations['org.opencontainers.image.created'] : undefined;
  return typeof created === 'string' ? readTime(created) : undefined;
}

/** A descriptor as far as we can verify what it names: a sha256 digest, and a size up to `maxBytes`. Undefined for any other. */
export function readDescriptor(value: unknown, maxBytes: number): Descriptor | undefined {
  if (!isObject(value)) return undefined;
  const { digest, size } = value;
  const mediaType = mediaTypeOf(value);
  if (mediaType === undefined || typeof digest !== 'string' || !isDigest(digest)) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size > maxBytes) return undefined;
  return { mediaType, digest, size };
}

function mediaTypeOf(value: unknown): string | undefined {
  const type = isObject(value) ? value['mediaType'] : undefined;
  return typeof type === 'string' ? type : undefined;
}

/** The fields of a config blob, which for a chart are those of its Chart.yaml; undefined when it is no JSON object. */
export function readConfig(bytes: Uint8Array): Fields | undefined {
  return jsonObject(bytes);
}

function jsonObject(bytes: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const tagGrammar = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const repositoryGrammar = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;
const maxRepositoryLength = 255;

/** Whether `text` names a repository of a registry (distribution specification, pulling manifests). */
export function isRepository(text: string): boolean {
  return text.length <= maxRepositoryLength && repositoryGrammar.test(text);
}

/** Whether `text` can be a tag (same section). */
export function isTag(text: string): boolean {
  return tagGrammar.test(text);
}

/** The tag Helm gives a version: `+`, which a tag cannot hold, becomes `_`. Undefined when no tag can stand for it. */
export function tagOf(version: string): string | undefined {
  const tag = version.replaceAll('+', '_');
  return !version.includes('_') && isChartVersion(version) && isTag(tag) ? tag : undefined;
}

/** The version a tag stands for, where it is one that Helm lists: strict SemVer, `_` read as `+`. */
export function versionOf(tag: string): string | undefined {
  const version = tag.replaceAll('_', '+');
  return isTag(tag) && isStrictVersion(version) ? version : undefined;
}
