import type { Measured } from '../chart/attachments.ts';
import { digestOf } from '../chart/digest.ts';
import { helmLimits, inspectArchive } from './chart-archive.ts';
import { type GoValue, goJson } from './go-json.ts';
import { mediaTypes } from './oci-manifest.ts';

/** The layers of a chart's image. */
export interface ImageLayers {
  readonly archive: Measured;
  readonly provenance?: Measured | undefined;
}

/**
 * The config of an archive's image: what Helm 4 writes into a registry when it pushes it (helm.sh/helm/v4 pkg/registry,
 * `Push`), to the byte. An archive that Helm would not push has one, too, which Helm can read: what it would stumble over
 * is left out. Throws as `inspectArchive`; the message begins with `subject`.
 */
export function deriveConfig(bytes: Uint8Array, subject?: string): string {
  return goJson(inspectArchive(bytes, helmLimits, subject).config);
}

/**
 * The manifest of an archive's image with this config, as Helm 4 writes it (the same), annotations included, but without
 * `org.opencontainers.image.created`, unless Chart.yaml has it: Helm takes that from a clock.
 */
export function deriveManifest(config: string, { archive, provenance }: ImageLayers): string {
  const layers = [
    descriptor(mediaTypes.chartLayer, archive),
    ...(provenance ? [descriptor(mediaTypes.provenanceLayer, provenance)] : []),
  ];
  return goJson({
    schemaVersion: 2,
    config: descriptor(mediaTypes.chartConfig, {
      digest: digestOf(Buffer.from(config)),
      size: Buffer.byteLength(config),
    }),
    layers: layers.toSorted((one, other) => (one.digest < other.digest ? -1 : 1)),
    annotations: annotationsOf(JSON.parse(config) as Metadata),
  });
}

function descriptor(
  mediaType: string,
  { digest, size }: Measured,
): { readonly [field: string]: GoValue; readonly digest: string } {
  return { mediaType, digest, size };
}

/** What a config says, as far as annotations need it. */
interface Metadata {
  readonly name?: string;
  readonly version?: string;
  readonly description?: string;
  readonly home?: string;
  readonly sources?: readonly string[];
  readonly maintainers?: readonly { readonly name?: string; readonly email?: string }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

const named = (name: string): string => `org.opencontainers.image.${name}`;
const fixed = new Set(['title', 'version'].map(named));

/** The chart's own annotations count more than what follows from its other fields, except for what it is. */
function annotationsOf(metadata: Metadata): ReadonlyMap<string, string> {
  const { name, version, description, home, sources, maintainers, annotations } = metadata;
  const fields = {
    title: name,
    version,
    description,
    url: home,
    source: sources?.[0],
    authors: authorsOf(maintainers),
  };
  const derived = Object.entries(fields).map(([field, value = '']) => [named(field), value] as const);
  return new Map([
    ...derived.filter(([, value]) => /\P{White_Space}/u.test(value)),
    ...Object.entries(annotations ?? {}).filter(([key]) => !fixed.has(key)),
  ]);
}

function authorsOf(maintainers: Metadata['maintainers'] = []): string {
  return maintainers.map(({ name = '', email }) => (email ? `${name} (${email})` : name)).join(', ');
}
